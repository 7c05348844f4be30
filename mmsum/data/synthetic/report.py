"""One illustrated report: its text, its figures, its gold summary and the facts in it, all from one seed string."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import permutations
from random import Random

from mmsum.claims import CheckedFact, judge
from mmsum.data.synthetic import texts, wording
from mmsum.data.synthetic.captions import caption_of, hint_of, order_of, shown_by
from mmsum.data.synthetic.looks import figure_look, house_look
from mmsum.data.synthetic.made_up import made_up
from mmsum.data.synthetic.plot import Claim, Look, Plot
from mmsum.data.synthetic.processes import HELD_OUT_NAMES, PROCESSES, SEEN_NAMES
from mmsum.data.synthetic.said import action_fact, restated, stated_fact
from mmsum.data.synthetic.shapes import kinds_for, make_plot
from mmsum.data.synthetic.topic import Measure, Topic
from mmsum.data.synthetic.topics import TOPICS
from mmsum.data.synthetic.variation import AS_IS, Variation
from mmsum.data.synthetic.words import capital

VERSION = 2
"""Of the generator, in every example's source: raised when the same seed makes another example."""

HELD_OUT_TOPICS = ("museum visitors", "orchard yields", "wind farm output")
DISTRACTOR_RATE = 0.2
"""Share of reports with fewer than four figures that have one more, which the gold does not mention: a photo, a logo or a chart
of another subject. Of all reports that is one in six."""
MISLEADING_RATE = 0.1
"""Share of figures with a trend or a largest value in the gold whose caption hints at a wrong answer."""
MATPLOTLIB_RATE = 0.15
"""Share of reports whose figures are drawn by matplotlib instead of Pillow, which is ten times as fast."""
VEGA_RATE = 0.5
"""Share of held-out reports whose figures are drawn by Vega-Lite, which no other split has."""
LIST_IN_TEXT_RATE = 0.1
"""Share of figures whose names are matched to places and colours in the text, not in the caption."""
MIN_FIGURE_FACTS = 3
"""Facts in every gold summary that stand only in figures."""
MOST_WORDS = 160
"""Of a gold summary, which tells everything that is listed of its figures: nobody could know which part is wanted."""

_PLACES = ("Harrowmere", "Castlebrook", "Wexcombe", "Linden Cross", "Ashwater", "Penmarsh", "Kelderby", "Greenhaven")
_HELD_OUT_PLACES = ("Oakminster", "Selwick", "Brackenford", "Dunmarrow", "Fenwell", "Larkstead")


@dataclass(frozen=True, slots=True)
class FigurePlan:
    """A figure to be drawn. plot is None for a photo or a logo, whose kind `picture` names and `seed` determines."""

    label: str
    caption: str
    look: Look
    plot: Plot | None
    title: str
    picture: str = ""
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What one sentence of a gold tells of a figure."""

    claim: Claim
    quantity: str
    label: str

    def sentence(self, voice: int, rng: Random) -> str:
        return wording.cited(wording.clause(self.claim, self.quantity, voice, rng), self.label, voice, rng)


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """One example before its figures are drawn.

    text: as Example.text; gist: the gold's first sentence, in no voice; told: each fact that stands only in a figure, in order.
    """

    id: str
    title: str
    text: str
    figures: tuple[FigurePlan, ...]
    summary: str
    split: str
    source: str
    facts: tuple[CheckedFact, ...]
    voice: int
    gist: str
    told: tuple[Told, ...]


@dataclass(slots=True)
class _Writer:
    """What the parts of one report share while it is written."""

    topic: Topic
    split: str
    voice: int
    slots: dict[str, object]
    house: Look
    rng: Random
    variation: Variation

    @property
    def held_out(self) -> bool:
        return self.split == "heldout"

    def by_voice(self, seen: Sequence[str], held_out: Sequence[str], made_up: Sequence[str] = ()) -> str:
        """The voice's own sentence; one in four times another, and where names are made up, that often a made-up one."""
        if made_up and self.variation.makes_up(self.rng):
            return self.rng.choice(made_up)
        sentences = held_out if self.held_out else seen
        return sentences[self.voice % len(sentences)] if self.rng.random() < 0.75 else self.rng.choice(sentences)

    def some(self, sentences: Sequence[str], count: int) -> str:
        chosen = sorted(self.rng.sample(range(len(sentences)), count))
        return " ".join(sentences[i].format(**self.slots) for i in chosen)


