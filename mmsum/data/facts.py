"""What a chart shows, worked out from its numbers: the facts a reader of the figure should come away with.

`shown` are those of the picture alone; `stated` is one that the text may tell without giving the picture away.
Near ties give no fact, so every statement can be seen by eye.
"""

from __future__ import annotations

from random import Random
from statistics import correlation, fmean, median, quantiles, stdev

from mmsum.data.spec import Chart
from mmsum.data.wording import amount, capital, hours, long_name, moment, subject

Found = tuple[str, str]  # kind of fact, statement


def shown(chart: Chart) -> list[Found]:
    """Facts that the figure shows, most important first; at least one for every chart made by values.make_chart."""
    find = {
        "line": _trends,
        "area": _trends,
        "grouped_bar": _grouped,
        "stacked_bar": _stacked,
        "pie": _pie,
        "scatter": _relation,
        "histogram": _histogram,
        "box": _boxes,
        "heat_map": _heat_map,
    }[chart.kind]
    return [(kind, capital(statement)) for kind, statement in find(chart)]


def trend(values: tuple[float, ...]) -> str:
    """rising, falling, peak, dip, level, or "" where none of these is plain."""
    part = max(2, len(values) // 5)
    start, end = fmean(values[:part]), fmean(values[-part:])
    low, high = min(values), max(values)
    if high - low < 0.07 * fmean(values):
        return "level"
    inside = values[part:-part]
    if max(inside) - max(start, end) > 0.35 * (high - low):
        return "peak"
    if min(start, end) - min(inside) > 0.35 * (high - low):
        return "dip"
    if abs(end - start) > 0.5 * (high - low):
        return "rising" if end > start else "falling"
    return ""


def _trends(chart: Chart) -> list[Found]:
    facts = _crossing(chart)
    for series in chart.series:
        values, unit, what = series.values, chart.unit, subject(chart, series.name)
        first, last = amount(values[0], unit), amount(values[-1], unit)
        way = trend(values)
        if way in ("rising", "falling"):
            verb = "rose" if way == "rising" else "fell"
            facts.append(("trend", f"{what} {verb} from about {first} to about {last}."))
        elif way == "peak":
            top = max(values)
            when = moment(chart, chart.labels[values.index(top)])
            facts.append(("peak", f"{what} climbed to a peak of about {amount(top, unit)} {when} and then fell back."))
        elif way == "dip":
            low = min(values)
            when = moment(chart, chart.labels[values.index(low)])
            facts.append(("peak", f"{what} sank to a low of about {amount(low, unit)} {when} and then recovered."))
        elif way == "level":
            facts.append(("trend", f"{what} stayed level at about {amount(fmean(values), unit)}."))
    return facts


def _crossing(chart: Chart) -> list[Found]:
    if len(chart.series) != 2:
        return []
    one, two = chart.series
    above = [a > b for a, b in zip(one.values, two.values, strict=True)]
    changes = [i for i in range(1, len(above)) if above[i] != above[i - 1]]
    if len(changes) != 1:
        return []
    winner, loser = (one, two) if above[-1] else (two, one)
    when = moment(chart, chart.labels[changes[0]])
    other = long_name(loser.name)
    return [("crossing", f"{subject(chart, winner.name)} started below the level of {other} and passed it {when}.")]


def _grouped(chart: Chart) -> list[Found]:
    group = chart.series[-1]
    best, worst = max(group.values), min(group.values)
    top, bottom = (subject(chart, chart.labels[group.values.index(v)]) for v in (best, worst))
    where = f"in {group.name}" if group.name.isdigit() else f"for {group.name}"
    return [
        ("largest", f"{top} came out highest, at about {amount(best, chart.unit)} {where}."),
        ("smallest", f"{bottom} came out lowest, at about {amount(worst, chart.unit)}."),
    ]


def _stacked(chart: Chart) -> list[Found]:
    totals = {series.name: sum(series.values) for series in chart.series}
    top = max(totals, key=totals.__getitem__)
    facts = [("largest", f"{subject(chart, top)} formed the largest part overall.")]
    bars = [sum(column) for column in zip(*(series.values for series in chart.series), strict=True)]
    change = bars[-1] / bars[0] - 1
    if abs(change) > 0.15:
        verb = "grew" if change > 0 else "shrank"
        ends = f"about {amount(round(bars[0]), chart.unit)} to about {amount(round(bars[-1]), chart.unit)}"
        facts.append(("total", f"the total of {chart.quantity} {verb} from {ends}."))
    return facts


def _pie(chart: Chart) -> list[Found]:
    shares = chart.series[0].values
    top, low = (chart.labels[shares.index(pick(shares))] for pick in (max, min))
    return [
        ("largest", f"{subject(chart, top)} made up the largest share, about {max(shares):.0f}%."),
        ("smallest", f"{subject(chart, low)} made up the smallest share."),
    ]


def _relation(chart: Chart) -> list[Found]:
    x, y = chart.series
    r = correlation(x.values, y.values)
    if abs(r) > 0.6:
        verb = "tended to rise with" if r > 0 else "tended to fall with rising"
        return [("relation", f"{chart.quantity} {verb} {x.name}.")]
    return [("relation", f"{chart.quantity} had no visible link with {x.name}.")]


def _histogram(chart: Chart) -> list[Found]:
    values = chart.series[0].values
    middle = amount(round(median(values)), chart.unit)
    cuts = quantiles(values, n=20)
    ends = f"{amount(round(cuts[0]), '').strip()} or above {amount(round(cuts[-1]), chart.unit)}"
    return [("most_common", f"{chart.quantity} clustered around {middle}, with few values below {ends}.")]


def _boxes(chart: Chart) -> list[Found]:
    middles = {series.name: median(series.values) for series in chart.series}
    widths = {series.name: stdev(series.values) for series in chart.series}
    top = max(middles, key=middles.__getitem__)
    wide, second, *_ = sorted(widths, key=widths.__getitem__, reverse=True)
    facts = [("largest", f"{subject(chart, top)} had the highest median, about {amount(middles[top], chart.unit)}.")]
    if widths[wide] > 1.25 * widths[second]:
        facts.append(("spread", f"{subject(chart, wide)} varied most."))
    return facts


def _heat_map(chart: Chart) -> list[Found]:
    best = max(max(series.values) for series in chart.series)
    row = next(series for series in chart.series if best in series.values)
    column = hours(chart.labels[row.values.index(best)])
    day = chart.of.format(long_name(row.name))
    return [("busiest", f"{chart.quantity} peaked {day} {column}, at about {amount(best, chart.unit)}.")]


def stated(chart: Chart, rng: Random) -> Found:
    """One true sentence with a number that does not tell what the picture is for."""
    unit, quantity = chart.unit, chart.quantity
    forms: tuple[str, ...]
    if chart.kind in ("line", "area"):
        series = rng.choice(chart.series)
        what, mean = subject(chart, series.name), amount(round(fmean(series.values), 1), unit)
        forms = (
            f"over the whole period {what} averaged {mean}.",
            f"{what} came to {mean} on average.",
            f"taken together, the readings give a mean of {mean} for {what}.",
        )
        return "level", capital(rng.choice(forms))
    if chart.kind == "scatter":
        xs = chart.series[0].values
        ends = f"{amount(min(xs), '').strip()} to {amount(max(xs), chart.x_label.partition('(')[2].rstrip(')'))}"
        forms = (
            f"the comparison rests on {len(xs)} points, with {chart.series[0].name} from {ends}.",
            f"in the {len(xs)} cases examined, {chart.series[0].name} ranged from {ends}.",
        )
        return "sample", capital(rng.choice(forms))
    if chart.kind == "histogram":
        count = len(chart.series[0].values)
        return "sample", rng.choice((f"The sample holds {count} values.", f"In all, {count} values were recorded."))
    if chart.kind == "heat_map":
        level = fmean(value for series in chart.series for value in series.values)
        average = amount(round(level, 1), unit)
        forms = (
            f"averaged over the whole record, {quantity} came to {average}.",
            f"taking all times together, {quantity} stood at {average}.",
            f"the mean of all entries for {quantity} is {average}.",
        )
        return "level", capital(rng.choice(forms))
    name, middle, where = _middle(chart)
    verb = rng.choice(("came to", "stood at", "amounted to"))
    return "level", capital(f"{where}{subject(chart, name)} {verb} {amount(middle, unit)}.")


def _middle(chart: Chart) -> tuple[str, float, str]:
    """A category that is neither first nor last in rank, its value, and the phrase that says for which group."""
    ranked: list[tuple[float, str]]
    if chart.kind == "box":
        ranked = sorted((median(series.values), series.name) for series in chart.series)
        where = "taking the median, "
    elif chart.kind == "stacked_bar":
        ranked = sorted((series.values[-1], series.name) for series in chart.series)
        where = _group(chart.labels[-1])
    else:
        ranked = sorted(zip(chart.series[-1].values, chart.labels, strict=True))  # pie and grouped bars
        where = _group(chart.series[-1].name)
    value, name = ranked[len(ranked) // 2 if len(ranked) < 4 else 1]
    return name, round(value, 1), where


def _group(name: str) -> str:
    return "" if not name else f"in {name}, " if name.isdigit() else f"for {name}, "
