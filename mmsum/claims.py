"""Facts that a summary can be checked for by machine: what a figure shows, and which sentences claim it or another thing.

They travel as JSON in `Example.facts`, written by `mmsum data` and read by `mmsum evaluate`.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Literal, get_args

Verdict = Literal["right", "wrong", "absent"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class CheckedFact:
    """One fact with the rival answers that a guess could give instead.

    Patterns are regular expressions, searched without regard to case. A sentence speaks of the fact when every pattern
    of `about` is found in it, unless it says that nothing can be told. Where it names the figure, the first of them, the
    subject, may be missing (captions and texts have several words for one thing), unless it names the figure or the subject
    of another fact, too. It claims each option whose pattern is found in it and not denied.
    """

    kind: str  # trend, largest, share, ...: chance is the best constant answer per kind
    statement: str  # as the gold summary has it
    figure: str  # label of the figure that shows it, "" for a fact of the text
    said: bool  # the text states it, too; otherwise it stands only in the figure
    about: list[str]
    options: dict[str, str]  # answer -> pattern; at least two
    answer: str  # the true one of options
    shows: dict[str, str] = field(default_factory=dict)  # option -> what a figure would show for it: `largest 2 of 4`

    @property
    def is_of_figure_alone(self) -> bool:
        """Whether it can be known from the figure alone."""
        return bool(self.figure) and not self.said


def write_facts(facts: Iterable[CheckedFact]) -> str:
    """JSON for Example.facts."""
    return json.dumps([asdict(fact) for fact in facts], ensure_ascii=False)


def read_facts(text: str) -> list[CheckedFact]:
    """The facts of Example.facts; "" holds none."""
    return [CheckedFact(**fact) for fact in json.loads(text)] if text else []


def _about(fact: CheckedFact, summary: str, others: Sequence[CheckedFact]) -> Iterator[tuple[int, str]]:
    """The summary's sentences about this fact, each with the place where it begins."""
    rivals = [other for other in others if other.figure not in ("", fact.figure)]
    for start, sentence in placed_sentences(summary.replace("’", "'")):
        if _UNTOLD.search(sentence):
            continue
        about = fact.about
        if names_figure(sentence, fact.figure) and not any(_is_of(rival, sentence) for rival in rivals):
            about = about[1:]
        if all(_pattern(pattern).search(sentence) for pattern in about):
            yield start, sentence


def _is_of(fact: CheckedFact, sentence: str) -> bool:
    return names_figure(sentence, fact.figure) or bool(fact.about and _pattern(fact.about[0]).search(sentence))


_UNTOLD = re.compile(
    r"\b(?:can(?:not| not|'t)|could(?: not|n't)) be (?:told|said|seen|known|read|determined)\b"
    r"|^(?=.*\b(?:whether(?! or not)|(?:know|tell|say|see) if)\b)"
    r"(?=.*(?:\b(?:missing|unknown|unclear|unavailable|impossible)\b"
    r"|(?:\bnot|n't|\bcannot) (?:known?|shown|given|available|included|clear|tell|say|see)\b))",
    re.IGNORECASE | re.DOTALL,
)
"""`Whether demand rose cannot be told without Figure 1.`: names a figure and an answer, and claims nothing."""

_NOT = re.compile(
    r"\b(?:not(?!\s+(?:only|just|merely)\b)|never|nor|neither|cannot|no(?!\s+(?:other|more|less|fewer|longer than|doubt)\b)"
    r"|without|rather than|instead of|fail(?:s|ed)? to|hardly|barely|scarcely)\b|n't\b",
    re.IGNORECASE,
)
_SMALL = r"(?:\s+(?:an?|any|the|of|at|in|on|to|with)\b)*"
_DENIED = re.compile(rf"(?:{_NOT.pattern})(?:{_SMALL}\s+(?!but\b|and\b|yet\b|nor\b)[\w-]+){{1,3}}", re.IGNORECASE)
"""Denied are the next three words that say something: `no clear sign of any rise`."""


