"""Sections of connected prose around charts: what the text says, and what it leaves to the figures."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from mmsum.data import facts, looks
from mmsum.data.spec import Chart, Fact, FigureSpec, Measure, ReportSpec, SectionSpec, Topic
from mmsum.data.topics import TOPICS
from mmsum.data.values import kinds_for, make_chart
from mmsum.data.wording import capital

_PLACES = (
    "Harrowmere", "Castlebrook", "Wexcombe", "Thornbury Vale", "Linden Cross", "Ashwater", "Penmarsh", "Kelderby",
    "Stourley", "Greenhaven", "Oakminster", "Selwick", "Brackenford", "Dunmarrow", "Fenwell", "Larkstead",
)  # fmt: skip
_NAMES = (
    "A. Whitlock", "M. Okafor", "J. Lindqvist", "R. Castellan", "S. Novak", "H. Marchetti", "P. Iyer", "T. Bergmann",
    "E. Dubois", "K. Tanaka", "L. Fairweather", "C. Moreno", "D. Haddad", "F. O'Neill",
)  # fmt: skip
_MENTIONS = (
    "{label} shows {view}.",
    "{label} sets out {view}.",
    "We have plotted {view} in {label}.",
    "For {view}, see {label}.",
    "{View} can be read from {label}.",
    "The full picture of {view} is given in {label}.",
    "As a picture says this better than a table, {label} gives {view}.",
    "Readers will find {view} in {label}.",
    "{label} presents {view} as it was recorded.",
    "The reader is referred to {label} for {view}.",
)
_OPENERS = ("Background", "Introduction", "Why this report", "The setting", "Context")
_METHODS = ("How the figures were collected", "Data and method", "Sources", "About the data", "The record")
_TALKS = ("Discussion", "What lies behind the figures", "Interpretation", "Reading the results", "Remarks")
_ENDINGS = ("Next steps", "Recommendations", "What will be done", "Conclusions", "Proposals")


def compose(index: int, seed: int) -> ReportSpec:
    """Report number `index` of the archive of `seed`: topics take turns, everything else is drawn from both numbers."""
    rng = Random(f"report {seed} {index}")
    order = list(TOPICS)
    Random(f"topics {seed} {index // len(TOPICS)}").shuffle(order)
    return _report(order[index % len(order)], rng)


def _report(topic: Topic, rng: Random) -> ReportSpec:
    last = rng.randint(2014, 2024)
    first = last - rng.randint(7, 11)
    slots = {"place": rng.choice(_PLACES), "first": first, "last": last}
    chart_style = looks.chart_style(rng)

    def say(sentences: Sequence[str], count: int) -> str:
        """`count` of the sentences, in their own order."""
        chosen = sorted(rng.sample(range(len(sentences)), count))
        return " ".join(sentences[i].format(**slots) for i in chosen)

    drawn = rng.choice((1, 2, 2, 3, 3))
    look = looks.page_look(drawn, rng)
    measures = rng.sample(topic.measures, 4 if look.columns == 2 else max(3, drawn + rng.choice((0, 1))))
    told: list[Fact] = []
    middle: list[SectionSpec] = []
    mentions = rng.sample(_MENTIONS, len(measures))
    for number, measure in enumerate(measures, start=1):
        chart = make_chart(measure, rng.choice(kinds_for(measure)), first, last, rng)
        if number <= drawn:
            view = _view(measure, chart)
            caption = f"Figure {number}: {capital(view)}{_period(chart, first, last)}{rng.choice(('.', ''))}"
            mention = mentions[number - 1].format(label=f"Figure {number}", view=view, View=capital(view))
            figure = looks.figure(number, chart, chart_style, caption, mention, look.columns, rng)
            middle.append(_illustrated(measure, figure, told, slots, rng))
        else:
            middle.append(_told_only(measure, chart, told, slots, rng))
    action, *more = rng.sample(topic.actions, 3)
    told.append(Fact(0, "action", action.format(**slots), said=True))
    ending = " ".join([action.format(**slots), *(a.format(**slots) for a in more)])
    talk = [topic.discussion[i].format(**slots) for i in rng.sample(range(len(topic.discussion)), 4)]

    opening = SectionSpec(rng.choice(_OPENERS), _split(say(topic.background, 5), rng))
    method = SectionSpec(rng.choice(_METHODS), (say(topic.method, rng.choice((2, 3, 3))),))
    closing = (SectionSpec(rng.choice(_TALKS), (" ".join(talk),)), SectionSpec(rng.choice(_ENDINGS), (ending,)))
    sections = (opening, method, *middle, *closing)
    title = rng.choice(topic.titles).format(**slots)
    if rng.random() < 0.5:
        title += rng.choice((f", {first} to {last}", f" {last}", f", {first}-{last}")) if "?" not in title else ""
    names = " and ".join(rng.sample(_NAMES, rng.choice((1, 1, 2))))
    office = rng.choice(topic.offices)
    month = rng.choice(("January", "March", "May", "September", "November"))
    date = f"{month} {last + 1}"
    byline = rng.choice((f"{names}, {office}", f"{office} · {date}", f"{names} | {office}, {date}"))
    return ReportSpec(topic.key, title, byline, sections, tuple(told), _summary(topic, told, slots), look)


def _illustrated(
    measure: Measure, figure: FigureSpec, told: list[Fact], slots: dict[str, object], rng: Random
) -> SectionSpec:
    kind, statement = facts.stated(figure.chart, rng)
    told += [Fact(figure.number, k, text, said=False) for k, text in facts.shown(figure.chart)]
    told.append(Fact(figure.number, kind, statement, said=True))
    notes = [note.format(**slots) for note in measure.notes]
    before, after = ([notes[0], figure.mention, statement], notes[1:])
    if rng.random() < 0.4:
        before, after = [notes[0], notes[1], figure.mention], [statement, *notes[2:]]
    return SectionSpec(measure.heading, (" ".join(before), figure, " ".join(after)))


def _told_only(measure: Measure, chart: Chart, told: list[Fact], slots: dict[str, object], rng: Random) -> SectionSpec:
    """A section without a figure: the same kind of facts, all in words."""
    found = [facts.stated(chart, rng), *facts.shown(chart)[:2]]
    told += [Fact(0, kind, text, said=True) for kind, text in found]
    notes = [note.format(**slots) for note in measure.notes]
    return SectionSpec(measure.heading, (" ".join(notes), " ".join(text for _, text in found)))


def _view(measure: Measure, chart: Chart) -> str:
    """What the chart shows: "by district" only where its lines are districts."""
    single = chart.kind in ("line", "area") and len(chart.series) == 1
    return measure.view.partition(" by ")[0] if single else measure.view


def _period(chart: Chart, first: int, last: int) -> str:
    """Where the chart does not carry its dates, the caption does."""
    if chart.kind in ("line", "area") and chart.x_label == "Year":
        return f", {first} to {last}"
    if chart.kind in ("pie", "heat_map", "box", "histogram"):
        return f", {last}"
    return ""


def _split(text: str, rng: Random) -> tuple[str, ...]:
    """One or two paragraphs."""
    sentences = text.replace(". ", ".\n").split("\n")
    cut = rng.choice((2, 3, len(sentences)))
    parts = (" ".join(sentences[:cut]), " ".join(sentences[cut:]))
    return tuple(part for part in parts if part)


def _summary(topic: Topic, told: list[Fact], slots: dict[str, object]) -> str:
    """Gold: the subject, the two weightiest facts of each figure, one stated number, and the first recommendation."""
    lines = [topic.gist.format(**slots)]
    for number in sorted({fact.figure for fact in told if fact.figure}):
        lines += [fact.statement for fact in told if fact.figure == number and not fact.said][:2]
    lines += [fact.statement for fact in told if fact.said and fact.kind not in ("action", "sample")][:1]
    lines += [fact.statement for fact in told if fact.kind == "action"]
    return " ".join(lines)
