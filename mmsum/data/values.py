"""Numbers for a Measure: a Chart whose pattern is clear enough to be read off by eye."""

from __future__ import annotations

import math
from random import Random

from mmsum.data.spec import Chart, Measure, Series

CHART_KINDS = {
    "trend": ("line", "line", "area"),
    "groups": ("grouped_bar", "stacked_bar"),
    "share": ("pie",),
    "relation": ("scatter",),
    "spread": ("histogram", "box"),
    "grid": ("heat_map",),
}
"""Shape of a measure -> kinds of chart that can show it (repeated: more often)."""

_PATTERNS = ("rising", "falling", "peak", "dip", "level")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def kinds_for(measure: Measure) -> tuple[str, ...]:
    """The chart kinds that suit this measure: no stacks of what cannot be added, no histogram of several groups."""
    if measure.shape == "groups" and not measure.additive:
        return ("grouped_bar",)
    if measure.shape == "spread":
        return ("box",) if measure.names else ("histogram",)
    return CHART_KINDS[measure.shape]


def make_chart(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    """Data of `kind` for `measure` in the years first..last."""
    make = {
        "line": _trend,
        "area": _trend,
        "grouped_bar": _grouped,
        "stacked_bar": _stacked,
        "pie": _pie,
        "scatter": _scatter,
        "histogram": _histogram,
        "box": _boxes,
        "heat_map": _heat_map,
    }[kind]
    return make(measure, kind, first, last, rng)


def _trend(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    if measure.x == "years":
        labels = tuple(str(year) for year in range(first, last + 1))
    else:
        labels = _MONTHS if measure.x == "months" else tuple(str(week) for week in range(1, 25))
    count = 1 if kind == "area" else min(rng.choice((1, 2, 2, 3)), len(measure.names))
    names = ("",) if count == 1 else tuple(_pick(measure.names, count, rng))
    crossing = count == 2 and rng.random() < 0.6
    series = []
    for index, name in enumerate(names):
        pattern = ("rising", "falling")[index] if crossing else rng.choice(_PATTERNS)
        # Without a crossing each line keeps to its own band, so that what crosses is meant to.
        low, high = (0.1, 0.9) if crossing or count == 1 else (index / count + 0.04, (index + 1) / count - 0.04)
        series.append(Series(name, _spread_over(measure, _curve(pattern, len(labels), rng), low, high)))
    rng.shuffle(series)
    x_label = {"years": "Year", "months": str(last), "weeks": f"Week of {last}"}[measure.x]
    return _chart(measure, kind, labels, series, x_label)


def _curve(pattern: str, count: int, rng: Random) -> list[float]:
    """`count` points in 0..1 that follow the pattern with a little noise."""
    top = rng.uniform(0.35, 0.65)

    def height(t: float) -> float:
        hill = math.exp(-(((t - top) / 0.28) ** 2))
        return {"rising": t, "falling": 1 - t, "peak": hill, "dip": 1 - hill, "level": 0.5}[pattern]

    noise = 0.02 if pattern == "level" else 0.05
    return [min(1.0, max(0.0, height(i / (count - 1)) + rng.uniform(-noise, noise))) for i in range(count)]


def _grouped(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    names = measure.names if len(measure.names) < 5 or rng.random() < 0.6 else _pick(measure.names, 4, rng)
    heights = _apart(len(names), rng)
    series = []
    for group in measure.groups or (str(first), str(last)):
        shift = rng.uniform(-0.06, 0.06)
        row = [min(1.0, max(0.02, h + shift + rng.uniform(-0.05, 0.05))) for h in heights]
        series.append(Series(group, _spread_over(measure, row, 0.0, 1.0)))
    return _chart(measure, kind, tuple(names), series, "")


def _stacked(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    labels = measure.groups or tuple(str(year) for year in range(max(first, last - rng.randint(3, 5)), last + 1))
    names = _pick(measure.names, min(len(measure.names), rng.choice((3, 4))), rng)
    growth = rng.choice((0.6, 1.0, 1.5))  # of the whole stack, from the first bar to the last
    series = []
    for name, height in zip(names, _apart(len(names), rng), strict=True):
        scale = [1 + (growth - 1) * i / (len(labels) - 1) for i in range(len(labels))]
        row = [(0.1 + 0.5 * height) * s * rng.uniform(0.94, 1.06) for s in scale]
        series.append(Series(name, _spread_over(measure, row, 0.0, 1.0)))
    return _chart(measure, kind, labels, series, "")


def _pie(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    names = measure.names if rng.random() < 0.6 else tuple(_pick(measure.names, len(measure.names) - 1, rng))
    weights = [0.35 + 1.4 * h**1.5 for h in _apart(len(names), rng)]
    shares = [round(100 * w / sum(weights)) for w in weights]
    shares[shares.index(max(shares))] += 100 - sum(shares)
    return _chart(measure, kind, tuple(names), [Series("", tuple(map(float, shares)))], "")


def _scatter(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    quantity, unit, low, high = measure.against
    slope = rng.choice((1.0, -1.0, 0.0))
    digits = 0 if high - low >= 20 else 1
    xs, ys = [], []
    for _ in range(rng.randint(28, 60)):
        t = rng.random()
        level = (0.5 + slope * (t - 0.5) * 0.75) if slope else rng.uniform(0.2, 0.8)
        xs.append(round(low + t * (high - low), digits))
        ys.append(min(1.0, max(0.0, level + rng.gauss(0, 0.07))))
    series = [Series(quantity, tuple(xs)), Series(measure.quantity, _spread_over(measure, ys, 0.0, 1.0))]
    return _chart(measure, kind, (), series, f"{_capital(quantity)} ({unit})")


def _histogram(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    centre = rng.choice((0.25, 0.5, 0.75))
    draws = [min(1.0, max(0.0, rng.gauss(centre, 0.13))) for _ in range(rng.randint(240, 420))]
    x_label = f"{_capital(measure.quantity)} ({measure.unit})"
    values = Series("", _spread_over(measure, draws, 0.0, 1.0))
    return Chart(kind, measure.quantity, measure.unit, x_label, "Number", (), (values,), measure.of)


def _boxes(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    series = []
    widths = rng.sample((0.05, 0.07, 0.09, 0.11, 0.15), len(measure.names))
    for name, centre, width in zip(measure.names, _apart(len(measure.names), rng), widths, strict=True):
        middle = 0.2 + 0.55 * centre
        draws = [min(1.0, max(0.0, rng.gauss(middle, width))) for _ in range(60)]
        series.append(Series(name, _spread_over(measure, draws, 0.0, 1.0)))
    return _chart(measure, kind, (), series, "")


def _heat_map(measure: Measure, kind: str, first: int, last: int, rng: Random) -> Chart:
    rows, columns = measure.names, measure.groups
    by_row = [rng.uniform(0.0, 0.35) for _ in rows]
    by_column = [rng.uniform(0.0, 0.35) for _ in columns]
    cells = [[r + c + rng.uniform(0, 0.12) for c in by_column] for r in by_row]
    cells[rng.randrange(len(rows))][rng.randrange(len(columns))] = 1.0
    series = [Series(row, _spread_over(measure, line, 0.0, 1.0)) for row, line in zip(rows, cells, strict=True)]
    return _chart(measure, kind, columns, series, "")


def _chart(measure: Measure, kind: str, labels: tuple[str, ...], series: list[Series], x_label: str) -> Chart:
    y_label = f"{_capital(measure.quantity)} ({measure.unit})"
    return Chart(kind, measure.quantity, measure.unit, x_label, y_label, labels, tuple(series), measure.of)


def _apart(count: int, rng: Random) -> list[float]:
    """`count` heights in 0..1 in random order, the largest and the smallest well apart from the rest."""
    inner = [0.3 + 0.35 * (i + rng.uniform(0.2, 0.8)) / max(1, count - 2) for i in range(count - 2)]
    heights = [rng.uniform(0.9, 1.0), rng.uniform(0.05, 0.15), *inner]
    rng.shuffle(heights)
    return heights


def _spread_over(measure: Measure, shares: list[float], low: float, high: float) -> tuple[float, ...]:
    """Shares in 0..1 -> values of the measure inside the band low..high of its range, rounded to its precision."""
    span = measure.high - measure.low
    digits = 0 if span >= 60 else 1 if span >= 6 else 2
    return tuple(round(measure.low + span * (low + share * (high - low)), digits) for share in shares)


def _pick(names: tuple[str, ...], count: int, rng: Random) -> tuple[str, ...]:
    """`count` of the names, in their own order."""
    chosen = set(rng.sample(names, count))
    return tuple(name for name in names if name in chosen)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
