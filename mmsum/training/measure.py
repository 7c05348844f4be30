"""What is looked at beside the steps themselves: held-out examples, gates, what figures save, memory."""

from __future__ import annotations

import resource

from mmsum.config import Config
from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData, MicroBatch
from mmsum.training.learners import ClipLearner, SummaryLearner
from mmsum.training.losses import contrastive_loss
from mmsum.training.optimizers import Optimizer
from mmsum.training.world import World

VALID_EXAMPLES = 256
"""Examples of the validation set that a checkpoint's loss is taken on, at most."""


@torch.no_grad()
def mean_loss(optimizer: Optimizer, data: EncodedData, config: Config, world: World) -> float:
    """Loss per target token over the first VALID_EXAMPLES examples, without dropout; for CLIP, that of a step of them all.

    Workers run equally many forward passes; what fills up the last round counts nothing. For CLIP every worker takes the
    loss over all pairs.
    """
    size = config.training.micro_batch
    starts = range(0, min(len(data), VALID_EXAMPLES), size)
    batches = [list(range(at, min(at + size, len(data)))) for at in starts]
    if not isinstance(optimizer.learner, SummaryLearner):
        pairs = [data.batch(indices, step=None).to(world.device) for indices in batches]
        vectors = [optimizer(batch) for batch in pairs]
        images, texts = (torch.cat([vector[side] for vector in vectors]) for side in (0, 1))
        same = torch.cat([ClipLearner.same(batch) for batch in pairs])
        facts = sum(len(shown) for batch in pairs for shown in batch.shown)
        lost = float(sum(vector[3] for vector in vectors)) / max(1, facts)
        return float(contrastive_loss(images, texts, vectors[0][2], same)) + lost
    total = count = 0.0
    for turn in range(-(-len(batches) // world.size)):
        place = turn * world.size + world.rank
        indices = batches[min(place, len(batches) - 1)]
        loss = float(optimizer(data.batch(indices, step=None).to(world.device)))
        if place < len(batches):
            total += loss
            count += float(data.weights[indices].sum())
    summed = world.sum([total, count])
    return summed[0] / max(summed[1], 1.0)


@torch.no_grad()
def look_closer(optimizer: Optimizer, batch: MicroBatch) -> dict[str, float]:
    """Gates, memory, and the loss of a micro-batch with its figures, without and with another's, if any. All workers take part.

    Figures that save much, but no more than another example's would, are a switch that says "write about figures": nothing
    of what they show is seen.
    """
    learner = optimizer.learner
    seen: dict[str, float] = {}
    if isinstance(learner, SummaryLearner):
        weight = max(1.0, float(batch.weights.sum()))
        # On all workers, whatever they see: ZeRO 3 waits for all.
        own = float(optimizer(batch)) / weight
        none = float(optimizer(batch, without_figures=True)) / weight
        swapped = float(optimizer(batch, swapped_figures=True)) / weight
        if seeing := sum(count > 0 for count in batch.figures):
            seen |= {"loss_with_figures": own, "loss_without_figures": none}
            if seeing > 1:
                seen["loss_with_swapped_figures"] = swapped
        gates = [optimizer.whole(p).tanh().item() for name, p in optimizer.named() if name.endswith("_gate")]
        if gates:
            seen["gate_mean"] = sum(abs(gate) for gate in gates) / len(gates)
            seen["gate_max"] = max(abs(gate) for gate in gates)
    else:
        seen["factor"] = float(optimizer(batch)[2])
    seen["memory_gb"] = memory_gb()
    return seen


def memory_gb() -> float:
    """Peak GPU memory of this process, or its peak resident memory where there is no GPU, in GB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
