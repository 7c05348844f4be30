"""The training flow of one worker, the same alone, under torchrun and under Ray Train.

    encoded examples -> batch of a step -> loss of each micro-batch -> clip, AdamW -> checkpoint -> export

Losses, the order of examples and dropout do not depend on the number of workers or on kills: a resumed run goes on where
its newest checkpoint stands.
"""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mmsum import storage
from mmsum.config import Config, Training
from mmsum.errors import EnvironmentFailure
from mmsum.model.fused import load_fused
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
from mmsum.training.learners import ClipLearner, Learner, SummaryLearner, build_learner
from mmsum.training.losses import contrastive_loss
from mmsum.training.measure import look_closer, mean_loss
from mmsum.training.optimizers import DeepSpeedOptimizer, Optimizer, PlainOptimizer
from mmsum.training.world import World

RECENT_STEPS = 50
"""Steps whose mean loss a checkpoint and an export tell."""


@dataclass(slots=True)
class StepLog:
    """What is known about one step. Losses are means: over target tokens by weight (train) or pairs (finetune_clip)."""

    step: int  # from 1
    loss: float
    norm: float
    skipped: bool
    rates: dict[str, float]
    tokens: int  # that passed the backbone, padding left out
    examples: int
    seconds: float
    extra: dict[str, float] = field(
        default_factory=dict
    )  # on log steps: gates, losses without figures and with others', memory


class Watcher(Protocol):
    """Sees every step of the first worker, and every checkpoint of all workers."""

    def begin(self, learner: Learner, optimizer: Optimizer, start: Progress, resumed: str | None) -> None: ...
    def step(self, log: StepLog) -> None: ...
    def checkpoint(self, folder: str, step: int, valid_loss: float | None) -> None: ...


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
    model = load_fused(config.model, device=str(world.device), seed=config.seed, train=True, gate=training.gate_start)
    learner = build_learner(model, config)
    optimizer = DeepSpeedOptimizer(learner, config, world.size) if deepspeed else PlainOptimizer(learner, config)
    data = EncodedData(encoded, config, pad=model.tokenizer.eos_token_id)
    held_out = EncodedData(valid, config, pad=model.tokenizer.eos_token_id) if valid else None
    schedule = Schedule(data.alike, training, config.seed)

    settings = resume_settings(config, encoded)
    progress, metrics, resumed = Progress(), dict[str, float](), None
    if found := latest(out):
        resumed, manifest = found
        check_settings(manifest, settings, resumed)
        load_checkpoint(resumed, manifest, optimizer)
        progress, metrics = manifest.progress, manifest.metrics
    watcher.begin(learner, optimizer, progress, resumed)

    end = min(training.steps, until or training.steps)
    good, saved_at, streak = resumed, time.monotonic(), 0
    recent = deque[float](maxlen=RECENT_STEPS)
    held_out_loss: float | None = None
    with _stop_on_sigterm() as stop:
        ahead = prefetched(
            data, schedule, iter(range(progress.steps, end)), world.rank, world.size, training.micro_batch
        )
        for step, batches in ahead:
            with _memory_explained(step, batches):
                log = take_step(
                    optimizer, [batch.to(world.device) for batch in batches], step, schedule, data, config, world
                )
            progress = replace(
                progress,
                steps=step + 1,
                adam_steps=progress.adam_steps + (not log.skipped),
                skipped=progress.skipped + log.skipped,
            )
            if progress.steps % training.log_steps == 0 or progress.steps == end:
                richest = max(batches, key=lambda batch: sum(batch.figures))
                log.extra = look_closer(optimizer, richest.to(world.device))
                if "loss_with_figures" in log.extra:
                    metrics.pop("loss_with_swapped_figures", None)  # of another micro-batch
                metrics |= {name: value for name, value in log.extra.items() if name != "memory_gb"}
            if world.first:
                watcher.step(log)
            if not log.skipped:
                recent.append(log.loss)
                metrics["loss"] = sum(recent) / len(recent)
            streak = streak + 1 if log.skipped else 0
            if streak >= training.bad_steps:
                ids = ", ".join(_ids(data, schedule, step))
                raise EnvironmentFailure(
                    f"step {step + 1}: the loss or its gradient was not finite {streak} times in a row; the last batch was "
                    f"{ids}; look at these examples, lower training.learning_rate, and start again from the last checkpoint"
                )
            due = (
                progress.steps % training.checkpoint_steps == 0
                or progress.steps == end
                or time.monotonic() - saved_at > 60 * training.checkpoint_minutes
            )
            flags = world.sum([float(due and world.first), float(stop())])
            if flags[0] or flags[1]:
                manifest = Manifest(progress, world.size, settings, metrics)
                good = save_checkpoint(out, optimizer, manifest, world, config.robustness.write_seconds, good)
                saved_at = time.monotonic()
                if world.first:
                    prune(out, training.keep)
                # Asked to stop, there may be seconds left; the checkpoint is what they are for.
                held_out_loss = mean_loss(optimizer, held_out, config, world) if held_out and not flags[1] else None
                watcher.checkpoint(good, progress.steps, held_out_loss)
            if flags[1]:
                raise EnvironmentFailure(
                    f"asked to stop at step {progress.steps}: its checkpoint is written; "
                    "the same command goes on from there"
                )
    if progress.steps < training.steps:
        return None
    if held_out:
        metrics["held_out_loss"] = held_out_loss or mean_loss(optimizer, held_out, config, world)
    return write_export(model, optimizer, config, encoded, world, metrics)