def _claims(fact: CheckedFact, option: str, sentence: str) -> list[re.Match[str]]:
    """Where the sentence claims the option: `did not rise` claims no rise, `never crossed` says that they stayed apart, and
    `did not have the highest` tells nothing of who did."""
    pattern = _pattern(fact.options[option])
    found = list(pattern.finditer(sentence))
    if not found or not _NOT.search(sentence) or not pattern.search(_NOT.sub("", sentence)):
        return found
    undenied = _DENIED.sub(lambda match: " " * len(match[0]), sentence)  # as long: places stay
    denied = " ".join(match[0] for match in _DENIED.finditer(sentence))
    cues, options = map(_pattern, fact.about[1:]), map(_pattern, fact.options.values())
    is_cue_denied = any(cue.search(denied) and not cue.search(undenied) for cue in cues)
    if is_cue_denied and not any(other.search(denied) for other in options):  # `not one hump, but two` has humps
        return []
    return list(pattern.finditer(undenied))


def claimed(fact: CheckedFact, summary: str, others: Sequence[CheckedFact] = ()) -> set[str]:
    """The options that the summary's sentences about this fact claim. others: facts of the same document."""
    found = set[str]()
    for _, sentence in _about(fact, summary, others):
        here = _options(fact, sentence)
        if len(here) > 1:  # `The market had the highest takings and the station the lowest.`
            clauses = _JOINTS.split(sentence)
            own = [clause for clause in clauses if not _is_of_another_kind(fact, clause, others)]
            if len(own) < len(clauses):
                here = (here & set[str]().union(*(_options(fact, clause) for clause in own))) or here
        found |= here
    return found


def _options(fact: CheckedFact, words: str) -> set[str]:
    return {option for option in fact.options if _claims(fact, option, words)}


_JOINTS = re.compile(r"[,;:]|\b(?:and|while|whereas|but)\b", re.IGNORECASE)


def _is_of_another_kind(fact: CheckedFact, clause: str, others: Sequence[CheckedFact]) -> bool:
    """Whether the clause tells what another fact of the same figure is about, `lowest`, and not what this one is."""
    cues = fact.about[1:]
    if not cues or all(_pattern(cue).search(clause) for cue in cues):
        return False
    others_cues = [other.about[1:] for other in others if other.figure == fact.figure and other.about[1:]]
    return any(all(_pattern(cue).search(clause) for cue in theirs) for theirs in others_cues)


def judge(fact: CheckedFact, summary: str, others: Sequence[CheckedFact] = ()) -> Verdict:
    """right: the true option and no other is claimed; absent: none is; wrong: anything else. others: as for `claimed`."""
    found = claimed(fact, summary, others)
    if not found:
        return "absent"
    return "right" if found == {fact.answer} else "wrong"


def answer_spans(fact: CheckedFact, summary: str, others: Sequence[CheckedFact] = ()) -> list[tuple[int, int]]:
    """Where in `summary` its sentences about this fact claim the answer: from and to, in characters."""
    spans = []
    for start, sentence in _about(fact, summary, others):
        found = _claims(fact, fact.answer, sentence)
        spans += [(start + match.start(), start + match.end()) for match in found if match.end() > match.start()]
    return spans


def chance_by_kind(facts: Iterable[CheckedFact]) -> dict[str, float]:
    """kind -> share of its facts that the best constant answer gets right.

    The better of two guesses made with full knowledge of these very facts: always the same option by position ("the first
    one"), or always the same answer ("rising").
    """
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


_SHORT = (
    *("Fig", "fig", "Figs", "figs", "Eq", "eq", "Sec", "Tab", "No", "Nos"),  # `no.` may well end a sentence
    *("Dr", "Mr", "Mrs", "Ms", "Prof", "St", "vs", "al", "cf", "e.g", "i.e", "Abb", "Рис", "рис", "табл"),
)
_BREAK = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)\]]))"
    + "".join(rf"(?<!\b{re.escape(word)}\.)" for word in _SHORT)
    + r"(?<!\.[A-Z]\.)(?<!^[A-Z]\.)(?<![.!?]\s[A-Z]\.)(?<!\bby\s[A-Z]\.)"  # `U.S.`, and initials where only they can stand
    + r"\s+(?=[\"“‘'(\[]?[A-Z0-9À-ÖØ-ÞͰ-\uffff]|\()|(?<=[。！？])\s*|\n+"
)


def sentences(text: str) -> list[str]:
    """Split behind `.`, `!` and `?` before a space and a capital, digit or quote, but not behind `Fig.`, `Dr.`, initials
    that begin it, and their like; behind `。`, `！` and `？`; and at line breaks."""
    return [part.strip() for part in _BREAK.split(text) if part.strip()]


