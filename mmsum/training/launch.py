"""`mmsum train`: in this process (`--local`), under torchrun, or on a Ray cluster."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import ConfigError, EnvironmentFailure, MmsumError, UsageError
from mmsum.pipeline.cluster import beside_the_driver, hide_other_gpus, ray_session
from mmsum.training.encode import RULES, Encoded, Part, encode

POLL_SECONDS = 1.0


def run_training(config: Config, console: Console, *, local: bool = False, until: int | None = None) -> str | None:
    """Trains as `config.training` says; returns the export's folder. Started again, it goes on from the last checkpoint.

    Raises UsageError before anything starts when the config is wrong, EnvironmentFailure when the run cannot go on.
    """
    check_training(config)
    export = train_in_process(config, console, until=until) if local else train_on_ray(config, console)
    if export:
        from mmsum.training.screen import draw_losses

        console.print(f"losses     {draw_losses(config.training.out)}", soft_wrap=True)
        console.print(f"export     {export}", soft_wrap=True)
        if config.training.stage == "train":
            console.print(f"next       mmsum summarize SRC OUT --model {export}", soft_wrap=True)
    return export


def check_training(config: Config) -> None:
    """Raises ConfigError for what can be known to be wrong without loading anything."""
    training = config.training
    for name, what in (
        ("data", "examples to learn from"),
        ("out", "a folder or prefix for checkpoints and the export"),
    ):
        if not getattr(training, name):
            raise ConfigError(f"training.{name}: empty; name {what}")
    low, high = training.worker_range
    for workers in range(low, high + 1):
        if training.batch_size % (workers * training.micro_batch):
            raise ConfigError(
                f"training.batch_size: {training.batch_size} does not divide into micro-batches of "
                f"{training.micro_batch} on {workers} workers; choose a multiple of both for every number of workers"
            )
    if training.offload and not training.zero:
        raise ConfigError(
            "training.offload: ZeRO 0 keeps no state that could be offloaded; set training.zero to 1, 2 or 3"
        )


def check_caps(config: Config) -> None:
    """Ray Train takes its workers whole. Raises ConfigError when the largest group is above the run's caps."""
    training, resources = config.training, config.resources
    most = training.worker_range[1]
    for cap, taken, what in (
        (resources.max_cpus, most * training.worker_cpus, "CPUs"),
        (resources.max_gpus or None, most, "GPUs"),
    ):
        if cap is not None and taken > cap:
            raise ConfigError(
                f"training.workers: {most} take {taken:g} {what}, but resources.max_{what.lower()} is {cap:g}; "
                "take fewer workers, or raise it"
            )


def parse_workers(text: str) -> int | tuple[int, int]:
    """`4` or `2-8` as `--workers` takes it. Raises UsageError for anything else."""
    low, dash, high = text.partition("-")
    if low.isdigit() and (high.isdigit() if dash else True):
        return (int(low), int(high)) if dash else int(low)
    raise UsageError(f"--workers: {text!r} is neither a number nor MIN-MAX, as in --workers 2-8")


def announce(console: Console, encoded: Encoded) -> None:
    """What there is to learn from, and what the rules left out or shortened."""
    rows = encoded.index.num_rows
    figures = sum(encoded.index["figures"].to_pylist())
    console.print(f"{rows} examples with {figures} figures", soft_wrap=True)
    for name, count in encoded.counts.items():
        console.print(f"  {count} × {RULES[name]}", soft_wrap=True)


def train_in_process(config: Config, console: Console, *, until: int | None = None) -> str | None:
    """One worker here, without Ray and without DeepSpeed; or one of torchrun's workers, with it."""
    from mmsum.training.loop import train
    from mmsum.training.screen import Screen
    from mmsum.training.world import join_world

    world = join_world()
    say = Console(quiet=True) if not world.first else console
    encoded = encode(config.training.data, config) if world.first else None
    valid = encode(config.training.valid, config) if world.first and config.training.valid else None
    encoded, valid = world.tell((encoded, valid))
    assert encoded is not None
    announce(say, encoded)
    screen = Screen(config, world, lambda line: say.print(line, soft_wrap=True, highlight=False))
    return train(config, encoded, valid, world, screen, deepspeed=world.size > 1 or "RANK" in os.environ, until=until)


