"""Does a summary say what only a figure shows, and name that figure?

Counted are the facts that stand only in a figure: `said` is False and `figure` is its label.

- right, wrong, absent: shares of all of them (mmsum.claims.judge).
- chance: what the best constant answer gets right. For each kind of fact the better of two guesses made with full
  knowledge of these very data: always the same option by position ("the first one"), or always the same answer
  ("rising"). A guess always answers, so chance is compared with `right` of all facts.
- cited: of the facts told (right or wrong), the share told in a sentence that names a figure of the document.
- cited_right: of the right facts told in such a sentence, the share where one names the fact's own figure.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mmsum.claims import CheckedFact, Verdict, claimed, judge, read_facts, sentences
from mmsum.errors import SourceError
from mmsum.examples import Example

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
    try:
        facts = [fact for fact in read_facts(example.facts) if fact.figure and not fact.said]
        for fact in facts:
            for pattern in (*fact.about, *fact.options.values()):
                re.compile(pattern)
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise SourceError(
            f"facts: those of example {example.id} cannot be read ({error}); write the examples again with `mmsum data`"
        ) from error
    return facts


def check_facts(facts: Sequence[CheckedFact], text: str, labels: Iterable[str]) -> list[Told]:
    """What `text` does with each fact; `labels` are those of all the document's figures."""
    known = {label for label in labels if label}
    return [Told(judge(fact, text), _citation(fact, text, known)) for fact in facts]


def _citation(fact: CheckedFact, text: str, labels: set[str]) -> Citation:
    text = re.sub(r"\b(Figs?)\.\s", r"\1 ", text)  # its dot would end a sentence
    telling = [sentence for sentence in sentences(text) if claimed(fact, sentence)]
    named = {label for label in labels for sentence in telling if names_figure(sentence, label)}
    return "own" if fact.figure in named else "other" if named else "none"


def names_figure(sentence: str, label: str) -> bool:
    """Whether `Figure 2` is named: also as `Fig. 2`, and in `Figures 1, 2 and 3`."""
    return bool(_label_pattern(label).search(sentence))


@lru_cache(maxsize=4096)
def _label_pattern(label: str) -> re.Pattern[str]:
    word, _, number = label.rpartition(" ")
    word = r"Fig(?:ure)?s?\.?" if word.lower() in ("figure", "fig.", "fig") else rf"{re.escape(word)}s?"
    before = r"(?:[\w.]+\s*(?:,|and|&|to)+\s*)*" if number != label else ""
    return re.compile(rf"(?<!\w){word}\s*{before}{re.escape(number)}(?!\w)", re.IGNORECASE)


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


def chance_by_kind(facts: Iterable[CheckedFact]) -> dict[str, float]:
    """kind -> share of its facts that the best constant answer gets right."""
    positions, answers = defaultdict[str, Counter[int]](Counter), defaultdict[str, Counter[str]](Counter)
    for fact in facts:
        positions[fact.kind][list(fact.options).index(fact.answer)] += 1
        answers[fact.kind][fact.answer] += 1
    return {
        kind: max(max(positions[kind].values()), max(counts.values())) / counts.total()
        for kind, counts in sorted(answers.items())
    }


def chance(facts: Sequence[CheckedFact]) -> float | None:
    """Share of all facts that the best constant answer per kind gets right; None where there are none."""
    if not facts:
        return None
    by_kind = chance_by_kind(facts)
    return sum(by_kind[fact.kind] for fact in facts) / len(facts)
