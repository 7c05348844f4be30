"""What CLIP learns from: pairs against all others of a batch, and listed facts against what they could have been.

Shapes: N images or pairs, M texts, E width of the common space. Vectors are of length 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F

from mmsum.model.torchstack import torch


def fact_loss(
    images: torch.Tensor, texts: torch.Tensor, factor: torch.Tensor, facts: Sequence[tuple[int, Sequence[int]]]
) -> torch.Tensor:
    """Sum over facts of how hard it is to tell what an image [N, E] shows from what it could have shown, texts [M, E].

    A fact is the image's row, and the rows of its texts, the true one first: contrast with hard negatives alone (NegCLIP,
    Yuksekgonul et al. 2023). Contrast over a batch sees the same differences, and learns them more slowly.
    """
    if not facts:
        return 0.0 * (images.sum() + texts.sum())
    most = max(len(rivals) for _, rivals in facts)
    rivals = torch.tensor([[*fact, *[fact[0]] * (most - len(fact))] for _, fact in facts], device=images.device)
    missing = torch.tensor([[place >= len(fact) for place in range(most)] for _, fact in facts], device=images.device)
    rows = torch.tensor([row for row, _ in facts], device=images.device)
    logits = factor * (images[rows, None] * texts[rivals]).sum(-1)
    first = torch.zeros(len(facts), dtype=torch.long, device=images.device)
    return F.cross_entropy(logits.masked_fill(missing, -torch.inf), first, reduction="sum")


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, factor: torch.Tensor, same: torch.Tensor
) -> torch.Tensor:
    """Symmetric InfoNCE over all pairs [N, E]: each image finds its caption, each caption its image.

    same [N]: equal numbers where captions are equal; any of them is as right as the pair's own (UniCL, Yang et al. 2022). Pairs
    whose number is 0 are left out.
    """
    left = same != 0
    if not left.any():
        return 0.0 * (images.sum() + texts.sum() + factor)
    images, texts, same = images[left], texts[left], same[left]
    logits = factor * images @ texts.t()
    right = (same[:, None] == same).float()
    right /= right.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.t(), right)) / 2
