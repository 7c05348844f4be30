"""The training flow of one worker, the same alone, under torchrun and under Ray Train.

    encoded examples -> batch of a step -> loss of each micro-batch -> clip, AdamW -> checkpoint -> export

Losses, the order of examples and dropout do not depend on the number of workers or on kills: a resumed run goes on where
its newest checkpoint stands.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from mmsum import storage
from mmsum.config import Config, Training
from mmsum.errors import ConfigError, EnvironmentFailure
from mmsum.model.fused import FusedModel, context_of, load_fused
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, MicroBatch, Schedule, prefetched
from mmsum.training.checkpoints import (
    Manifest,
    Progress,
    check_settings,
    latest,
    load_checkpoint,
    prune,
    save_checkpoint,
)
from mmsum.training.encode import Encoded
from mmsum.training.export import write_export
from mmsum.training.learners import Learner, build_learner
from mmsum.training.measure import look_closer, mean_loss
from mmsum.training.optimizers import DeepSpeedOptimizer, Optimizer, PlainOptimizer
from mmsum.training.step import StepLog, take_step
from mmsum.training.world import World

RECENT_STEPS = 50
"""Steps whose mean loss a checkpoint and an export tell."""


class Watcher(Protocol):
    """Sees every step of the first worker, and of all workers every checkpoint and then its loss on held-out examples."""

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None: ...
    def step(self, log: StepLog) -> None: ...
    def checkpoint(self, folder: str, step: int) -> None: ...
    def held_out(self, loss: float, step: int) -> None: ...


def train(
    config: Config,
    encoded: Encoded,
    valid: Encoded | None,
    world: World,
    watcher: Watcher,
    *,
    deepspeed: bool = True,
    until: int | None = None,
) -> str | None:
    """Trains from the newest checkpoint (or from the start) to `training.steps`; returns the export's folder.

    until: stop there instead, with a checkpoint and no export, as SIGTERM does. Raises ConfigError for settings that do
    not fit what is there, EnvironmentFailure for a store in trouble or a loss that stays NaN.
    """
    training = config.training
    out = storage.normalize(training.out)
    torch.manual_seed(config.seed)
    # cuDNN's attention gives gradients that are no numbers where rows of a mask are empty, as padding's are, at lengths of
    # 64 above a multiple of 128 (pytorch issue 196678).
    torch.backends.cuda.enable_cudnn_sdp(False)
    model = load_fused(config.model, device=str(world.device), seed=config.seed, train=True, gate=training.gate_start)
    learner = build_learner(model, config)
    if training.stage == "finetune_clip":
        model.backbone.to("meta")  # only its dtype is asked for: its memory is the batch's
    optimizer = DeepSpeedOptimizer(learner, config, world.size) if deepspeed else PlainOptimizer(learner, config)
    data = EncodedData(encoded, config, pad=model.tokenizer.eos_token_id)
    held_out = EncodedData(valid, config, pad=model.tokenizer.eos_token_id) if valid else None
    schedule = Schedule(data.alike, training, config.seed)

    for examples in (data, held_out):
        if examples:
            _check_lengths(examples, model)
    run = _Run.resumed(out, resume_settings(config, encoded, model), optimizer)
    watcher.begin(learner, optimizer, run.progress, run.newest)
    end = min(training.steps, until or training.steps)
    held_out_loss: float | None = None
    with _stop_on_sigterm() as stop:
        ahead = prefetched(data, schedule, iter(range(run.steps, end)), world.rank, world.size, training.micro_batch)
        ended = time.perf_counter()
        for step, batches in ahead:
            with _memory_explained(step + 1, batches):
                here = [batch.to(world.device) for batch in batches]
                log = take_step(optimizer, here, step, schedule, data, config, world, ended)
                ended = time.perf_counter()
                run.count(log)
                if run.steps % training.log_steps == 0 or run.steps == end:
                    richest = max(batches, key=lambda batch: sum(batch.figures))
                    log.extra = look_closer(optimizer, richest.to(world.device))
                    run.keep_closer(log.extra)
            if world.first:
                watcher.step(log)
            if run.streak >= training.bad_steps:
                raise EnvironmentFailure(
                    f"step {run.steps}: the loss or its gradient was not finite {run.streak} times in a row; "
                    f"the last batch was {', '.join(_ids(data, schedule, step))}; look at these examples, lower "
                    "training.learning_rate, and start again from the last checkpoint"
                )
            due, asked_to_stop = world.sum([float(world.first and run.is_due(training, end)), float(stop())])
            if due or asked_to_stop:
                run.save(out, optimizer, world, config)
                watcher.checkpoint(run.newest or "", run.steps)
                held_out_loss = None
                # Asked to stop, there may be seconds left; the checkpoint is what they are for.
                if held_out and not asked_to_stop:
                    with _memory_explained(run.steps):
                        held_out_loss = mean_loss(optimizer, held_out, config, world)
                    watcher.held_out(held_out_loss, run.steps)
            if asked_to_stop:
                raise EnvironmentFailure(
                    f"asked to stop at step {run.steps}: its checkpoint is written; the same command goes on from there"
                )
    if run.steps < training.steps:
        return None
    if held_out:
        if held_out_loss is None:
            with _memory_explained(run.steps):
                held_out_loss = mean_loss(optimizer, held_out, config, world)
        run.metrics["held_out_loss"] = held_out_loss
    return write_export(model, optimizer, config, encoded, world, run.metrics)


@dataclass(slots=True)
class _Run:
    """Where a run stands, and what its next checkpoint will tell."""

    settings: dict[str, Any]
    progress: Progress = field(default_factory=Progress)
    metrics: dict[str, float] = field(default_factory=dict)
    newest: str | None = None  # the newest checkpoint's folder
    saved_at: float = field(default_factory=time.monotonic)
    streak: int = 0  # steps skipped in a row
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_STEPS))

    @classmethod
    def resumed(cls, out: str, settings: dict[str, Any], optimizer: Optimizer) -> _Run:
        """From the newest checkpoint under `out`, whose weights the optimizer then has; else from the start."""
        found = latest(out)
        if not found:
            return cls(settings)
        folder, manifest = found
        check_settings(manifest, settings, folder)
        load_checkpoint(folder, manifest, optimizer)
        return cls(settings, manifest.progress, manifest.metrics, folder)

    @property
    def steps(self) -> int:
        return self.progress.steps

    def count(self, log: StepLog) -> None:
        before = self.progress
        self.progress = Progress(log.step, before.adam_steps + (not log.skipped), before.skipped + log.skipped)
        self.streak = self.streak + 1 if log.skipped else 0
        if not log.skipped:
            self.recent.append(log.loss)
            self.metrics["loss"] = sum(self.recent) / len(self.recent)

    def keep_closer(self, extra: dict[str, float]) -> None:
        """What a closer look found; memory says nothing of the weights."""
        if "loss_with_figures" in extra:
            self.metrics.pop("loss_with_swapped_figures", None)  # of another micro-batch
        self.metrics |= {name: value for name, value in extra.items() if name != "memory_gb"}

    def is_due(self, training: Training, end: int) -> bool:
        by_steps = self.steps % training.checkpoint_steps == 0 or self.steps == end
        return by_steps or time.monotonic() - self.saved_at > 60 * training.checkpoint_minutes

    def save(self, out: str, optimizer: Optimizer, world: World, config: Config) -> None:
        """A checkpoint of all workers; the first of them then deletes the oldest."""
        manifest = Manifest(self.progress, world.size, self.settings, self.metrics)
        self.newest = save_checkpoint(out, optimizer, manifest, world, config.robustness.write_seconds, self.newest)
        self.saved_at = time.monotonic()
        if world.first:
            prune(out, config.training.keep)


@contextmanager
def _memory_explained(step: int, batches: Sequence[MicroBatch] = ()) -> Iterator[None]:
    """A GPU without room for a step has none at the second try either: no worker is lost, and none is to be started again.

    step: from 1. batches: those of the step; without, it is the held-out examples that are looked at.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        what = "micro-batches of training.valid"
        if batches:
            longest = max(batch.tokens.shape[1] for batch in batches)
            figures = max(sum(batch.figures) for batch in batches)
            what = f"micro-batches of up to {longest} tokens an example and {figures} figures"
        raise EnvironmentFailure(
            f"step {step}: the GPU has no memory for {what} ({' '.join(str(error).split())[:200]}); "
            "lower training.micro_batch, or set training.activation_checkpointing; "
            "the same command then goes on from the last checkpoint"
        ) from error


