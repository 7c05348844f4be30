"""Small training runs: examples whose summary says the colours of their figures, a tiny model, workers under torchrun."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from mmsum.config import Config, load_config
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.model.torchstack import torch
from mmsum.training import worker
from mmsum.training.screen import read_steps
from mmsum.training.step import StepLog
from tests.tiny import png, tiny_model

COLOURS = ("red", "green", "blue", "black", "orange")


def write_examples(path: Path, count: int = 18, caption: str = "A square.", **changes: Any) -> Path:
    """`count` examples with 0 to 2 one-colour figures; {} in `caption` is the colour; `changes` replace fields of all."""
    examples = []
    for number in range(count):
        colours = [COLOURS[(number + turn) % len(COLOURS)] for turn in range(number % 3)]
        figures = [
            ExampleFigure(f"Figure {at}", caption.format(colour), png(colour)) for at, colour in enumerate(colours, 1)
        ]
        fields: dict[str, Any] = {
            "id": f"example-{number}",
            "title": f"Report {number}",
            "text": f"# Squares\n\nThe town painted {number} squares. " + "It rained. " * (number % 5),
            "figures": figures,
            "summary": f"{number} squares: {', '.join(colours) or 'no colour'}.",
        }
        examples.append(Example(**{**fields, **changes}))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(examples_to_table(examples), path, row_group_size=5)
    return path


def training_config(folder: Path, **changes: Any) -> Config:
    """A config of a run in `folder` on write_examples' data and a tiny model; `changes` are dotted keys.

    For CLIP captions differ: where all are equal, each is right, and nothing is learned.
    """
    pairs = changes.get("training.stage") == "finetune_clip"
    data = folder / "data" / ("pairs.parquet" if pairs else "examples.parquet")
    if not data.exists():
        write_examples(data, caption="A {} square." if pairs else "A square.")
    model = {f"model.{key}": value for key, value in tiny_model(folder / "model").model_dump().items()}
    keys: dict[str, Any] = {
        **model,
        "generation.context_tokens": 700,
        "generation.summary_tokens": 48,
        "training.data": str(data),
        "training.out": str(folder / "run"),
        "training.steps": 6,
        "training.batch_size": 6,
        "training.micro_batch": 1,
        "training.learning_rate": 0.01,
        "training.vision_learning_rate": 0.001,
        "training.warmup_steps": 2,
        "training.gate_start": 0.3,
        "training.log_steps": 2,
    }
    return load_config(**(keys | changes))


def write_config(config: Config, path: Path) -> Path:
    path.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    return path


SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["mmsum.training.launch", "mmsum.training.loop", "deepspeed.runtime.zero.muon.original_muon", "peft"]
)
"""Workers are forked from a process that has imported what they need, which takes longer than what these runs train."""


class Worker:
    """`python -m mmsum.training.worker ARGUMENTS` in a process of its own; what it prints goes to a file.

    main: instead of the worker's own, with the same arguments.
    """

    def __init__(self, environment: dict[str, str], arguments: list[str], main: Callable[[], None]) -> None:
        handle, self._printed = tempfile.mkstemp(prefix="mmsum-worker-")
        os.close(handle)
        self._process = SERVER.Process(target=_work, args=(environment, arguments, self._printed, main))
        self._process.start()
        self.pid = self._process.pid or 0
        self.kill = self._process.kill

    def poll(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> str:
        """What it printed until its end."""
        self._process.join(timeout)
        printed = Path(self._printed).read_text(errors="replace")
        if self.poll() is None:
            raise TimeoutError(f"a training worker did not end in {timeout} s:\n{printed[-3000:]}")
        return printed

    def remove(self) -> None:
        """Ends it, and what is left of it."""
        self.kill()
        self._process.join()
        Path(self._printed).unlink()


def _work(environment: dict[str, str], arguments: list[str], printed: str, main: Callable[[], None]) -> None:
    output = os.open(printed, os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    sys.argv = ["worker", *arguments]
    torch.set_num_threads(1)
    main()


def start_workers(workers: int, *configs: str | Path, main: Callable[[], None] = worker.main) -> list[Worker]:
    """The workers as torchrun would start them on this machine, without the seconds that its agent takes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = {"WORLD_SIZE": str(workers), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        Worker({**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)}, list(map(str, configs)), main)
        for rank in range(workers)
    ]


def run_workers(workers: int, *configs: str | Path, main: Callable[[], None] = worker.main) -> str:
    """Runs them to their end, one config (`FILE` or `FILE@STEP`) after the other; returns what the first one printed."""
    processes = start_workers(workers, *configs, main=main)
    try:
        printed = [process.communicate(timeout=500) for process in processes]
    finally:
        for process in processes:
            process.remove()
    codes = [process.poll() for process in processes]
    assert not any(codes), f"exit codes {codes}:\n" + "\n".join(text[-3000:] for text in printed)
    return printed[0]


def losses(config: Config) -> list[float]:
    return [log.loss for log in steps(config)]


def steps(config: Config) -> list[StepLog]:
    return read_steps(config.training.out)


def example(**changes: object) -> Example:
    """A document with one figure; `changes` replace its fields."""
    fields: dict[str, object] = {
        "id": "one",
        "title": "Squares",
        "text": "# Painting\n\nFigure 1 shows a red square.\n\n# End\n\nIt rained.",
        "figures": [ExampleFigure("Figure 1", "Figure 1: A square.", png("red"))],
        "summary": "One red square.",
    }
    return Example(**{**fields, **changes})  # type: ignore[arg-type]
