"""Bars and stacks of bars made around their answers, as shapes.py makes the other charts; if wanted, in rough ratios."""

from __future__ import annotations

from random import Random

from mmsum.data.synthetic.diagram_shapes import Made, scaled
from mmsum.data.synthetic.plot import Claim, Plot
from mmsum.data.synthetic.topic import Measure, Series

_TIMES = {"twice": (1.85, 2.15), "three times": (2.8, 3.25), "five times": (4.7, 5.3)}
"""How often the smaller goes into the larger: rough, and never half-way between two."""
_SHRUNK = {"twice": "half", "three times": "a third"}
_GROWTHS = (*_SHRUNK, *_SHRUNK.values())


def make_bars(measure: Measure, first: int, last: int, names: list[str], rng: Random, ratios: bool = False) -> Made:
    """Bars of one colour, or pairs of which one is always the higher."""
    heights = apart(len(names), rng)
    if rng.random() < 0.6:
        heights, claims = _with_ratio(len(names), rng) if ratios else _with_margin(heights, rng)
        series: tuple[Series, ...] = (Series(str(last), scaled(measure, heights, zero=True)),)
    else:
        groups = (measure.groups or (str(first), str(last)))[:2]
        up = rng.randrange(2)
        rows = [[h * (1.0 if g == up else 0.72) * rng.uniform(0.97, 1.03) for h in heights] for g in range(2)]
        series = tuple(Series(g, scaled(measure, row, zero=True)) for g, row in zip(groups, rows, strict=True))
        claims = [Claim("groups", tuple(groups), groups[up])]
    high, low = names[heights.index(max(heights))], names[heights.index(min(heights))]
    claims = [Claim("largest", tuple(names), high), Claim("smallest", tuple(names), low), *claims]
    return Plot("grouped_bar", measure.quantity, measure.unit, "", tuple(names), series), claims


def _with_margin(heights: list[float], rng: Random) -> tuple[list[float], list[Claim]]:
    """The heights, of which the largest now leads the next by a little or by a lot."""
    high, low, inner = max(heights), min(heights), sorted(heights)[-2]
    wide = rng.random() < 0.5
    scaled_down = [height * (0.5 if wide else 0.74) / inner for height in heights]
    led = [
        0.92 if height == high else min(less, 0.26) if height == low else less
        for height, less in zip(heights, scaled_down, strict=True)
    ]
    return led, [_margin(wide)]


def _with_ratio(count: int, rng: Random) -> tuple[list[float], list[Claim]]:
    """Heights of which the largest is a known number of times the smallest, and leads the next by a little or by a lot."""
    ratio = rng.choice(tuple(_TIMES))
    wide = (
        ratio != "twice" and rng.random() < 0.75
    )  # half of all; at twice the smallest there is no room for a wide lead
    top, second = 0.92, 0.46 if wide else 0.68
    bottom = top / rng.uniform(*_TIMES[ratio])
    heights = [top, second, bottom, *(rng.uniform(bottom + 0.06, second - 0.02) for _ in range(count - 3))]
    rng.shuffle(heights)
    return heights, [_margin(wide), Claim("ratio", tuple(_TIMES), ratio)]


def _margin(wide: bool) -> Claim:
    return Claim("margin", ("wide", "narrow"), "wide" if wide else "narrow")


def make_stacks(measure: Measure, first: int, last: int, names: list[str], rng: Random, ratios: bool = False) -> Made:
    """Stacked bars, all of which grow, shrink or stay together."""
    names = names[: min(len(names), rng.choice((3, 3, 4)))]
    labels = tuple(str(year) for year in range(last - rng.randint(3, 5), last + 1))
    way = rng.choice(("rising", "falling", "level"))
    more, steep = [], 0.55  # the last total stands to the first as 1 + steep to 1 - steep
    if ratios and way != "level":
        growth = rng.choice(tuple(_SHRUNK))
        times = rng.uniform(*_TIMES[growth])
        steep = (times - 1) / (times + 1)
        more = [Claim("growth", _GROWTHS, growth if way == "rising" else _SHRUNK[growth])]
    slope = {"rising": steep, "falling": -steep, "level": 0.0}[way]
    series = []
    weights = apart(len(names), rng)
    for name, weight in zip(names, weights, strict=True):
        scale = [1 + slope * (2 * i / (len(labels) - 1) - 1) for i in range(len(labels))]
        row = [(0.12 + 0.4 * weight) * s * rng.uniform(0.97, 1.03) for s in scale]
        series.append(Series(name, scaled(measure, row, zero=True)))
    claims = [
        Claim("total", ("rising", "falling", "level"), way),
        *more,
        Claim("largest", tuple(names), names[weights.index(max(weights))]),
        Claim("smallest", tuple(names), names[weights.index(min(weights))]),
    ]
    return Plot("stacked_bar", measure.quantity, measure.unit, "", labels, tuple(series)), claims


def apart(count: int, rng: Random) -> list[float]:
    """`count` heights in 0..1 in random order, the largest and the smallest well apart from the rest."""
    inner = [rng.uniform(0.42, 0.66) for _ in range(count - 2)]
    heights = [rng.uniform(0.92, 1.0), rng.uniform(0.1, 0.18), *inner]
    rng.shuffle(heights)
    return heights