def plan_report(split: str, seed: int, index: int, variation: Variation = AS_IS) -> ReportPlan:
    """Report `index` of a split: the same for the same arguments. Every fact of its gold is judged right on its gold."""
    for attempt in range(100):
        rng = Random(f"figure-reports {VERSION} {split} {seed} {index} {attempt}")
        report = _write(split, f"{split}-{seed}-{index:06d}", rng, variation)
        shown = sum(not fact.said for fact in report.facts)
        brief = len(report.summary.split()) <= MOST_WORDS
        right = all(judge(fact, report.summary, report.facts) == "right" for fact in report.facts)
        # One chart of a chosen kind may have fewer facts.
        if brief and shown >= (1 if variation.kinds else MIN_FIGURE_FACTS) and right:
            return report
    raise AssertionError(f"no consistent report for {split} {seed} {index}")


def _write(split: str, name: str, rng: Random, variation: Variation) -> ReportPlan:
    held_out = split == "heldout"
    topics = [topic for topic in TOPICS if (topic.key in HELD_OUT_TOPICS) == held_out]
    topic = rng.choice(
        [topic for topic in topics if any(_kinds(measure, variation.kinds) for measure in _known(topic))]
    )
    last = rng.randint(2012, 2025)
    slots = {"place": rng.choice(_HELD_OUT_PLACES if held_out else _PLACES), "first": last - rng.randint(7, 11)}
    library = "matplotlib" if rng.random() < MATPLOTLIB_RATE else "pillow"
    if held_out and rng.random() < VEGA_RATE:
        library = "vega-lite"
    house = house_look(library, held_out, rng)
    voice = rng.randrange(wording.VOICES)
    writer = _Writer(topic, split, voice, {**slots, "last": last}, house, rng, variation)

    measures = _measures(topic, rng.choice((1, 2, 2, 3, 3, 4)), rng, variation.kinds)
    known = measures
    if variation.made_up:
        measures = _some_made_up(measures, variation.made_up, rng)
    figures: list[FigurePlan] = []
    middle: list[str] = []
    shown: list[CheckedFact] = []
    told: list[Told] = []
    distractor = rng.randrange(len(measures) + 1) if len(measures) < 4 and rng.random() < DISTRACTOR_RATE else -1
    for place, measure in enumerate([*measures, None]):
        if place == distractor:
            figures.append(_distractor(f"Figure {len(figures) + 1}", writer))
            sentence = writer.by_voice(texts.OFF_TOPIC, texts.HELD_OUT_OFF_TOPIC, texts.MADE_UP_OFF_TOPIC)
            middle.append(sentence.format(label=figures[-1].label))
        if measure is not None:
            paragraph, figure, of_figure = _illustrated(measure, f"Figure {len(figures) + 1}", writer)
            figures.append(figure)
            middle.append(paragraph)
            told += [what for what, _ in of_figure]
            shown += [fact for _, fact in of_figure]
    said, sentence = stated_fact(voice, held_out, rng, variation)
    action, actions = action_fact(topic.actions, writer.slots, rng)
    headings = texts.HELD_OUT_HEADINGS if held_out else texts.HEADINGS
    opening, method, talk, ending = headings[voice % len(headings)]
    gist = topic.gist.format(**writer.slots)
    begin = writer.by_voice(texts.OPENINGS, texts.HELD_OUT_OPENINGS)
    text = "\n\n".join(
        [
            f"# {opening}\n{gist.replace('The report', begin, 1)} {writer.some(topic.background, rng.choice((1, 2, 2)))}",
            f"# {method}\n{sentence} {writer.some(topic.method, 1)}",
            *middle,
            f"# {talk}\n{writer.some(topic.discussion, rng.choice((1, 2)))}",
            f"# {ending}\n{actions}",
        ]
    )
    stated = [said, action] if rng.random() < variation.advised else [said]
    gold = _gold(gist, voice, [fact.statement for fact in shown], [fact.statement for fact in stated])
    title = rng.choice(topic.titles).format(**writer.slots)
    source = f"figure-reports/{VERSION}" + ("+vega-lite" if library == "vega-lite" else "")
    source += "+made-up" if measures != known else ""
    source += "+ratios" if any(fact.kind in ("ratio", "growth") for fact in shown) else ""
    facts = (*shown, *stated)
    return ReportPlan(name, title, text, tuple(figures), gold, split, source, facts, voice, gist, tuple(told))


