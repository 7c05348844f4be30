"""`mmsum evaluate`: arguments in, tables on the screen, files named at the end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsum import storage
from mmsum.errors import OutputError
from mmsum.evaluation.baselines import BASELINES
from mmsum.evaluation.evaluate import as_bytes
from mmsum.evaluation.evaluate import evaluate as run_evaluate
from mmsum.evaluation.systems import config_of_model
from mmsum.screen import open_console


def evaluate(arguments: argparse.Namespace) -> None:
    console = open_console()
    config = config_of_model(arguments.model, arguments.set, arguments.config, arguments.preset)
    if arguments.json and Path(arguments.json).is_dir():  # found out before the work
        raise OutputError(f"--json: {arguments.json} is a folder; name a file in it")
    given = arguments.baselines
    names = list(BASELINES) if given is None else [name.strip() for name in given.split(",")]
    evaluation = run_evaluate(
        arguments.model,
        arguments.data,
        config,
        out=arguments.out,
        ablate=arguments.ablate,
        baselines=[name for name in names if name not in ("", "none")],
        backbone=not arguments.no_backbone,
        text_only=arguments.text_only,
        limit=arguments.limit,
        split=arguments.split,
        source=arguments.source,
        unit=arguments.unit,
        local=arguments.local,
        console=console,
    )
    out = storage.normalize(arguments.out)
    console.print(f"examples   {storage.join(out, 'examples.parquet')}", soft_wrap=True)
    console.print(f"page       {storage.join(out, 'index.html')}", soft_wrap=True)
    if arguments.json:
        with storage.writing(f"--json: {arguments.json}"):
            storage.put(storage.normalize(arguments.json), as_bytes(evaluation))
        console.print(f"numbers    {arguments.json}", soft_wrap=True)
