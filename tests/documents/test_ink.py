"""Ink: which pieces of pictures are joined."""

from __future__ import annotations

import random

from mmsum.documents.ink import Ink, _joins, clusters
from mmsum.documents.page import area
from mmsum.records import Box


def one_by_one(pieces: list[Ink], walls: list[Box]) -> list[Ink]:
    """What `clusters` is to find, each piece held against all others."""
    joined: list[Ink] = []
    pending = sorted(pieces, key=lambda piece: -area(piece.box))
    while pending:
        piece = pending.pop()
        other = next((other for other in joined if _joins(piece, other, walls)), None)
        if other is None:
            joined.append(piece)
        else:
            joined.remove(other)
            other.join(piece)
            pending.append(other)
    return joined


def test_pieces_are_joined_as_if_each_were_held_against_all_others() -> None:
    some = random.Random(5)

    def box(width: float, height: float) -> Box:
        x, y = some.uniform(-20, 600), some.uniform(-20, 780)
        return (x, y, x + some.random() ** 2 * width, y + some.random() ** 2 * height)

    assert clusters([], []) == []
    for count in [1, 3, 30, 100, 300] * 8:
        boxes = [box(some.choice([5, 40, 400]), some.choice([5, 40, 400])) for _ in range(count)]
        walls = [box(300, 10) for _ in range(some.choice([0, 10]))]
        found = clusters([Ink(box, strokes=1) for box in boxes], walls)
        assert found == one_by_one([Ink(box, strokes=1) for box in boxes], walls)
        assert sum(piece.strokes for piece in found) == count
