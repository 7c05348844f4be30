"""Plots made around their answers: the answer is drawn first, each option as likely as any other, then the numbers.

What is true of a figure is plain enough to be seen at 224 pixels; there are no ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random

from mmsum.data.synthetic.bars import apart, make_bars, make_stacks
from mmsum.data.synthetic.diagram_shapes import Made, make_flow, make_gauge, make_grid_map, scaled
from mmsum.data.synthetic.plot import Claim, Plot
from mmsum.data.synthetic.topic import Measure, Series

TRENDS = ("rising", "falling", "peak", "dip", "level")
THIRDS = ("early", "middle", "late")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_Maker = Callable[[Measure, int, int, list[str], Random], Made]


def kinds_for(measure: Measure) -> tuple[str, ...]:
    """The kinds of figure that can show this measure."""
    stacks = ("stacked_bar", "stacked_bar") if measure.additive and len(measure.names) > 2 else ()
    if measure.shape == "trend":
        return ("line", "line", "area", "gauge", "grid_map", *stacks)
    if measure.shape == "groups":
        return ("grouped_bar", "grouped_bar", "line", "line", "area", "gauge", "grid_map", *stacks)
    if measure.shape == "spread":
        return ("box",) if len(measure.names) > 3 else ("histogram",)
    return {"share": ("pie",), "relation": ("scatter",), "grid": ("heat_map",), "process": ("flow",)}[measure.shape]


def make_plot(
    measure: Measure, kind: str, first: int, last: int, names: Sequence[str], rng: Random, ratios: bool = False
) -> Made:
    """A plot of `kind` and all that is true of it. `names` stand for measure.names, in the order of drawing. ratios: bars
    stand in rough ratios, which are told."""
    bars, stacks = partial(make_bars, ratios=ratios), partial(make_stacks, ratios=ratios)
    makers: dict[str, _Maker] = {
        "line": _line, "area": _area, "grouped_bar": bars, "stacked_bar": stacks, "pie": _pie, "scatter": _scatter,
        "histogram": _histogram, "box": _boxes, "heat_map": _heat_map, "flow": make_flow, "gauge": make_gauge,
        "grid_map": make_grid_map,
    }  # fmt: skip
    plot, claims = makers[kind](measure, first, last, list(names), rng)
    room = 0.07 * (measure.high - measure.low)
    return replace(plot, limits=(measure.low - room, measure.high + room)), claims


def _times(measure: Measure, first: int, last: int) -> tuple[tuple[str, ...], str]:
    """Labels of a time axis, and its title."""
    if measure.x == "years":
        return tuple(str(year) for year in range(first, last + 1)), "Year"
    return (_MONTHS, str(last)) if measure.x == "months" else (tuple(map(str, range(1, 21))), f"Week of {last}")


def _line(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    count = min(rng.choice((1, 2, 2, 3)), len(names))
    if count == 1:
        return _single("line", measure, first, last, rng)
    labels, x_label = _times(measure, first, last)
    names = names[:count]
    crossing = count == 2 and rng.random() < 0.5
    ways = [rng.choice(TRENDS) for _ in names]
    order = list(range(count))  # band of each line, from the bottom
    rng.shuffle(order)
    if crossing:
        ways = ["rising", "falling"] if order[0] else ["falling", "rising"]
    series, claims = [], []
    for name, way, place in zip(names, ways, order, strict=True):
        low, high = (0.08, 0.92) if crossing else (place / count + 0.05, (place + 1) / count - 0.07)
        shares = [low + (high - low) * share for share in _curve(way, rng.uniform(0.38, 0.62), len(labels), 0.04, rng)]
        series.append(Series(name, scaled(measure, shares)))
        claims.append(Claim("trend", TRENDS, way, name))
    winner = names[order.index(count - 1)]
    claims.append(Claim("final", tuple(names), winner))
    if count == 2:
        claims.append(Claim("crossing", ("crossed", "apart"), "crossed" if crossing else "apart"))
    return Plot("line", measure.quantity, measure.unit, x_label, labels, tuple(series)), claims


def _area(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    return _single("area", measure, first, last, rng)


def _single(kind: str, measure: Measure, first: int, last: int, rng: Random) -> Made:
    """One line: where it goes, when it turns, how smoothly."""
    labels, x_label = _times(measure, first, last)
    way, third = rng.choice(TRENDS), rng.choice(THIRDS)
    jagged = rng.random() < 0.5
    top = {"early": 0.22, "middle": 0.5, "late": 0.78}[third] + rng.uniform(-0.04, 0.04)
    shares = _curve(way, top, len(labels), 0.015, rng)
    if jagged:
        shares = [share + (0.11 if i % 2 else -0.11) * rng.uniform(0.6, 1.2) for i, share in enumerate(shares)]
    shares = [0.16 + 0.7 * share for share in shares]
    claims = [Claim("trend", TRENDS, way), Claim("swings", ("smooth", "jagged"), "jagged" if jagged else "smooth")]
    if way in ("peak", "dip"):
        claims.insert(1, Claim("turning", THIRDS, third))
    return Plot(kind, measure.quantity, measure.unit, x_label, labels, (Series("", scaled(measure, shares)),)), claims


def _curve(way: str, top: float, count: int, noise: float, rng: Random) -> list[float]:
    """`count` points about 0..1 that go `way`, with the turn at `top`."""

    def height(t: float) -> float:
        hill = math.exp(-(((t - top) / 0.2) ** 2))
        return {"rising": t, "falling": 1 - t, "peak": hill, "dip": 1 - hill, "level": 0.5}[way]

    return [height(i / (count - 1)) + rng.uniform(-noise, noise) for i in range(count)]


def _pie(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    names = names[: rng.choice((4, 5))]
    sizes = ("over half", "third to half", "under third")[: 3 if len(names) == 5 else 2]
    size = rng.choice(sizes)
    top = {"over half": (56, 66), "third to half": (39, 45), "under third": (29, 31)}[size]
    large, small = rng.randint(*top), rng.randint(4, 7)
    rest = 100 - large - small
    middle = [rest // (len(names) - 2)] * (len(names) - 2)
    middle[0] += rest - sum(middle)
    shares = [large, small, *middle]
    rng.shuffle(shares)
    claims = [
        Claim("largest", tuple(names), names[shares.index(large)]),
        Claim("share", ("over half", "third to half", "under third"), size),
        Claim("smallest", tuple(names), names[shares.index(small)]),
    ]
    return Plot("pie", measure.quantity, "%", "", tuple(names), (Series("", tuple(map(float, shares))),)), claims


def _scatter(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    quantity, unit, low, high = measure.against
    way = rng.choice(("positive", "negative", "none"))
    slope = {"positive": 0.8, "negative": -0.8, "none": 0.0}[way]
    points = []
    for _ in range(rng.randint(30, 60)):
        t = rng.random()
        level = 0.5 + slope * (t - 0.5) if slope else rng.uniform(0.15, 0.6)
        points.append((t, level + rng.gauss(0, 0.045)))
    stray = rng.random() < 0.5
    if stray:
        points.append({"positive": (0.08, 0.95), "negative": (0.9, 0.95), "none": (rng.random(), 1.0)}[way])
    xs = tuple(round(low + t * (high - low), 2) for t, _ in points)
    ys = scaled(measure, [y for _, y in points])
    claims = [
        Claim("relation", ("positive", "negative", "none"), way, quantity),
        Claim("outlier", ("one", "none"), "one" if stray else "none"),
    ]
    series = (Series(quantity, xs), Series(measure.quantity, ys))
    return Plot("scatter", measure.quantity, measure.unit, f"{quantity.capitalize()} ({unit})", (), series), claims


def _histogram(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    bins = rng.randint(13, 18)
    two, place = rng.random() < 0.5, rng.choice(("low", "middle", "high"))
    humps = [(0.22, 0.08, 1.0), (0.78, 0.08, 0.6)]  # place, width, height
    claims = [Claim("humps", ("one", "two"), "two" if two else "one")]
    if two and rng.random() < 0.5:
        humps = [(0.22, 0.08, 0.6), (0.78, 0.08, 1.0)]
    if two:
        claims.append(Claim("taller", ("low", "high"), "low" if humps[0][2] == 1.0 else "high"))
    else:
        wide = rng.random() < 0.5
        humps = [({"low": 0.2, "middle": 0.5, "high": 0.8}[place], 0.2 if wide else 0.07, 1.0)]
        claims += [Claim("place", ("low", "middle", "high"), place)]
        claims += [Claim("width", ("wide", "narrow"), "wide" if wide else "narrow")]
    counts = []
    for i in range(bins):
        t = (i + 0.5) / bins
        level = sum(size * math.exp(-(((t - at) / (1.4 * wide_)) ** 2)) for at, wide_, size in humps)
        counts.append(float(max(0, round(90 * level * rng.uniform(0.92, 1.08)))))
    step = (measure.high - measure.low) / bins
    edges = tuple(f"{measure.low + i * step:.0f}" for i in range(bins))
    x_label = f"{measure.quantity.capitalize()} ({measure.unit})"
    return Plot("histogram", measure.quantity, measure.unit, x_label, edges, (Series("", tuple(counts)),)), claims


def _boxes(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    middles = apart(len(names), rng)
    widest = rng.randrange(len(names))
    series = []
    for i, name in enumerate(names):
        half = rng.uniform(0.13, 0.15) if i == widest else rng.uniform(0.03, 0.05)
        middle = 0.24 + 0.52 * middles[i]
        five = (middle - 2 * half, middle - half, middle, middle + half, middle + 2 * half)
        series.append(Series(name, scaled(measure, [max(-0.05, share) for share in five])))
    claims = [
        Claim("largest", tuple(names), names[middles.index(max(middles))]),
        Claim("spread", tuple(names), names[widest]),
        Claim("smallest", tuple(names), names[middles.index(min(middles))]),
    ]
    return Plot("box", measure.quantity, measure.unit, "", (), tuple(series)), claims


def _heat_map(measure: Measure, first: int, last: int, names: list[str], rng: Random) -> Made:
    rows = list(measure.names)
    columns = list(measure.groups)
    row, column = rng.randrange(len(rows)), rng.randrange(len(columns))
    cells = [
        [0.05 + 0.42 * (r == row) + 0.42 * (c == column) + rng.uniform(0, 0.14) for c in range(len(columns))]
        for r in range(len(rows))
    ]
    series = tuple(Series(name, scaled(measure, line)) for name, line in zip(rows, cells, strict=True))
    claims = [Claim("row", tuple(rows), rows[row]), Claim("column", tuple(columns), columns[column])]
    return Plot("heat_map", measure.quantity, measure.unit, "", tuple(columns), series), claims
