"""One optimizer step of one worker: the gradient is that of the whole batch, however many workers hold a part of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from mmsum.config import Config, Training
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, MicroBatch, Schedule
from mmsum.training.learners import ClipLearner, SummaryLearner
from mmsum.training.losses import contrastive_loss
from mmsum.training.optimizers import Optimizer
from mmsum.training.world import World


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
    seconds: float  # since the step before ended: with the wait for examples, and for what was done between
    extra: dict[str, float] = field(
        default_factory=dict
    )  # on log steps: gates, losses without figures and with others', memory


def take_step(
    optimizer: Optimizer,
    batches: list[MicroBatch],
    step: int,
    schedule: Schedule,
    data: EncodedData,
    config: Config,
    world: World,
    since: float,
) -> StepLog:
    """One optimizer step over this worker's micro-batches. Its loss and gradient are those of the whole batch.

    since: time.perf_counter() at the end of the step before.
    """
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
        seconds=time.perf_counter() - since,
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
