"""Figures moved, scaled, brightened and darkened a little at random: no two readings of one are alike.

What a figure shows does not depend on it; where exactly a crop was cut does.

Shapes: N images, S the side of an image in pixels.
"""

from __future__ import annotations

import random

import torch.nn.functional as F

from mmsum.model.torchstack import torch

CHANGES = 5
"""Numbers of one image's change: scale, shifts to the right and down (shares of half the side), contrast, brightness."""


def draw_change(draw: random.Random, share: float) -> list[float]:
    """A change by up to `share` (of the size, of the side, of the brightness)."""
    scale = draw.uniform(1 - share, 1 + share / 2)  # seldom larger: what leaves the square is lost
    right, down, contrast, brightness = (draw.uniform(-share, share) for _ in range(CHANGES - 1))
    return [scale, right, down, 1 + contrast, brightness]


def jittered(images: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
    """uint8 [N, S, S, 3] changed by `changes` [N, CHANGES], white around it -> the same shape and type.

    Out of autocast: the grid is a matrix product, and bfloat16 tells two places of the right half apart only where they lie
    half a pixel from one another: thin lines come out ragged.
    """
    with torch.autocast(images.device.type, enabled=False):
        return _moved(images, changes.float())


def _moved(images: torch.Tensor, changes: torch.Tensor) -> torch.Tensor:
    scale, right, down, contrast, brightness = changes[:, :, None, None, None].unbind(1)
    zero = torch.zeros_like(scale)
    rows = [torch.cat([1 / scale, zero, -right / scale], 2), torch.cat([zero, 1 / scale, -down / scale], 2)]
    grid = F.affine_grid(torch.cat(rows, 1)[..., 0], [len(images), 3, *images.shape[1:3]], align_corners=False)
    ink = 255 - images.movedim(-1, 1).float()  # what lies outside is 0, and so is white
    moved = 255 - F.grid_sample(ink, grid, align_corners=False)
    return (moved * contrast + 255 * brightness).clamp(0, 255).round().to(torch.uint8).movedim(1, -1)
