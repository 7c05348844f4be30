"""What a training run shows: a table of what trains, a line now and then, TensorBoard, and a picture of its losses.

Steps are also kept as JSON lines under OUT/log, one object per checkpoint, so that a resumed run draws its whole curve.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import secrets
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import StorageError
from mmsum.pipeline.progress import format_seconds
from mmsum.training.checkpoints import Progress
from mmsum.training.learners import ClipLearner, Learner, exported_name
from mmsum.training.optimizers import DeepSpeedOptimizer, Optimizer
from mmsum.training.step import StepLog
from mmsum.training.world import World

_RATE_STEPS = 50
"""Steps over which rates and the time to go are averaged."""


class Screen:
    """The Watcher of a run: `say` takes each line, wherever it is shown."""

    def __init__(self, config: Config, world: World, say: Callable[[str], None]) -> None:
        self.config, self.training = config, config.training
        self.write_seconds = config.robustness.write_seconds
        self.out = storage.normalize(config.training.out)
        self.world, self.say = world, say
        self.recent: deque[StepLog] = deque(maxlen=_RATE_STEPS)
        self.unsaved: list[StepLog] = []
        self.skipped = 0
        self.trackers: dict[str, Tracker] = {}

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None:
        if not self.world.first:
            return
        for line in trained_table(learner, optimizer):
            self.say(line)
        workers = "1 worker" if self.world.size == 1 else f"{self.world.size} workers"
        how = f"ZeRO {optimizer.stage}" if isinstance(optimizer, DeepSpeedOptimizer) else "without DeepSpeed"
        self.say(f"{workers}, {how}")
        if resumed:
            self.say(f"resuming at step {start.steps} from {resumed}")
        self.skipped = start.skipped
        for name, make in _trackers(self.config).items():
            with self._lost(name):
                self.trackers[name] = make()

    def step(self, log: StepLog) -> None:
        self.recent.append(log)
        self.unsaved.append(log)
        self.skipped += log.skipped
        if log.skipped:
            self.say(f"step {log.step}: skipped, the loss or its gradient is not finite")
        if log.extra:
            self.say(self._line(log))
            values = {"loss": log.loss, "norm": log.norm, "skipped": float(self.skipped), **log.extra}
            values |= {f"rate/{name}": rate for name, rate in log.rates.items()}
            self._track(values, log.step)

    def held_out(self, loss: float, step: int) -> None:
        if self.world.first:
            self.say(f"loss on held-out examples {loss:.4f}")
            self._track({"valid_loss": loss}, step)

    def checkpoint(self, folder: str, step: int) -> None:
        if not self.world.first:
            return
        self._save_steps()
        self.say(f"checkpoint {folder}")
        if isinstance(board := self.trackers.get("TensorBoard"), TensorBoard):
            board.copy()

    def close(self) -> None:
        """Ends the trackers: what they hold back reaches its place."""
        for name, tracker in list(self.trackers.items()):
            with self._lost(name):
                tracker.close()

    def _track(self, values: dict[str, float], step: int) -> None:
        for name, tracker in list(self.trackers.items()):
            with self._lost(name):
                tracker.log(values, step)

    @contextmanager
    def _lost(self, name: str) -> Iterator[None]:
        """A tracker in trouble, whatever it raises, is told and left out: a server of numbers that is down ends no run."""
        try:
            yield
        except Exception as error:
            self.trackers.pop(name, None)
            self.say(f"{name} gets no more numbers: {' '.join(str(error).split())[:300] or type(error).__name__}")

    def _save_steps(self) -> None:
        """Steps since the last time, as one object; where the store does not take it, they come with the next."""
        if self.unsaved:
            lines = "".join(json.dumps(asdict(log)) + "\n" for log in self.unsaved)
            uri = storage.join(self.out, "log", f"steps-{self.unsaved[0].step:08d}.jsonl")
            try:
                storage.patiently(lambda: storage.put(uri, lines.encode()), self.write_seconds)
            except StorageError as error:
                self.say(f"{error}; the steps are written with the next checkpoint")
            else:
                self.unsaved = []

    def _line(self, log: StepLog) -> str:
        seconds = sum(entry.seconds for entry in self.recent) / len(self.recent)
        left = (self.training.steps - log.step) * seconds
        parts = [f"step {log.step}/{self.training.steps}", f"loss {log.loss:.4f}"]
        if "loss_without_figures" in log.extra:
            gain = log.extra["loss_without_figures"] - log.extra["loss_with_figures"]
            parts.append(f"figures save {gain:+.4f}")
        if "loss_with_swapped_figures" in log.extra:
            gain = log.extra["loss_with_swapped_figures"] - log.extra["loss_with_figures"]
            parts[-1] += f" (what they show {gain:+.4f})"
        if "gate_mean" in log.extra:
            parts.append(f"gates {log.extra['gate_mean']:.4f}")
        parts.append("rates " + " ".join(f"{name} {rate:.1e}" for name, rate in log.rates.items()))
        tokens = sum(entry.tokens for entry in self.recent) / sum(entry.seconds for entry in self.recent)
        parts.append(f"{log.examples / seconds:.1f} examples/s {tokens:.0f} tokens/s")
        parts.append(f"{log.extra['memory_gb']:.1f} GB")
        if self.skipped:
            parts.append(f"skipped {self.skipped}")
        parts.append(f"{format_seconds(left)} left" if left else "done")
        return "  ".join(parts)


def trained_table(learner: Learner, optimizer: Optimizer) -> list[str]:
    """What trains and what does not: module, parameters, peak learning rate."""
    rows: dict[str, tuple[int, float]] = {}
    for group, rate in zip(optimizer.adam.param_groups, optimizer.peaks, strict=True):
        rows.setdefault(group["name"], (0, rate))
    counts: dict[str, int] = {}
    for name, parameter in optimizer.named():
        part = exported_name(name).partition(".")[0]
        counts[part] = counts.get(part, 0) + _size(parameter)
    model = learner.model
    parts: dict[str, Any] = {"fusion": model.fusion, "vision": model.vision.clip.visual, "backbone": model.backbone}
    if isinstance(learner, ClipLearner):
        del parts["fusion"]  # takes no part
    frozen = {
        name: sum(_size(parameter) for parameter in module.parameters() if not parameter.requires_grad)
        for name, module in parts.items()
        if name not in rows
    }
    if isinstance(learner, ClipLearner) and "text" not in rows:
        named = learner.named_parameters()
        frozen["text"] = sum(_size(parameter) for name, parameter in named if exported_name(name).startswith("text."))
    lines = [f"{'module':<12}{'parameters':>14}  learning rate"]
    lines += [f"{name:<12}{counts.get(name, 0):>14,}  {rate:g}" for name, (_, rate) in rows.items()]
    return [*lines, *(f"{name:<12}{count:>14,}  frozen" for name, count in frozen.items())]


def _size(parameter: nn.Parameter) -> int:
    """Numbers of a parameter; ZeRO-3 leaves an empty one and keeps the count beside it."""
    size: int = getattr(parameter, "ds_numel", parameter.numel())
    return size


class Tracker(Protocol):
    """Somewhere that numbers are sent to."""

    def log(self, values: dict[str, float], step: int) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Event files under OUT/tensorboard; in an object store, a copy that grows with every checkpoint.

    Written here, not by a SummaryWriter: its thread loses what is queued at an end, and blocks the run when its disk was full.
    """

    def __init__(self, out: str) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self.folder = storage.join(out, "tensorboard")
        # An event file is appended to, which object stores cannot.
        self.scratch = None if storage.is_local(out) else tempfile.TemporaryDirectory(prefix="mmsum-board-")
        folder = Path(self.scratch.name if self.scratch else self.folder.removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True)
        self.events = EventsWriter(str(folder / "events"))

    def log(self, values: dict[str, float], step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        shown = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self.events.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=shown)))
        self.events.flush()

    def copy(self) -> None:
        """Takes the event files to where they belong. A store in trouble has them with the next checkpoint."""
        if self.scratch:
            for file in Path(self.scratch.name).iterdir():
                with suppress(StorageError):
                    storage.put(storage.join(self.folder, file.name), file.read_bytes())

    def close(self) -> None:
        self.events.close()
        self.copy()