def placed_sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences, each with the place in `text` where it begins, in characters."""
    end = 0
    for sentence in sentences(text):
        start = text.index(sentence, end)
        end = start + len(sentence)
        yield start, sentence


def names_figure(sentence: str, label: str, panels: bool = False) -> bool:
    """Whether `Figure 2` is named: also as `Fig. 2`, and in `Figures 1, 2 and 3` and `Figures 1-3`, but not in `Supplementary
    Figure 2`, and in `Figure 2a` only with `panels`; a figure without a label never is."""
    word, _, number = label.rpartition(" ")
    if not _NUMBER.fullmatch(number):  # `Chart II`, `Table 4-5`, or a name
        return bool(label and re.search(rf"{_word(word)}\s*{re.escape(number)}(?![0-9a-z_])", sentence, re.IGNORECASE))
    return number in numbers_named(sentence, [word], panels)


def numbers_named(sentence: str, words: Iterable[str], panels: bool = False) -> set[str]:
    """The numbers behind any of these words, `Fig` and `Figure`, as `names_figure` finds them; `Chart II` has none."""
    patterns = {_mentions(word.lower()) for word in words}
    matches = (match for pattern in patterns for match in pattern.finditer(sentence))
    return {number for match in matches for number in _numbers(match, panels)}


_NUMBER = re.compile(r"[A-Z]{0,2}\.?\d+(?:\.\d+)*[a-z]?", re.IGNORECASE)
_JOINT = r"(?:,\s*(?:and\b|&)?|and\b|&|/|to\b|through\b|[-–]|und\b|et\b|y\b|e\b)"
_SPACED = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ]")
"""Begins a word of a script that sets spaces between words; Chinese and Arabic may write a label right behind another."""


@lru_cache(maxsize=1024)
def _mentions(word: str) -> re.Pattern[str]:
    """Finds the word with the numbers behind it. Each turn of the list holds a digit: no text is tried in two ways."""
    number = rf"{_NUMBER.pattern}(?![0-9a-z_])"
    if word in ("figure", "fig.", "fig"):
        word = r"(?<!supplementary )(?<!supplemental )(?<!extended data )(?<!\w)Fig(?:ure)?s?\.?"
    else:
        word = _word(word)
    return re.compile(rf"{word}\s*({number}(?:\s*{_JOINT}\s*{number})*)", re.IGNORECASE)


def _word(word: str) -> str:
    if word and not _SPACED.match(word):
        return re.escape(word)
    return rf"(?<!\w){re.escape(word)}" + (r"(?:s|en|n)?\.?" if word else "")


def _numbers(mention: re.Match[str], panels: bool) -> set[str]:
    """`1`, `2`, `3` and `5a` of `Figures 1-3 and 5a`, with `panels` also `5`; of `Figure 7-26`, a chapter's figure, neither."""
    text = mention[1]
    word = mention[0][: mention.start(1) - mention.start()].rstrip(" .").lower()
    is_plural = word.endswith(("s", "en", "n"))
    if not is_plural and _begins_what_follows(mention):
        text = text[: text.rindex(",")]
    if word.endswith(("figure", "fig")):
        text = re.sub(r"\d+[-–]\d+", " ", text)
    found = set(_NUMBER.findall(text))
    if panels:
        found |= {number.rstrip("abcdefghijklmnopqrstuvwxyz") for number in found}
    for low, high in re.findall(r"(?<![\d.])(\d{1,4})\s*(?:to|through|[-–])\s*(\d{1,4})(?![\d.])", text):
        if int(high) - int(low) < MOST_IN_RANGE:
            found |= {str(number) for number in range(int(low), int(high) + 1)}
    return found


def _begins_what_follows(mention: re.Match[str]) -> bool:
    """Whether the last number does, as in `In Figure 1, 2 lines cross`: one figure has one number."""
    behind_comma = re.search(rf",\s*{_NUMBER.pattern}$", mention[1], re.IGNORECASE)
    return bool(behind_comma and re.match(r"\s+[^\W\d_]", mention.string[mention.end() :]))


MOST_IN_RANGE = 100
"""Figures of one `Figures 1-99`."""


@lru_cache(maxsize=65536)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
