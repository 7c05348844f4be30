"""The evaluation flow: what a model writes about examples, beside what it had to beat.

examples -> variants -> summaries (here, or actors on Ray) -> scores -> table, JSON, Parquet, page
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from os import PathLike, fspath

from rich.console import Console
from rich.progress import Progress

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import ConfigError
from mmsum.evaluation.baselines import BASELINES
from mmsum.evaluation.facts import figure_facts, text_facts
from mmsum.evaluation.intervals import Bootstrap
from mmsum.evaluation.page import render_page
from mmsum.evaluation.result import Evaluation
from mmsum.evaluation.scores import score, scores_by_kind, scores_of
from mmsum.evaluation.screen import print_evaluation
from mmsum.evaluation.systems import System, config_of_model, list_systems
from mmsum.evaluation.variants import FULL, Examples, Unit, load_examples
from mmsum.evaluation.writing import Store, Written, list_jobs, write_here, write_on_ray
from mmsum.pipeline.cluster import ray_session
from mmsum.rouge import check_package


def evaluate(
    model: str | PathLike[str],
    data: str | PathLike[str],
    config: Config | None = None,
    *,
    out: str | PathLike[str] = "evaluation",
    ablate: bool = False,
    baselines: Sequence[str] = tuple(BASELINES),
    backbone: bool = True,
    text_only: str | None = None,
    limit: int | None = None,
    split: str | None = None,
    source: str | None = None,
    unit: Unit = "document",
    local: bool = False,
    console: Console | None = None,
) -> Evaluation:
    """Scores what `model` writes about the examples under `data`, and writes Parquet, JSON and a page under `out`.

    model: a preset, an export folder, or `lead`; `config` says more about how it runs (default: config_of_model).
    backbone: also the same backbone without what was trained. text_only: an export trained without figures, to
    compare with. limit, split: of the examples; source: what theirs must hold. unit: whole documents, or each figure by
    itself. local: in this process, without Ray. Called again, it writes only the summaries that are missing.

    Raises UsageError for wrong arguments, EnvironmentFailure when the evaluation cannot go on.
    """
    console = console or Console(quiet=True)
    check_package()
    model, data, out = fspath(model), fspath(data), fspath(out)
    config = config or config_of_model(model)
    if unknown := sorted(set(baselines) - set(BASELINES)):
        raise ConfigError(f"baselines: {unknown[0]} is unknown; known are {', '.join(BASELINES)}")

    table, left_out = load_examples(data, limit, split, unit, source)
    examples = Examples(table, config.seed)
    facts = [figure_facts(examples.get(index)) for index in range(len(examples))]
    of_text = [text_facts(examples.get(index)) for index in range(len(examples))]
    systems = list_systems(config, ablate=ablate, can_swap=examples.can_swap, backbone=backbone, text_only=text_only)
    storage.honours_conditions(storage.normalize(out))  # OUT can be written: found out before the work

    written = _write(systems, examples, Store(out, data, examples, systems), local, console)
    for name in baselines:
        written[name] = [Written(BASELINES[name](examples.get(index))) for index in range(len(examples))]

    texts = {
        name: [score(examples.get(index), facts[index], of_text[index], one) for index, one in enumerate(column)]
        for name, column in written.items()
    }
    bootstrap = Bootstrap(examples.documents, config.seed)
    evaluation = Evaluation(
        model=model,
        data=data,
        config=config,
        examples=examples,
        facts=facts,
        texts=texts,
        scores={name: scores_of(rows, texts[FULL], bootstrap) for name, rows in texts.items()},
        by_kind=scores_by_kind(facts, texts[FULL]),
        left_out=left_out,
    )
    print_evaluation(evaluation, console)
    _publish(evaluation, out)
    return evaluation


def _write(
    systems: Sequence[System], examples: Examples, store: Store, local: bool, console: Console
) -> dict[str, list[Written]]:
    """system -> one summary per example. Systems of one config share their actors; models are loaded one after another."""
    found: dict[str, list[Written | None]] = {system.name: [None] * len(examples) for system in systems}
    configs: list[Config] = []
    for system in systems:
        if system.config not in configs:
            configs.append(system.config)
    jobs = list_jobs(systems, len(examples), systems[0].config.shard_size)
    done = {job: kept for job in jobs if (kept := store.get(job)) is not None}
    missing = [job for job in jobs if job not in done]
    cluster_of = nullcontext() if local or not missing else ray_session(systems[0].config.resources)
    with cluster_of as cluster, Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("summaries", total=len(jobs), completed=len(done))
        for config in configs:
            names = {system.name for system in systems if system.config == config}
            todo = [job for job in missing if job.system in names]
            if not todo:
                continue
            writing = write_on_ray(cluster, config, examples, todo) if cluster else write_here(config, examples, todo)
            for job, summaries in writing:
                store.put(job, summaries)
                done[job] = summaries
                progress.advance(bar)
                if not console.is_terminal:  # a log, which would be silent for hours
                    console.print(f"{job.system}: {job.stop} of {len(examples)} summaries written")
    for job, summaries in done.items():
        found[job.system][job.start : job.stop] = summaries
    return {name: [one for one in column if one is not None] for name, column in found.items()}


def _publish(evaluation: Evaluation, out: str) -> None:
    """OUT/examples.parquet, OUT/evaluation.json and OUT/index.html, replacing those of an earlier evaluation."""
    files = {
        "examples.parquet": storage.parquet_bytes(evaluation.as_table()),
        "evaluation.json": as_bytes(evaluation),
        "index.html": render_page(evaluation).encode(),
    }
    for name, content in files.items():
        uri = storage.join(storage.normalize(out), name)
        with storage.writing(uri):
            storage.put(uri, content)


def as_bytes(evaluation: Evaluation) -> bytes:
    """The JSON of an evaluation as a file holds it."""
    return (json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n").encode()
