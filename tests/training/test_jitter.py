"""Figures are moved and toned a little, never others than drawn, and only while steps are taken."""

from __future__ import annotations

import random
from pathlib import Path

from mmsum.model.torchstack import torch
from mmsum.training.batches import EncodedData
from mmsum.training.encode import encode
from mmsum.training.jitter import CHANGES, draw_change, jittered
from tests.training.runs import training_config


def spot(side: int = 64, at: tuple[int, int] = (32, 32)) -> torch.Tensor:
    image = torch.full((1, side, side, 3), 255, dtype=torch.uint8)
    image[0, at[1] - 4 : at[1] + 4, at[0] - 4 : at[0] + 4] = torch.tensor([200, 0, 0], dtype=torch.uint8)
    return image


def middle(image: torch.Tensor) -> tuple[float, float]:
    """Where the ink lies, across and down."""
    ink = (255 - image[0].float()).sum(-1)
    places = torch.arange(image.shape[1]) + 0.5
    return float((ink.sum(0) * places).sum() / ink.sum()), float((ink.sum(1) * places).sum() / ink.sum())


def test_no_change_changes_nothing() -> None:
    image = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    assert torch.equal(jittered(image, torch.tensor([[1.0, 0, 0, 1, 0]] * 3)), image)


def test_figures_move_grow_and_fade_as_told_on_white() -> None:
    right = jittered(spot(), torch.tensor([[1.0, 0.25, 0, 1, 0]]))
    assert middle(spot()) == (32, 32) and middle(right) == (40, 32)
    down = jittered(spot(), torch.tensor([[1.0, 0, 0.5, 1, 0]]))
    assert middle(down) == (32, 48) and down[0, 0, 0].tolist() == [255, 255, 255]
    small = jittered(spot(), torch.tensor([[0.5, 0, 0, 1, 0]]))
    ink = [float((255 - image.float()).sum()) for image in (spot(), small)]
    assert abs(ink[1] / ink[0] - 0.25) < 0.02 and small[0, 32, 32].tolist() == [200, 0, 0]
    pale = jittered(spot(), torch.tensor([[1.0, 0, 0, 0.9, 0.05]]))
    assert pale[0, 32, 32].tolist() == [193, 13, 13] and pale[0, 0, 0].tolist() == [242, 242, 242]


def test_autocast_changes_nothing() -> None:
    """A bfloat16 grid would move places by up to a pixel of 224."""
    images = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    changes = torch.tensor([draw_change(random.Random(seed), 0.1) for seed in range(2)])
    plain = jittered(images, changes)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(jittered(images, changes), plain)


def test_each_image_has_its_own_change() -> None:
    both = jittered(torch.cat([spot(), spot()]), torch.tensor([[1.0, 0.25, 0, 1, 0], [1.0, 0, 0.25, 1, 0]]))
    assert middle(both[:1]) == (40, 32) and middle(both[1:]) == (32, 40)


def test_changes_stay_within_the_share() -> None:
    draw = random.Random(0)
    changes = torch.tensor([draw_change(draw, 0.1) for _ in range(200)])
    assert changes.shape == (200, CHANGES)
    low, high = changes.amin(0), changes.amax(0)
    assert low[0] >= 0.9 and high[0] <= 1.05 and low[3] >= 0.9 and high[3] <= 1.1
    assert changes[:, [1, 2, 4]].abs().amax() <= 0.1


def test_a_step_sees_its_figures_changed_and_a_look_at_held_out_ones_does_not(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.figure_jitter": 0.2})
    data = EncodedData(encode(config.training.data, config), config, pad=0)
    still = data.batch([1, 2, 0], step=None)
    assert still.changes is None and torch.equal(still.seen(), still.images)
    first, again, later = (data.batch([1, 2, 0], step) for step in (3, 3, 4))
    assert first.changes is not None and first.changes.shape == (3, CHANGES)  # of three figures of two examples
    assert torch.equal(first.seen(), again.seen()) and not torch.equal(first.seen(), later.seen())
    assert torch.equal(first.images, still.images)
    alone = data.batch([2], step=3)  # the same whatever micro-batch it comes in
    assert torch.equal(alone.seen(), first.seen()[1:])
    assert data.batch([0], step=3).changes is None  # nothing is shown, but for a blank image
