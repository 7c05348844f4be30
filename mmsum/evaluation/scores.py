"""Texts -> scores of each example -> means with intervals over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmsum.claims import VERDICTS, CheckedFact, Verdict, chance_by_kind, judge
from mmsum.documents.language import language_of
from mmsum.evaluation.facts import FactCounts, Told, check_facts, count_facts
from mmsum.evaluation.intervals import Bootstrap, Difference, Interval
from mmsum.evaluation.writing import Written
from mmsum.examples import Example
from mmsum.rouge import KINDS, rouge


@dataclass(frozen=True, slots=True)
class Scored:
    """One text about one example. told: of each fact that only a figure shows, in order; of_text: that the text tells."""

    written: Written
    rouge: dict[str, float]
    words: int
    repetition: float
    language: str
    same_language: bool
    told: list[Told]
    of_text: list[Verdict]

    @property
    def text(self) -> str:
        return self.written.text

    @property
    def counts(self) -> FactCounts:
        return count_facts(self.told)


def score(example: Example, facts: Sequence[CheckedFact], of_text: Sequence[CheckedFact], written: Written) -> Scored:
    """A failed summary is an empty text: it scores 0 and tells no fact. facts, of_text: see figure_facts, text_facts."""
    text = written.text
    language = language_of(text)
    return Scored(
        written=written,
        rouge=rouge(example.summary, text),
        words=len(text.split()),
        repetition=repetition(text),
        language=language,
        same_language=language == language_of(example.summary),
        told=check_facts(facts, text, [figure.label for figure in example.figures]),
        of_text=[judge(fact, text, of_text) for fact in of_text],
    )


def repetition(text: str, n: int = 4) -> float:
    """Share of the text's word n-grams that stood before in it; 0 for texts of fewer than n words."""
    words = text.lower().split()
    grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True)
class Shares:
    """Of `facts` that were checked. See mmsum.evaluation.facts for what each counts."""

    facts: int
    right: Interval
    wrong: Interval
    absent: Interval


@dataclass(frozen=True)
class FactScores(Shares):
    """Of those that only a figure shows."""

    right_of_told: Interval | None
    cited: Interval | None
    cited_right: Interval | None


@dataclass(frozen=True)
class Scores:
    """One system over all examples. minus_*: ours (the full one) minus this one, on the same resamples."""

    rouge: dict[str, Interval]
    words: float
    repetition: float
    languages: dict[str, int]
    same_language: float
    failed: int
    figures_shown: float | None  # of the figures given, those that a trained fusion saw
    facts: FactScores | None
    of_text: Shares | None
    minus_rouge: Difference | None = None
    minus_right: Difference | None = None
    minus_told: Difference | None = None
    models: list[str] = field(default_factory=list)


def scores_of(rows: Sequence[Scored], ours: Sequence[Scored], bootstrap: Bootstrap) -> Scores:
    """`rows` are one system's, in the order of the examples; `ours` those that it is compared with."""
    counts, our_counts = [row.counts for row in rows], [row.counts for row in ours]
    facts = [count.facts for count in counts]
    figures = sum(row.written.figures for row in rows)

    def interval(kind: str) -> Interval:
        found = bootstrap.share([row.rouge[kind] for row in rows])
        assert found is not None  # there is at least one example
        return found

    is_ours = rows is ours
    return Scores(
        rouge={kind: interval(kind) for kind in KINDS},
        words=float(np.mean([row.words for row in rows])),
        repetition=float(np.mean([row.repetition for row in rows])),
        languages=dict(Counter(row.language or "unknown" for row in rows).most_common()),
        same_language=float(np.mean([row.same_language for row in rows])),
        failed=sum(not row.text for row in rows),
        figures_shown=sum(row.written.shown for row in rows) / figures if figures else None,
        facts=fact_scores(counts, bootstrap),
        of_text=shares([[row.of_text.count(verdict) for row in rows] for verdict in VERDICTS], bootstrap),
        minus_rouge=None
        if is_ours
        else bootstrap.difference([row.rouge["rougeL"] for row in ours], [row.rouge["rougeL"] for row in rows]),
        minus_right=None
        if is_ours
        else bootstrap.difference([c.right for c in our_counts], [c.right for c in counts], facts),
        minus_told=None
        if is_ours
        else bootstrap.difference([c.told for c in our_counts], [c.told for c in counts], facts),
        models=sorted({row.written.model for row in rows if row.written.model}),
    )


def fact_scores(counts: Sequence[FactCounts], bootstrap: Bootstrap) -> FactScores | None:
    """None where no example has a fact that only a figure shows."""
    verdicts = [[getattr(count, verdict) for count in counts] for verdict in VERDICTS]
    if (found := shares(verdicts, bootstrap)) is None:
        return None
    told = [count.told for count in counts]
    return FactScores(
        **vars(found),
        right_of_told=bootstrap.share([count.right for count in counts], told),
        cited=bootstrap.share([count.cited for count in counts], told),
        cited_right=bootstrap.share(
            [count.right_cited_own for count in counts], [count.right_cited for count in counts]
        ),
    )


def shares(verdicts: Sequence[Sequence[int]], bootstrap: Bootstrap) -> Shares | None:
    """verdicts: of each row, how many facts are right, wrong and absent. None where there is no fact."""
    facts = [sum(of_row) for of_row in zip(*verdicts, strict=True)]
    right, wrong, absent = (bootstrap.share(counts, facts) for counts in verdicts)
    return Shares(sum(facts), right, wrong, absent) if right and wrong and absent else None


@dataclass(frozen=True, slots=True)
class KindScores:
    """Of one kind of fact: shares of the `facts` there are, and what the best constant answer gets right."""

    facts: int
    right: float
    wrong: float
    absent: float
    chance: float


def scores_by_kind(facts: Sequence[Sequence[CheckedFact]], rows: Sequence[Scored]) -> dict[str, KindScores]:
    """kind -> scores of one system; `facts` as those of each row."""
    every = [fact for of_row in facts for fact in of_row]
    verdicts = Counter(
        (fact.kind, told.verdict)
        for of_row, row in zip(facts, rows, strict=True)
        for fact, told in zip(of_row, row.told, strict=True)
    )
    totals = Counter(fact.kind for fact in every)
    return {
        kind: KindScores(
            facts=totals[kind],
            right=verdicts[kind, "right"] / totals[kind],
            wrong=verdicts[kind, "wrong"] / totals[kind],
            absent=verdicts[kind, "absent"] / totals[kind],
            chance=best,
        )
        for kind, best in chance_by_kind(every).items()
    }
