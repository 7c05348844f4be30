"""What both fusions ask of the figures that they are given, and make of them first.

Shapes: B rows of a batch, F figures of a row, P tokens of a figure (CLIP's vector of the whole image, E numbers and then
zeros; then the patch tokens), Dv their width.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from mmsum.model.torchstack import torch

MAX_FIGURES = 64
"""Figures of one call that have an identity of their own; more are refused."""


def check_features(features: torch.Tensor, figures: Sequence[int], patches: int, width: int) -> None:
    """Raises ValueError unless features are [B, F, `patches`, `width`] and hold the figures[b] figures of each row."""
    rows, most, *found = features.shape
    if found != [patches, width]:
        raise ValueError(f"features of a figure are of shape {found}, this fusion takes [{patches}, {width}]")
    if most > MAX_FIGURES:
        raise ValueError(f"{most} figures in one call; at most {MAX_FIGURES} can be told apart, show fewer")
    if len(figures) != rows or max(figures) > most:
        raise ValueError(f"figure counts {list(figures)} do not fit features of shape {list(features.shape)}")


class FigureTokens(nn.Module):
    """Figure tokens that say which figure they belong to, which place in it, and what the whole of it shows.

    Convolutional towers tell the place of a patch only faintly, and attention not at all: without it, a line that rises and
    one that falls are the same set of patches. What the whole shows CLIP has learned to tell before; every token carries
    it, so that wherever a query looks it is there.
    """

    def __init__(self, width: int, patches: int, whole_width: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)
        self.identity = nn.Parameter(torch.zeros(MAX_FIGURES, width))
        self.place = nn.Parameter(torch.zeros(patches, width))
        self.whole = nn.Linear(whole_width, width, bias=False)

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Beside normed features a tenth is seen at once, and drowns nothing."""
        self.identity.normal_(0, 0.1, generator=generator)
        self.place.normal_(0, 0.1, generator=generator)
        self.whole.weight.normal_(0, self.whole.in_features**-0.5, generator=generator)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """features [B, F, P, Dv] -> the same shape."""
        whole = self.whole(features[:, :, :1, : self.whole.in_features])
        tokens: torch.Tensor = self.norm(features) + whole + self.identity[: features.shape[1], None] + self.place
        return tokens
