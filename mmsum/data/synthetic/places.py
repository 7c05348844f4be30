"""The five places of a map, and outlines of maps made of square fields."""

from __future__ import annotations

from random import Random

PLACES = {
    "north-west": (0.15, 0.15),
    "north-east": (0.15, 0.85),
    "south-west": (0.85, 0.15),
    "south-east": (0.85, 0.85),
    "centre": (0.5, 0.5),
}
"""Name -> (down, right), each in 0..1."""


def map_shapes(size: int, rng: Random) -> list[list[bool]]:
    """size x size fields, some of the border and none near a place left out."""
    fields = [[True] * size for _ in range(size)]
    for _ in range(rng.randint(2, size)):
        at = rng.choice((size // 2 - 1, size // 2, size // 2 + 1))
        side = rng.randrange(4)
        row, column = ((0, at), (size - 1, at), (at, 0), (at, size - 1))[side]
        fields[row][column] = False
    for row, column in ((0, 0), (0, size - 1), (size - 1, 0), (size - 1, size - 1)):
        fields[row][column] = rng.random() < 0.5
    return fields
