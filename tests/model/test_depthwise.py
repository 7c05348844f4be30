"""Depthwise convolutions in bfloat16: the same results, with gradients at least as exact as torch's own."""

from __future__ import annotations

import copy

import pytest
from torch import nn

from mmsum.model.depthwise import quicken_depthwise
from mmsum.model.torchstack import torch

# isort: split
# Below the line above, which makes timm importable.
from timm.layers import Conv2dSame


@pytest.mark.parametrize(
    "conv",
    [nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), Conv2dSame(8, 8, 5, stride=2, groups=8, bias=False)],
    ids=["fixed", "same"],
)
def test_gradients_are_those_of_float32(conv: nn.Conv2d) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 8, 15, 15).bfloat16().float()
    with torch.no_grad():
        conv.weight.copy_(conv.weight.bfloat16())

    def run(conv: nn.Conv2d, bfloat16: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        given = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            out = conv(given)
        (out.float() * torch.linspace(-1, 1, out[0].numel()).bfloat16().float().view(out[0].shape)).sum().backward()
        assert given.grad is not None and conv.weight.grad is not None
        return out, given.grad, conv.weight.grad

    quick = copy.deepcopy(conv)
    quicken_depthwise(nn.Sequential(quick))
    exact, usual, ours = run(copy.deepcopy(conv), False), run(copy.deepcopy(conv), True), run(quick, True)
    assert torch.equal(ours[0], usual[0]) and ours[0].dtype == torch.bfloat16
    for part in (1, 2):
        torch.testing.assert_close(ours[part], exact[part], rtol=0.01, atol=0.01)
        assert (ours[part] - exact[part]).abs().max() <= (usual[part] - exact[part]).abs().max() + 1e-6
    with torch.no_grad():  # nothing is different where nothing learns, or in float32
        assert torch.equal(quick(x), conv(x))


def test_other_convolutions_are_left_alone() -> None:
    whole, biased = nn.Conv2d(8, 8, 3, bias=False), nn.Conv2d(8, 8, 3, groups=8)
    quicken_depthwise(nn.Sequential(whole, biased))
    assert "forward" not in vars(whole) and "forward" not in vars(biased)