def train_on_ray(config: Config, console: Console) -> str | None:
    """Examples encoded by Ray Data's CPU workers, then Ray Train's workers under DeepSpeed."""
    check_caps(config)
    with ray_session(config.resources) as cluster:
        import ray
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        training = config.training
        encoded = encode(training.data, config, run=encode_on_ray)
        valid = encode(training.valid, config, run=encode_on_ray) if training.valid else None
        announce(console, encoded)
        board = ray.remote(**beside_the_driver())(Lines).remote()
        gpus = cluster.gpus > 0
        if not gpus:
            console.print("no GPUs: training on CPUs (resources.max_gpus says how many an autoscaler is to add)")
        trainer = TorchTrainer(
            _ray_worker,
            train_loop_config={"config": config.model_dump_json(), "encoded": encoded, "valid": valid, "board": board},
            torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=training.workers, use_gpu=gpus, resources_per_worker=_worker_resources(config, gpus)
            ),
            run_config=RunConfig(
                name=f"train-{time.time_ns()}",  # a name used before would bring back that run's failures
                storage_path=_ray_storage(training.out),
                checkpoint_config=CheckpointConfig(num_to_keep=training.keep),
                failure_config=FailureConfig(max_failures=training.restarts),
            ),
        )
        with _Reader(board, console):
            try:
                result = trainer.fit()
            except ray.train.TrainingFailedError as error:
                raise _cause(error) from error
    return str(result.metrics["export"]) if result.metrics and result.metrics.get("export") else None


def _worker_resources(config: Config, gpus: bool) -> dict[str, float]:
    return {"CPU": config.training.worker_cpus} | ({"GPU": 1.0} if gpus else {})


def _ray_storage(out: str) -> str:
    """Where Ray Train keeps its own notes. Our checkpoints do not pass through it."""
    uri = storage.normalize(out)
    return storage.join(uri, "ray").removeprefix("file://")


def encode_on_ray(parts: list[Part], folder: str, config: Config) -> Iterator[int]:
    """Each part a task on some CPU of the cluster."""
    import ray

    table = ray.data.from_items([asdict(part) for part in parts])
    done = table.repartition(len(parts)).map_batches(
        _encode_task,
        fn_kwargs={"folder": folder, "config": config},
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=0.9,
    )
    for row in done.iter_rows():
        yield int(row["number"])


def _encode_task(batch: pa.Table, *, folder: str, config: Config) -> pa.Table:
    from mmsum.training.encode import encode_part, load_chat

    chat = load_chat(config)
    for row in batch.to_pylist():
        encode_part(Part(**row), folder, chat, config)
    return batch.select(["number"])


class Lines:
    """The actor that holds what the first worker says until the driver shows it."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=1000)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def take(self) -> list[str]:
        taken = list(self.lines)
        self.lines.clear()
        return taken


class _Reader:
    """Shows the board's lines on the console while a block runs."""

    def __init__(self, board: Any, console: Console) -> None:
        self.board, self.console = board, console
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *exception: object) -> None:
        self.ended.set()
        self.thread.join()
        self._show()

    def _read(self) -> None:
        while not self.ended.wait(POLL_SECONDS):
            self._show()

    def _show(self) -> None:
        import ray

        try:
            lines = ray.get(self.board.take.remote(), timeout=10)
        except ray.exceptions.RayError:
            return  # the cluster is going down, and the run's own error says why
        for line in lines:
            self.console.print(line, soft_wrap=True, highlight=False)


def _ray_worker(settings: dict[str, Any]) -> None:
    """The training function of Ray Train: one worker of the group that Ray has already made."""
    hide_other_gpus()
    from mmsum.pipeline.metrics import TrainingMetrics
    from mmsum.training.loop import StepLog, train
    from mmsum.training.screen import Screen
    from mmsum.training.world import join_world

    config = Config.model_validate_json(settings["config"])
    board = settings["board"]
    world = join_world()
    metrics = TrainingMetrics(storage.normalize(config.training.out).rpartition("/")[2])

    class Reporting(Screen):
        """Also counts steps for Prometheus, and tells Ray Train about checkpoints: it judges a run's progress by them."""

        def step(self, log: StepLog) -> None:
            super().step(log)
            metrics.step(log)

        def checkpoint(self, folder: str, step: int, valid_loss: float | None) -> None:
            super().checkpoint(folder, step, valid_loss)
            _report({"step": step, "valid_loss": valid_loss}, folder, world.first)

    screen = Reporting(config, world, lambda line: board.say.remote(line))
    export = train(config, settings["encoded"], settings["valid"], world, screen)
    _report({"step": config.training.steps, "export": export}, str(export), world.first)


def _report(metrics: dict[str, Any], folder: str, first: bool) -> None:
    """Tells Ray Train. It keeps checkpoints below its own folder only, so it gets a pointer to ours, not the tensors."""
    import ray.train

    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "uri.txt").write_text(folder)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(scratch) if first else None)


def _cause(error: Exception) -> MmsumError:
    """Our own error, where a worker raised one; else what Ray says of it."""
    failures: dict[int, BaseException] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause: BaseException | None = failure
        while cause is not None:
            if isinstance(cause, MmsumError):
                return cause
            cause = cause.__cause__ or getattr(cause, "cause", None)
    first = next(iter(failures.values()), error)
    text = " ".join(str(first).strip().splitlines()[-1:]) or type(first).__name__
    return EnvironmentFailure(f"training stopped: {text} (the same command goes on from the last checkpoint)")
