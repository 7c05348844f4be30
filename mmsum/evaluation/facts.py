"""Does a summary say what only a figure shows, and name that figure?

Counted are the facts that stand only in a figure: `said` is False and `figure` is its label.

- right, wrong, absent: shares of all of them (mmsum.claims.judge).
- chance (mmsum.claims.chance): a guess always answers, so it is compared with `right` of all facts.
- cited: of the facts told (right or wrong), the share told in a sentence that names a figure of the document.
- cited_right: of the right facts told in such a sentence, the share where one names the fact's own figure.

Facts that the text tells (`said`) are counted apart, by their verdicts alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mmsum.claims import CheckedFact, Verdict, claimed, judge, names_figure, sentences
from mmsum.examples import Example, facts_of

Citation = Literal["own", "other", "none"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a summary does with one fact. citation: which figure the sentences about it name, "none" for absent facts."""

    verdict: Verdict
    citation: Citation


@dataclass(frozen=True, slots=True)
class FactCounts:
    """Over one summary, or over many added up."""

    facts: int = 0
    right: int = 0
    wrong: int = 0
    cited: int = 0  # told in a sentence that names any figure
    right_cited: int = 0
    right_cited_own: int = 0

    @property
    def told(self) -> int:
        return self.right + self.wrong

    @property
    def absent(self) -> int:
        return self.facts - self.told


def figure_facts(example: Example) -> list[CheckedFact]:
    """The facts that stand only in a figure. Raises SourceError for facts that cannot be read or searched for."""
    return [fact for fact in facts_of(example) if fact.is_of_figure_alone]


def text_facts(example: Example) -> list[CheckedFact]:
    """The facts of the gold summary that the text tells. Raises SourceError as figure_facts."""
    return [fact for fact in facts_of(example) if fact.said]


def check_facts(facts: Sequence[CheckedFact], text: str, labels: Iterable[str]) -> list[Told]:
    """What `text` does with each fact; `labels` are those of all the document's figures."""
    known = {label for label in labels if label}
    return [Told(judge(fact, text, facts), _citation(fact, text, known, facts)) for fact in facts]


def _citation(fact: CheckedFact, text: str, labels: set[str], others: Sequence[CheckedFact]) -> Citation:
    telling = [sentence for sentence in sentences(text) if claimed(fact, sentence, others)]
    named = {label for label in labels for sentence in telling if names_figure(sentence, label)}
    return "own" if fact.figure in named else "other" if named else "none"


def count_facts(told: Sequence[Told]) -> FactCounts:
    right = [one for one in told if one.verdict == "right"]
    stated = [one for one in told if one.verdict != "absent"]
    return FactCounts(
        facts=len(told),
        right=len(right),
        wrong=len(stated) - len(right),
        cited=sum(one.citation != "none" for one in stated),
        right_cited=sum(one.citation != "none" for one in right),
        right_cited_own=sum(one.citation == "own" for one in right),
    )