class Wandb:
    """Weights & Biases, where it is installed and WANDB_PROJECT is set. A resumed run is the same one there."""

    def __init__(self, identity: str, settings: dict[str, Any]) -> None:
        import wandb

        identity = os.environ.get("WANDB_RUN_ID") or identity
        project = os.environ["WANDB_PROJECT"]
        self.run: Any = wandb.init(project=project, id=identity, resume="allow", config=settings)

    def log(self, values: dict[str, float], step: int) -> None:
        self.run.log(values, step=step)

    def close(self) -> None:
        self.run.finish()


class Mlflow:
    """MLflow, where it is installed and MLFLOW_TRACKING_URI is set. A resumed run is the same one there, found by its tag."""

    def __init__(self, identity: str, settings: dict[str, Any]) -> None:
        import mlflow

        self.mlflow: Any = mlflow
        tagged = f"tags.{_TAG} = '{identity}'"
        if found := mlflow.search_runs(filter_string=tagged, max_results=1, output_format="list"):
            mlflow.start_run(run_id=found[0].info.run_id)
        else:
            mlflow.start_run(tags={_TAG: identity})
            mlflow.log_params(settings)

    def log(self, values: dict[str, float], step: int) -> None:
        self.mlflow.log_metrics(values, step=step)

    def close(self) -> None:
        self.mlflow.end_run()


