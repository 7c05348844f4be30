"""Depthwise convolutions whose gradients are taken in float32, for training towers in bfloat16 on CPUs."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import nn

from mmsum.model.torchstack import torch


class _Depthwise(torch.autograd.Function):
    """conv2d in the input's dtype; backwards in float32.

    oneDNN has no fast bfloat16 kernels for the gradients: 347 against 154 ms for 144 channels of 59 x 59 (5 x 5, stride 2, 64
    images), 173 against 78 for 672 of 14 x 14, on two cores with AMX (benchmarks/gradients.py).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, conv: nn.Conv2d, padding: Any) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.layout = conv.stride, padding, conv.dilation, conv.groups
        return F.conv2d(x, weight.to(x.dtype), None, *ctx.layout)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.layout
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False]
        layout = list(stride), list(padding), list(dilation), False, [0, 0], groups
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            grad.float(), x.float(), weight.float(), None, *layout, wanted
        )
        return None if of_x is None else of_x.to(x.dtype), of_weight, None, None


def quicken_depthwise(model: nn.Module) -> None:
    """Every depthwise convolution of `model` with a gradient of _Depthwise wherever autocast runs it in bfloat16."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1 and module.bias is None:
            module.forward = _forward_of(module)  # type: ignore[method-assign]


def _forward_of(conv: nn.Conv2d) -> Any:
    from timm.layers import Conv2dSame
    from timm.layers.padding import pad_same

    usual = conv.forward
    same = isinstance(conv, Conv2dSame)  # TensorFlow's padding, which depends on the input's size
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return usual

    def forward(x: torch.Tensor) -> torch.Tensor:
        if not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu") and x.device.type == "cpu"):
            return usual(x)
        if same:
            x = pad_same(x, list(conv.kernel_size), list(conv.stride), list(conv.dilation))
        x = x.to(torch.get_autocast_dtype("cpu"))
        out: torch.Tensor = _Depthwise.apply(x, conv.weight, conv, (0, 0) if same else conv.padding)
        return out

    return forward