@contextmanager
def _memory_explained(step: int, batches: list[MicroBatch]) -> Iterator[None]:
    """A GPU without room for a step has none at the second try either: no worker is lost, and none is to be started again."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        longest = max(batch.tokens.shape[1] for batch in batches)
        figures = max(sum(batch.figures) for batch in batches)
        raise EnvironmentFailure(
            f"step {step + 1}: the GPU has no memory for micro-batches of up to {longest} tokens an example and {figures} "
            f"figures ({' '.join(str(error).split())[:200]}); lower training.micro_batch, or set "
            "training.activation_checkpointing; the same command then goes on from the last checkpoint"
        ) from error


def take_step(
    optimizer: Optimizer,
    batches: list[MicroBatch],
    step: int,
    schedule: Schedule,
    data: EncodedData,
    config: Config,
    world: World,
) -> StepLog:
    """One optimizer step over this worker's micro-batches. Its loss and gradient are those of the whole batch."""
    started = time.perf_counter()
    if isinstance(optimizer.learner, SummaryLearner):
        # Every worker knows the whole batch from the index: a token counts the same whichever worker holds it.
        weight = float(data.weights[schedule.examples(step)].sum())
        total = _summary_gradients(optimizer, batches, world.size / weight) / weight
    else:
        total = _contrastive_gradients(optimizer, batches, schedule.size, world)
    result = optimizer.step(learning_rate_share(step, config.training))
    summed = world.sum([total, float(sum(int(batch.mask.sum()) for batch in batches if batch.real))])
    loss = summed[0] if isinstance(optimizer.learner, SummaryLearner) else total
    return StepLog(
        step=step + 1,
        loss=loss,
        norm=result.norm,
        skipped=result.skipped,
        rates=optimizer.rates,
        tokens=int(summed[1]),
        examples=schedule.size,
        seconds=time.perf_counter() - started,
    )


def _summary_gradients(optimizer: Optimizer, batches: list[MicroBatch], scale: float) -> float:
    """Adds up gradients; returns the unscaled sum of losses. Workers' gradients are averaged, hence `scale` counts them."""
    total = 0.0
    for batch in batches:
        loss = optimizer(batch)
        optimizer.backward(loss * scale)
        total += float(loss.detach())
    return total


def _contrastive_gradients(optimizer: Optimizer, batches: list[MicroBatch], pairs: int, world: World) -> float:
    """The contrastive loss over the pairs of all micro-batches of all workers, exactly, whatever fits into memory at once; and
    the mean loss of listed facts, each of which knows only its own image.

    Vectors of all pairs first, without gradients; the loss and its gradient in them; then each micro-batch again, its
    vectors pulled along that gradient (gradient caching, Gao et al. 2021). Blank micro-batches stand behind all others.
    A single micro-batch keeps its graph, and is not run again.
    """
    with torch.set_grad_enabled(len(batches) == 1):
        vectors = [optimizer(batch) for batch in batches]
    images, start = world.gather(torch.cat([image.detach() for image, _, _, _ in vectors]))
    texts, _ = world.gather(torch.cat([text.detach() for _, text, _, _ in vectors]))
    same, _ = world.gather(torch.cat([ClipLearner.same(batch) for batch in batches]))
    leaves = [tensor.requires_grad_() for tensor in (images[:pairs], texts[:pairs], vectors[0][2].detach().clone())]
    loss = contrastive_loss(leaves[0], leaves[1], leaves[2], same[:pairs])
    listed = float(sum(len(facts) for batch in batches for facts in batch.shown))
    lost, listed = world.sum([float(sum(facts.detach() for _, _, _, facts in vectors)), listed])
    image_pull, text_pull, factor_pull = torch.autograd.grad(loss, leaves)
    for number, batch in enumerate(batches):
        image, text, factor, facts = vectors[0] if len(batches) == 1 else optimizer(batch)
        here = slice(start, start + len(image))
        if batch.real:
            pulled = world.size * ((image * image_pull[here]).sum() + (text * text_pull[here]).sum())
        else:
            pulled = 0.0 * (image.sum() + text.sum())
        pulled = pulled + facts * (world.size / max(1.0, listed))
        # The factor's gradient counts once on every worker: the mean over workers is the gradient itself.
        optimizer.backward(pulled + factor * (factor_pull if number == 0 else 0.0))
        start = here.stop
    return float(loss.detach()) + lost / max(1.0, listed)


def learning_rate_share(step: int, training: Training) -> float:
    """Share of the peak learning rate at a step (from 0): linear warmup, then cosine down to `final_rate`."""
    if step < training.warmup_steps:
        return (step + 1) / training.warmup_steps
    done = (step - training.warmup_steps) / max(1, training.steps - training.warmup_steps)
    return training.final_rate + (1 - training.final_rate) * (1 + math.cos(math.pi * min(done, 1.0))) / 2


def resume_settings(config: Config, encoded: Encoded) -> dict[str, Any]:
    """What a resumed run must share with the checkpoint's. Neither workers, micro-batches nor ZeRO stage are among them."""
    return {**config.training_answers(), "data": encoded.folder.rsplit("/", 1)[-1]}


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
