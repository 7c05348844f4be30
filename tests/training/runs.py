"""Small training runs: examples whose summary says the colours of their figures, a tiny model, workers under torchrun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import yaml

from mmsum.config import Config, load_config
from mmsum.examples import Example, ExampleFigure, examples_to_table
from mmsum.training.loop import StepLog
from mmsum.training.screen import read_steps
from tests.tiny import png, tiny_model

COLOURS = ("red", "green", "blue", "black", "orange")


def write_examples(path: Path, count: int = 18, **changes: Any) -> Path:
    """`count` examples with 0, 1 or 2 one-colour figures; `changes` replace fields of all of them."""
    examples = []
    for number in range(count):
        colours = [COLOURS[(number + turn) % len(COLOURS)] for turn in range(number % 3)]
        figures = [ExampleFigure(f"Figure {at}", "A square.", png(colour)) for at, colour in enumerate(colours, 1)]
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
    """A config of a run in `folder` on write_examples' data and a tiny model; `changes` are dotted keys."""
    data = folder / "data" / "examples.parquet"
    if not data.exists():
        write_examples(data)
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


def start_workers(workers: int, *configs: str | Path) -> list[subprocess.Popen[str]]:
    """The workers as torchrun would start them on this machine, without the seconds that its agent takes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = {"WORLD_SIZE": str(workers), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mmsum.training.worker", *map(str, configs)]
    return [
        subprocess.Popen(
            command,
            env={**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(workers)
    ]


def run_workers(workers: int, *configs: str | Path) -> str:
    """Runs them to their end, one config (`FILE` or `FILE@STEP`) after the other; returns what the first one printed."""
    processes = start_workers(workers, *configs)
    try:
        printed = [process.communicate(timeout=500)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    codes = [process.returncode for process in processes]
    assert not any(codes), f"exit codes {codes}:\n" + "\n".join(text[-3000:] for text in printed)
    return printed[0]


def ray_workers(ancestor: psutil.Process) -> list[psutil.Process]:
    """Ray Train's workers among the descendants of a process."""
    found = []
    for child in ancestor.children(recursive=True):
        try:
            if "RayTrainWorker" in child.name() or any("RayTrainWorker" in part for part in child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def losses(config: Config) -> list[float]:
    return [log.loss for log in steps(config)]


def steps(config: Config) -> list[StepLog]:
    return read_steps(config.training.out)
