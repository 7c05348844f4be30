"""What stays of a text that a small model wrote: no sentence twice, none in circles, no number too often, no legend."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from unicodedata import decimal

from mmsum.claims import placed_sentences


def said_once(text: str, *unwanted: Callable[[str], bool]) -> str:
    """The text without sentences that stood in it before, or that go round in circles: small models come back to what they
    wrote, and then never get away. A text that is nothing else stays as it is.

    unwanted: what else makes a sentence be left out.

    Sentences of one or two words stay: lists repeat them, and so does a split behind `Dr.` and `No.`. A line's number goes with
    the line.
    """
    seen, kept, end = set[str](), "", 0
    number, gone = "", False  # of this line; whether a sentence of it was left out
    for start, sentence in placed_sentences(text):
        folded = sentence.casefold()
        words = folded.split()
        gap = text[end:start]
        if begins := not end or "\n" in gap:
            number, gone = "" if gone else number, False
        if begins and _LINE_NUMBER.fullmatch(sentence):
            number = gap + sentence
        elif folded not in seen and not _circles(words) and not any(rule(sentence) for rule in unwanted):
            kept += number + gap + sentence
            number = ""
        else:
            gone = True
        if len(words) > 2:
            seen.add(folded)
        end = start + len(sentence)
    return kept.strip() or text


class NumbersLeft:
    """How often a summary may still tell each number, of two digits or more, of a document: as often as that does.

    A small model makes numbers up, or tells one again of something else. Smaller numbers are counted, or stood there as words.
    """

    def __init__(self, read: Iterable[str]) -> None:
        self._left = Counter[str]()
        for text in read:
            self._left += _numbers(text) | _numbers(_blanks_closed(text))  # `12 500` counts as one number and as two

    def refuses(self, sentence: str) -> bool:
        """Whether it tells a number once too often; if not, what it tells is used up."""
        for told in (set(_numbers(_blanks_closed(sentence))), set(_numbers(sentence))):
            if all(self._left[number] for number in told):
                self._left.subtract(told)
                return False
        return True


def lists_names(sentence: str, names: Iterable[str]) -> bool:
    """Whether it does nothing but list names of one figure: `Boxes in order: mowing, (2) baling.` is a legend, no statement."""
    _, colon, items = sentence.strip().rstrip(".;").rpartition(":")
    told = {_KEY.sub("", item).strip().casefold() for item in _BETWEEN.split(items)}
    return bool(colon) and len(told) > 1 and told <= {name.casefold() for name in names}


def _numbers(text: str) -> Counter[str]:
    """The digits of each, without the marks between them."""
    found = ("".join(str(decimal(sign)) for sign in number if sign.isdecimal()) for number in _NUMBER.findall(text))
    return Counter(digits for digits in found if len(digits) > 1)


def _blanks_closed(text: str) -> str:
    return _BLANK.sub("", text)


_NUMBER = re.compile(r"\d+(?:[.,'\u2019]\d+)*")
_BLANK = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))")
_KEY = re.compile(r"^\s*\([^)]*\)")
_BETWEEN = re.compile(r"[,;]\s*(?:and\s)?|\sand\s")
_LINE_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-z])[.)]")


def _circles(words: list[str]) -> bool:
    """Whether three words or more stand there three times, one right behind the other."""
    return any(
        words[at : at + size] == words[at + size : at + 2 * size] == words[at + 2 * size : at + 3 * size]
        for size in range(3, min(LONGEST_CIRCLE, len(words) // 3) + 1)
        for at in range(len(words) - 3 * size + 1)
    )


LONGEST_CIRCLE = 24
"""Words of a circle that is looked for."""