def resume_settings(config: Config, encoded: Encoded, model: FusedModel) -> dict[str, Any]:
    """What a resumed run must share with the checkpoint's, down to the contents of the files that its config names. Neither
    workers, micro-batches nor ZeRO stage are among them."""
    files = {"backbone": model.backbone_fingerprint, "weights it started from": model.vision_fingerprint}
    return {**config.training_answers(), **files, "data": encoded.folder.rsplit("/", 1)[-1]}


def _check_lengths(data: EncodedData, model: FusedModel) -> None:
    """Raises ConfigError for an example that is longer than the backbone's context: behind that it knows no places."""
    context = context_of(model.backbone)
    if not data.pairs and context and (longest := max(data.lengths)) > context:
        raise ConfigError(
            f"generation.context_tokens: an example has {longest} tokens, more than the backbone's context of {context}; "
            f"lower it to {context} or less"
        )


def _ids(data: EncodedData, schedule: Schedule, step: int) -> Iterator[str]:
    return (data.row(index)["id"] for index in schedule.examples(step))


@contextmanager
def _stop_on_sigterm() -> Iterator[Callable[[], bool]]:
    """A function that says whether SIGTERM has come: a preempted machine still writes its checkpoint."""
    asked = False

    def note(number: int, frame: Any) -> None:
        nonlocal asked
        asked = True

    try:
        before = signal.signal(signal.SIGTERM, note)
    except ValueError:  # not in the main thread: Ray Train runs the loop in one of its own
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGTERM, before)
