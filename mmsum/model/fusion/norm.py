"""RMSNorm whose weight may have another dtype than what it scales."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from mmsum.model.torchstack import torch


class RMSNorm(nn.RMSNorm):
    """Weights are float32 while they train, hidden states bfloat16; torch's fused kernel wants one dtype."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., width] -> the same shape and dtype."""
        assert self.weight is not None
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)
