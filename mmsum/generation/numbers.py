"""Which numbers a summary may tell: those of its document, as often as it has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from unicodedata import decimal


class NumbersLeft:
    """How often a summary may still tell each number, of two digits or more, of a document: as often as that does.

    A small model makes numbers up, or tells one again of something else. Smaller numbers are counted, or stood there as words.
    """

    def __init__(self, read: Iterable[str]) -> None:
        self._left = Counter[str]()
        for text in read:
            # `12 500` counts as one number and as two.
            counts = (
                Counter(one for number in numbers(text) for one in number) for text in (text, _blanks_closed(text))
            )
            self._left += next(counts) | next(counts)
            self._left += Counter(_words(text))

    def refuses(self, sentence: str) -> bool:
        """Whether it tells a number once too often; if not, what it tells is used up."""
        for told in (set(numbers(_blanks_closed(sentence))), set(numbers(sentence))):
            if all(any(self._left[one] > 0 for one in number) for number in told):
                self._left.subtract(one for number in told for one in number)
                return False
        return True


def numbers(text: str) -> Iterator[frozenset[str]]:
    """Each number of two digits or more, in every way to read it: `1.150` is 1150 or 1.15, `2019,2020` are two."""
    for found in _NUMBER.findall(text):
        plain = "".join(str(decimal(sign)) if sign.isdecimal() else sign for sign in found)
        groups = [group for group in re.split(r"\D", plain) if group]
        readings = {reading for reading in _readings(plain, groups) if reading}
        for number in [readings] if readings else [{group} for group in groups]:
            if any(sum(map(str.isdigit, one)) > 1 for one in number):
                yield frozenset(number)


def _readings(plain: str, groups: list[str]) -> Iterator[str]:
    marks = re.findall(r"\D", plain)
    if not marks:
        yield plain
        return
    *whole, last = groups
    if plain.startswith((".", "·")):  # .05
        yield from (_decimal("0", last) for _ in range(len(marks) == 1))
        return
    if _grouped(groups) and len(set(marks)) == 1:
        yield "".join(groups)
    if marks[-1] in ".,·" and (len(whole) == 1 or (_grouped(whole) and {marks[-1]}.isdisjoint(marks[:-1]))):
        yield _decimal("".join(whole), last)


def _grouped(groups: list[str]) -> bool:
    """Whether these are thousands: `12,500`, but not `2019,2020`."""
    first, *others = groups
    return 1 <= len(first) <= 3 and all(len(group) == 3 for group in others)


def _decimal(whole: str, places: str) -> str:
    """Without the zeros that say nothing: `12.50` is 12.5, `12.0` is 12."""
    return f"{whole}.{places.rstrip('0')}".rstrip(".")


def _blanks_closed(text: str) -> str:
    return _BLANK.sub("", text)


_NUMBER = re.compile(r"(?:(?<![\w.,])[.·])?\d+(?:[.,'\u2019·]\d+)*")
_BLANK = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))")

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_VALUES = {
    **{word: number for number, word in enumerate(_TEENS, 10)},
    "twelfth": 12,
    **{f"{word}th": number for number, word in enumerate(_TEENS, 10) if word != "twelve"},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
    **{f"{word[:-1]}ieth": 10 * number for number, word in enumerate(_TENS, 2)},
    **{f"{ten}-{unit}": 10 * n + u for n, ten in enumerate(_TENS, 2) for u, unit in enumerate(_UNITS, 1)},
}
_WORD = re.compile(rf"\b(?:{'|'.join(sorted(_VALUES, key=len, reverse=True))})\b", re.IGNORECASE)


_SMALL = {"a": 1, **{unit: number for number, unit in enumerate(_UNITS, 1)}, **_VALUES}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6}
_ANY = "|".join(sorted((*_SMALL, *_LARGE), key=len, reverse=True))
_COMPOUND = re.compile(rf"\b(?:{_ANY})(?:[\s-]+(?:and\s+)?(?:{_ANY}))+\b", re.IGNORECASE)


def _words(text: str) -> Iterator[str]:
    """What stands in English words, from ten on: `twelve`, `nineteenth`; `one hundred and twenty` is 120, and 20."""
    yield from (str(_VALUES[word.lower()]) for word in _WORD.findall(text))
    for found in _COMPOUND.findall(text):
        if value := _compound(re.findall(rf"\b(?:{_ANY})\b", found.lower())):
            yield str(value)


def _compound(words: list[str]) -> int:
    """The value of `two hundred thousand and five`; 0 where no hundred or more is among the words."""
    total = part = 0
    for word in words:
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in _LARGE:
            total, part = total + max(part, 1) * _LARGE[word], 0
        else:
            part += _SMALL[word]
    return total + part if not _LARGE.keys().isdisjoint(words) else 0
