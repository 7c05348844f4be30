"""Linear layers that stay fast when only a few rows pass through them, as in decoding on CPUs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from mmsum.model.torchstack import torch

SKINNY_ROWS = 64
"""Up to here `weight @ x.T` beats `x @ weight.T` in MKL's float32 products: 60 against 38 GFLOP/s at 16 rows, 112
against 80 at 64 (576 x 1536, two AVX2 cores); above, both run at 140."""


class SkinnyLinear(nn.Module):
    """nn.Linear over the same parameters, with the operands of the product swapped for few rows."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., in_features] -> [..., out_features]."""
        rows = x.numel() // self.in_features
        if not 1 < rows <= SKINNY_ROWS:
            return F.linear(x, self.weight, self.bias)
        product = torch.mm(self.weight, x.reshape(rows, -1).t()).t().reshape(*x.shape[:-1], self.out_features)
        return product if self.bias is None else product + self.bias


def make_skinny(model: nn.Module) -> None:
    """Replaces every nn.Linear in `model`; parameters and their names stay the same objects."""
    for name, child in list(model.named_children()):
        if type(child) is nn.Linear:
            setattr(model, name, SkinnyLinear(child))
        else:
            make_skinny(child)
