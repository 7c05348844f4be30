"""Flow diagrams, gauges and maps made around their answers, as shapes.py makes charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from mmsum.data.synthetic.places import PLACES, map_shapes
from mmsum.data.synthetic.plot import Claim, Plot
from mmsum.data.synthetic.topic import Measure, Series

Made = tuple[Plot, list[Claim]]


def make_flow(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    names = names[: rng.choice((4, 5, 6))]
    shape = rng.choice(("chain", "branch", "loop", "merge"))
    marked, decision = rng.sample(range(len(names)), 2)
    claims = [
        Claim("shape", ("chain", "branch", "loop", "merge"), shape),
        Claim("highlight", tuple(names), names[marked]),
        Claim("decision", tuple(names), names[decision]),
    ]
    return Plot("flow", measure.quantity, "", "", tuple(names), (), (marked, decision), shape), claims


def make_gauge(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    zone, side = rng.choice(("low", "middle", "high")), rng.choice(("above", "below"))
    value = {"low": 0.17, "middle": 0.5, "high": 0.83}[zone] + rng.uniform(-0.08, 0.08)
    room = (0.04, value - 0.12) if side == "above" else (value + 0.12, 0.97)
    if room[1] <= room[0]:
        return make_gauge(measure, first, last, names, rng)
    claims = [Claim("zone", ("low", "middle", "high"), zone), Claim("target", ("above", "below"), side)]
    target = (rng.uniform(*room),)
    return Plot("gauge", measure.quantity, measure.unit, "", (), (Series("", (value,)),), target), claims


def make_grid_map(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    size = rng.choice((7, 8, 9))
    fields = map_shapes(size, rng)
    hot, cold, star = rng.sample(sorted(PLACES), 3)

    def share(row: int, column: int) -> float:
        def near(place: str) -> float:
            y, x = PLACES[place]
            return math.exp(-(((row / (size - 1) - y) ** 2 + (column / (size - 1) - x) ** 2) / 0.05))

        return 0.45 + 0.5 * near(hot) - 0.42 * near(cold) + rng.uniform(-0.04, 0.04)

    rows = [scaled(measure, [share(r, c) for c in range(size)]) for r in range(size)]
    series = tuple(
        Series("", tuple(value if fields[r][c] else math.nan for c, value in enumerate(rows[r]))) for r in range(size)
    )
    y, x = PLACES[star]
    places = tuple(sorted(PLACES))
    claims = [Claim("hotspot", places, hot), Claim("coldspot", places, cold), Claim("star", places, star)]
    marks = (round(y * (size - 1)), round(x * (size - 1)))
    return Plot("grid_map", measure.quantity, measure.unit, "", (), series, (float(marks[0]), float(marks[1]))), claims


def scaled(measure: Measure, shares: Sequence[float], zero: bool = False) -> tuple[float, ...]:
    """Shares about 0..1 -> values in the measure's range (from zero where bars have to tell sizes)."""
    low = 0.0 if zero else measure.low
    span = measure.high - low
    digits = 1 if span >= 20 else 2 if span >= 2 else 3
    return tuple(round(low + span * share, digits) for share in shares)