_TAG = "mmsum_run"


def _trackers(config: Config) -> dict[str, Callable[[], Tracker]]:
    """What numbers are sent to in this environment."""
    out, settings = storage.normalize(config.training.out), config.training_answers()
    known: dict[str, Callable[[], Tracker]] = {"TensorBoard": lambda: TensorBoard(out)}
    if os.environ.get("WANDB_PROJECT") and importlib.util.find_spec("wandb"):
        known["Weights & Biases"] = lambda: Wandb(_identity(out), settings)
    if os.environ.get("MLFLOW_TRACKING_URI") and importlib.util.find_spec("mlflow"):
        known["MLflow"] = lambda: Mlflow(_identity(out), settings)
    return known


def _identity(out: str) -> str:
    """16 hex digits by which trackers know the run again. Kept in OUT, not made of its name: a run that is begun anew in a
    folder that was emptied is another one."""
    uri = storage.join(out, "run.txt")
    storage.create(uri, secrets.token_hex(8).encode())
    return storage.read(uri).decode().strip()


def read_steps(out: str) -> list[StepLog]:
    """All steps of a run in order; of a step that was done twice, the later one."""
    root = storage.join(storage.normalize(out), "log")
    steps: dict[int, StepLog] = {}
    if storage.folder_exists(root):
        for ref in sorted(storage.list_objects(root), key=lambda ref: ref.uri):
            for line in storage.read(ref.uri).decode().splitlines():
                log = StepLog(**json.loads(line))
                steps[log.step] = log
    return [steps[number] for number in sorted(steps)]


def draw_losses(out: str) -> str | None:
    """Writes OUT/loss.png, the loss of every step and its running mean; None where no step is known."""
    steps = read_steps(out)
    if not steps:
        return None
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    window = max(5, len(steps) // 50)
    numbers, losses = [log.step for log in steps], [log.loss for log in steps]
    means = [sum(losses[max(0, at - window + 1) : at + 1]) / min(window, at + 1) for at in range(len(losses))]
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(numbers, losses, color="#9db4c8", linewidth=0.8, label="each step")
    axes.plot(numbers, means, color="#1d5b8f", linewidth=1.6, label=f"mean of {window} steps")
    closer = [log for log in steps if "loss_without_figures" in log.extra]
    if closer:
        gains = [log.extra["loss_without_figures"] - log.extra["loss_with_figures"] for log in closer]
        below = axes.twinx()
        below.plot([log.step for log in closer], gains, color="#b5541c", linewidth=1.0, label="figures save")
        swapped = [log for log in closer if "loss_with_swapped_figures" in log.extra]
        gains = [log.extra["loss_with_swapped_figures"] - log.extra["loss_with_figures"] for log in swapped]
        if swapped:
            label = "what they show saves"
            below.plot([log.step for log in swapped], gains, color="#7a9a01", linewidth=1.0, label=label)
            below.axhline(0, color="#999999", linewidth=0.5)
        below.set_ylabel("loss that figures save", color="#b5541c")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    plt.close(figure)
    uri = storage.join(storage.normalize(out), "loss.png")
    storage.put(uri, picture.getvalue())
    return uri
