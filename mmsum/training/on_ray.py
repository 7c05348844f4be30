"""`mmsum train` on a Ray cluster: examples encoded by Ray Data, trained on by the workers of Ray Train."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import EnvironmentFailure, MmsumError
from mmsum.pipeline.cluster import beside_the_driver, hide_other_gpus, ray_session
from mmsum.pipeline.summarize import cause_of
from mmsum.training.encode import Part, encode_data
from mmsum.training.launch import announce, check_caps

POLL_SECONDS = 1.0


def train_on_ray(config: Config, console: Console) -> str | None:
    """Examples encoded by Ray Data's CPU workers, then Ray Train's workers under DeepSpeed; returns the export's folder.

    A lost worker costs the steps since the last checkpoint. The run gives up after `training.restarts` of them with no
    checkpoint in between, and at once where a worker raises an error of ours: another worker would raise it again.
    """
    # Not above: workers import this module, and torch may look for GPUs only once `hide_other_gpus` has hidden others'.
    from mmsum.training.checkpoints import latest

    check_caps(config)
    training = config.training
    with ray_session(config.resources) as cluster:
        import ray

        encoded, valid = encode_data(config, run=encode_on_ray)
        announce(console, encoded)
        gpus = cluster.gpus > 0
        if not gpus:
            console.print("no GPUs: training on CPUs (resources.max_gpus says how many an autoscaler is to add)")
        _announce_waiting(config, ray.cluster_resources(), gpus, console)
        board = ray.remote(**beside_the_driver())(Board).remote()
        settings = {
            "config": config.model_dump_json(),
            "encoded": encoded,
            "valid": valid,
            "board": board,
            "gpus": gpus,
        }
        with _Reader(board, console):
            while True:
                before = latest(storage.normalize(training.out))
                try:
                    result = _trainer(config, settings, gpus=gpus).fit()
                    break
                except ray.train.TrainingFailedError as error:
                    if failed := ray.get(board.failure.remote()):
                        raise failed from error
                    if latest(storage.normalize(training.out)) == before:
                        raise _lost(error) from error
                    console.print(f"{training.restarts + 1} workers were lost; going on from the last checkpoint")
    return str(result.metrics["export"]) if result.metrics and result.metrics.get("export") else None


def _trainer(config: Config, settings: dict[str, Any], *, gpus: bool) -> Any:
    """Ray Train's trainer of `training.workers`; as [min, max] it shrinks when workers are lost and grows when it can."""
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    training = config.training
    return TorchTrainer(
        _ray_worker,
        train_loop_config=settings,
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


def _announce_waiting(config: Config, there: Mapping[str, float], gpus: bool, console: Console) -> None:
    """Ray Train waits in silence for resources that are not there, such as those that an autoscaler is to add."""
    least = config.training.worker_range[0]
    for name, each in _worker_resources(config, gpus).items():
        if (asked := least * each) > (has := there.get(name, 0.0)):
            now = "with fewer workers it could begin now" if has else "resources.max_gpus: 0 trains on CPUs"
            console.print(
                f"waiting    {least} workers ask for {asked:g} {name}s, the cluster has {has:g}: training begins when "
                f"it has more; {now}",
                soft_wrap=True,
            )


def _worker_resources(config: Config, gpus: bool) -> dict[str, float]:
    return {"CPU": config.training.worker_cpus} | ({"GPU": 1.0} if gpus else {})


def _ray_storage(out: str) -> str:
    """Where Ray Train keeps its own notes. Our checkpoints do not pass through it."""
    uri = storage.normalize(out)
    return storage.join(uri, "ray").removeprefix("file://")


def encode_on_ray(parts: list[Part], folder: str, config: Config) -> Iterator[int]:
    """Each part a task on some CPU of the cluster. Raises EnvironmentFailure with what a task failed of."""
    import ray

    table = ray.data.from_items([asdict(part) for part in parts])
    done = table.repartition(len(parts)).map_batches(
        _encode_task,
        fn_kwargs={"folder": folder, "config": config},
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=0.9,  # a core each; not resources.parse_cpus, raised where parsing takes more: nothing is parsed here
    )
    try:
        for row in done.iter_rows():
            yield int(row["number"])
    except ray.exceptions.RayError as error:
        raise cause_of(error) from error


def _encode_task(batch: pa.Table, *, folder: str, config: Config) -> pa.Table:
    from mmsum.training.encode import encode_part

    for row in batch.to_pylist():
        encode_part(Part(**row), folder, config)
    return batch.select(["number"])


class Board:
    """The actor that holds what the first worker says until the driver shows it, and why the run cannot go on."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=1000)
        self.error: MmsumError | None = None

    def say(self, line: str) -> None:
        self.lines.append(line)

    def take(self) -> list[str]:
        taken = list(self.lines)
        self.lines.clear()
        return taken

    def fail(self, error: MmsumError) -> None:
        self.error = self.error or error

    def failure(self) -> MmsumError | None:
        return self.error


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
    import ray

    from mmsum.pipeline.metrics import TrainingMetrics
    from mmsum.training.loop import train
    from mmsum.training.screen import Screen
    from mmsum.training.step import StepLog
    from mmsum.training.world import join_world

    config = Config.model_validate_json(settings["config"])
    board = settings["board"]
    if failed := ray.get(board.failure.remote()):  # Ray Train starts a group anew whatever ended it
        raise failed
    world = join_world(settings["gpus"])
    metrics = TrainingMetrics(storage.normalize(config.training.out).rpartition("/")[2])

    class Reporting(Screen):
        """Also counts steps for Prometheus, and tells Ray Train about checkpoints: it judges a run's progress by them."""

        def step(self, log: StepLog) -> None:
            super().step(log)
            metrics.step(log)

        def checkpoint(self, folder: str, step: int) -> None:
            super().checkpoint(folder, step)
            _report({"step": step}, folder, world.first)

    try:
        with closing(Reporting(config, world, lambda line: board.say.remote(line))) as screen:
            export = train(config, settings["encoded"], settings["valid"], world, screen)
    except MmsumError as error:
        ray.get(board.fail.remote(error))
        raise
    _report({"step": config.training.steps, "export": export}, str(export), world.first)


def _report(metrics: dict[str, Any], folder: str, first: bool) -> None:
    """Tells Ray Train. It keeps checkpoints below its own folder only, so it gets a pointer to ours, not the tensors."""
    import ray.train

    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "uri.txt").write_text(folder)
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(scratch) if first else None)


def _lost(error: Exception) -> EnvironmentFailure:
    """What Ray says of workers that were lost too often."""
    first = next(iter(getattr(error, "worker_failures", {}).values()), error)
    text = " ".join(str(first).strip().splitlines()[-1:]) or type(first).__name__
    return EnvironmentFailure(f"training stopped: {text} (the same command goes on from the last checkpoint)")