def _gold(gist: str, voice: int, shown: Sequence[str], said: Sequence[str]) -> str:
    """What the report is about, what its figures show, and what its text says: a number, and perhaps a recommendation."""
    number, *action = said
    first = gist.replace("The report", texts.GOLD_OPENINGS[voice], 1)
    return " ".join([first, *shown, number, *action] if voice % 2 else [first, number, *shown, *action])


def retold(report: ReportPlan, voice: int, rng: Random) -> str:
    """The gold as another writer would have it who knows all of its facts, in the same order: what a score can be (voices.py in
    benchmarks/)."""
    number, *action = (fact for fact in report.facts if fact.said)
    said = [restated(number, voice), *(fact.statement for fact in action)]
    return _gold(report.gist, voice, [told.sentence(voice, rng) for told in report.told], said)


def _kinds(measure: Measure, kinds: Collection[str]) -> list[str]:
    """The kinds of figure that can show this measure, of `kinds` if there are any."""
    return [kind for kind in kinds_for(measure) if not kinds or kind in kinds]


def _known(topic: Topic) -> tuple[Measure, ...]:
    """All that is measured in a topic, and its process."""
    return (*topic.measures, PROCESSES[topic.key])


def _measures(topic: Topic, count: int, rng: Random, kinds: Collection[str]) -> list[Measure]:
    """`count` measures whose quantities cannot be taken for one another; fewer where few can be shown by one of `kinds`."""
    chosen: list[Measure] = []
    known = [measure for measure in _known(topic) if _kinds(measure, kinds)]
    common = [measure for measure in known if measure.shape in ("trend", "groups", "spread")]
    others = [measure for measure in known if measure not in common]
    # The common shapes have several kinds of figure each, the others one.
    pool = rng.sample(common, len(common)) + rng.sample(others, min(len(others), rng.choice((1, 2))))
    if count < 4:
        rng.shuffle(pool)
    for measure in pool:
        told = [other.quantity for other in chosen]
        if len(chosen) < count and not any(q in measure.quantity or measure.quantity in q for q in told):
            chosen.append(measure)
    rng.shuffle(chosen)
    return chosen


def _some_made_up(measures: list[Measure], share: float, rng: Random) -> list[Measure]:
    """The measures, about that share of them under made-up names; no quantity can be taken for another."""
    while True:
        drawn = [made_up(measure, rng) if rng.random() < share else measure for measure in measures]
        if not any(one.quantity in other.quantity for one, other in permutations(drawn, 2)):
            return drawn


def _names(measure: Measure, writer: _Writer) -> list[str]:
    """The measure's names in random order, places often exchanged for others; a process keeps its order."""
    rng = writer.rng
    if measure.shape == "process":
        return list(measure.names)
    places = measure.of in ("in {}", "at {}") and measure.names and measure.names[0][0].isupper()
    if places and rng.random() < 0.7:
        return rng.sample(HELD_OUT_NAMES if writer.held_out else SEEN_NAMES, max(4, min(6, len(measure.names))))
    return rng.sample(measure.names, len(measure.names))


