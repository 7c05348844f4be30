"""What both fusions ask of the figures that they are given."""

from __future__ import annotations

from collections.abc import Sequence

from mmsum.model.torchstack import torch

MAX_FIGURES = 64
"""Figures of one call that have an identity of their own; more are refused."""


def check_features(features: torch.Tensor, figures: Sequence[int], width: int) -> None:
    """Raises ValueError unless features [B, F, P, Dv] are `width` wide and hold the figures[b] figures of each row."""
    rows, most, _, found = features.shape
    if found != width:
        raise ValueError(f"figure features are {found} wide, this fusion takes {width}")
    if most > MAX_FIGURES:
        raise ValueError(f"{most} figures in one call; at most {MAX_FIGURES} can be told apart, show fewer")
    if len(figures) != rows or max(figures) > most:
        raise ValueError(f"figure counts {list(figures)} do not fit features of shape {list(features.shape)}")
