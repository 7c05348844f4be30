"""Facts that the text itself tells: a number, and what is recommended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from mmsum.claims import CheckedFact
from mmsum.data.synthetic.texts import MADE_UP_STATED, STATED
from mmsum.data.synthetic.variation import AS_IS, Variation


def stated_fact(voice: int, held_out: bool, rng: Random, variation: Variation = AS_IS) -> tuple[CheckedFact, str]:
    """A number as a fact, with the sentence of the gold, and the sentence of the text that tells it."""
    kind = rng.choice(tuple(STATED))
    cue, seen, others, gold = STATED[kind]
    number = rng.randint(31, 990) * (10 if kind == "cost" else 1)
    said = f"{number:,}"
    pattern = rf"(?<![\d,]){said}(?![\d,]*\d)"
    # Any other number, but for years and the figures' own.
    other = rf"(?<!Figure )(?<![\d,])(?!{said}(?![\d,]*\d))(?!(?:19|20)\d\d\b)\d[\d,]*\b"
    forms = others if held_out else seen
    told = gold[voice % len(gold)].format(n=said)
    fact = CheckedFact(kind, told, "", True, [cue], {"stated": pattern, "another": other}, "stated")
    form = forms[voice % len(forms)]
    if variation.makes_up(rng):
        form = rng.choice(MADE_UP_STATED[kind])
    return fact, form.format(n=said)


def restated(fact: CheckedFact, voice: int) -> str:
    """The gold's sentence of a stated number in another voice."""
    number = re.search(r"\d[\d,]*", fact.statement)
    assert number, fact.statement
    gold = STATED[fact.kind][3]
    return gold[voice % len(gold)].format(n=number[0])


def action_fact(actions: Sequence[str], slots: dict[str, object], rng: Random) -> tuple[CheckedFact, str]:
    """The first recommendation as a fact among the topic's other ones, and the paragraph of recommendations."""
    filled = [action.format(**slots) for action in actions]
    options = {action: _both(action) for action in filled}
    first, second = rng.sample(filled, 2)
    return CheckedFact("action", first, "", True, [], options, first), f"{first} {second}"


def _both(sentence: str) -> str:
    """A pattern that wants the sentence's two longest words."""
    words = sorted(set(re.findall(r"\w{4,}", sentence)), key=lambda word: (-len(word), word))[:2]
    return "^" + "".join(rf"(?=.*\b{word}\b)" for word in words)