def _illustrated(
    measure: Measure, label: str, writer: _Writer
) -> tuple[str, FigurePlan, list[tuple[Told, CheckedFact]]]:
    """A section around one figure, and all that only the figure tells."""
    rng, voice = writer.rng, writer.voice
    first, last = int(str(writer.slots["first"])), int(str(writer.slots["last"]))
    kind = rng.choice(_kinds(measure, writer.variation.kinds))
    plot, claims = make_plot(measure, kind, first, last, _names(measure, writer), rng, writer.variation.ratios)
    look = figure_look(writer.house, kind, writer.held_out, rng)
    single = len(plot.series) == 1 and (kind in ("line", "area") or not plot.labels)
    view = measure.view.partition(" by ")[0] if single else measure.view
    view = {"gauge": f"a gauge of {plot.quantity}", "grid_map": f"a map of {plot.quantity}"}.get(kind, view)
    listed = writer.by_voice(texts.LISTS, texts.HELD_OUT_LISTS, texts.MADE_UP_LISTS)
    order = order_of(plot, look, listed)
    misled = _misled(claims, writer)
    hint = hint_of(misled, plot.quantity) if misled else ""
    in_text = rng.random() < LIST_IN_TEXT_RATE
    caption = caption_of(label, view, hint, "" if in_text else order)
    mention = writer.by_voice(texts.MENTIONS, texts.HELD_OUT_MENTIONS, texts.MADE_UP_MENTIONS)
    mention = mention.format(label=label, view=view, View=capital(view))
    notes = writer.some(measure.notes, rng.choice((1, 2)))
    parts = [notes, mention, order] if rng.random() < 0.5 else [mention, order, notes]
    paragraph = f"# {measure.heading}\n" + " ".join(part for part in parts if part and (in_text or part is not order))
    facts = []
    for claim in claims:
        told = Told(claim, plot.quantity, label)
        sentence, shows = told.sentence(voice, rng), shown_by(claim, plot, look)
        facts.append((told, wording.check(claim, plot.quantity, sentence, label, claim is misled, shows)))
    return paragraph, FigurePlan(label, caption, look, plot, capital(plot.quantity)), facts


def _misled(claims: list[Claim], writer: _Writer) -> Claim | None:
    """The claim that a misleading caption denies, at MISLEADING_RATE."""
    open_to_hints = [claim for claim in claims if claim.kind in ("trend", "total", "largest")]
    return writer.rng.choice(open_to_hints) if open_to_hints and writer.rng.random() < MISLEADING_RATE else None


def _distractor(label: str, writer: _Writer) -> FigurePlan:
    """A figure beside the point."""
    rng = writer.rng
    picture = rng.choice(("photo", "logo", ""))
    if picture:
        look = figure_look(writer.house, "photo", writer.held_out, rng)
        caption = {"photo": f"{label}: A view of {writer.slots['place']}", "logo": f"{label}: Mark of the publisher"}[
            picture
        ]
        return FigurePlan(label, caption, look, None, "", picture, str(rng.random()))
    others = [t for t in TOPICS if t is not writer.topic and (t.key in HELD_OUT_TOPICS) == writer.held_out]
    measure = rng.choice([m for m in rng.choice(others).measures if m.shape in ("trend", "share", "groups")])
    kind = {"trend": "area", "share": "pie", "groups": "grouped_bar"}[measure.shape]
    plot, _ = make_plot(measure, kind, 2005, 2014, measure.names, rng)
    look = figure_look(writer.house, kind, writer.held_out, rng)
    return FigurePlan(label, caption_of(label, f"{measure.view} elsewhere", "", ""), look, plot, capital(plot.quantity))
