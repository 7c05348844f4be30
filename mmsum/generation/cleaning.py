"""What stays of a text that a small model wrote: no sentence twice, none in circles, no legend, nothing else unwanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from mmsum.claims import placed_sentences


def said_once(text: str, *unwanted: Callable[[str], bool]) -> str:
    """The text without sentences that stood in it before, or that go round in circles: small models come back to what they
    wrote, and then never get away. A text that is nothing else stays as it is.

    unwanted: what else makes a sentence be left out.

    Sentences of one or two words stay: lists repeat them, and so does a split behind `Dr.` and `No.`. What was split behind
    another abbreviation stays together. A line's number goes with the line.
    """
    seen, kept, end = set[str](), "", 0
    number, gone = "", False  # of this line; whether a sentence of it was left out
    for start, sentence in _joined_sentences(text):
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
        if len(words) > 2 or (len(folded) > 4 and folded.endswith(_FULL_STOPS)):  # without spaces
            seen.add(folded)
        end = start + len(sentence)
    return kept.strip() or text


def _joined_sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences with their places; those that were split behind an initial, an abbreviation or a German date are one."""
    start, end = 0, 0
    for place, sentence in placed_sentences(text):
        if end and ("\n" in text[end:place] or not _goes_on(text[start:end], sentence)):
            yield start, text[start:end]
            end = 0
        start, end = (start if end else place), place + len(sentence)
    if end:
        yield start, text[start:end]


def _goes_on(piece: str, following: str) -> bool:
    if piece.casefold() == following.casefold():
        return False  # a loop, whatever it ends with
    if following[0].isdigit() and _BEFORE_NUMBER.search(piece):
        return True
    return bool(_BEFORE_NAME.search(piece)) and not _BEGINS.match(following)


def lists_names(sentence: str, names: Iterable[str]) -> bool:
    """Whether it does nothing but list names of one figure: `Boxes in order: mowing, baling.` is a legend, and so is `Of these:
    (1) mowing, (2) baling.`; `It has two parts: mowing and baling.` is a statement."""
    head, colon, items = sentence.strip().rstrip(".;").rpartition(":")
    listed = _BETWEEN.split(items)
    told = {_KEY.sub("", item).strip().casefold() for item in listed}
    if not colon or len(told) < 2 or not told <= {name.casefold() for name in names}:
        return False
    return bool(_LEGEND.search(head)) or any(_KEY.match(item) for item in listed)


_KEY = re.compile(r"^\s*\([^)]*\)")
_BETWEEN = re.compile(r"[,;]\s*(?:and\s)?|\sand\s")
_LEGEND = re.compile(
    r"^(?:\w+ ){0,2}(?:boxes|bars|slices|layers|lines|rows|columns|fields|colou?rs|keys?|legend|labels)\b"
    r"|\b(?:in order|from (?:the )?(?:left|right|above|below|top|bottom)|as drawn)$",
    re.IGNORECASE,
)
"""What a list of names begins with: what they are names of, or how they lie."""
_BEFORE_NAME = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|St|Mt|Inc|Ltd|Co|Corp|Jr|Sr|Abb|bzw|(?:am|ab|bis|dem|den|der|des|im|und|vom|zum) \d{1,2})\.$"
)
_BEFORE_NUMBER = re.compile(r"(?:^|[\s(])(?:approx|ca|vol|pp?|Nr|Abb|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$")
_BEGINS = re.compile(
    r"(?:The|An?|It|Its|This|That|These|Those|They|Their|There|We|Our|He|She|His|Her|In|On|At|By|For|From|Of|To|With|As|If|When"
    r"|While|But|And|Or|Both|All|Each|Most|Some|Figures?|Fig|Panel|Group|Table|Der|Die|Das|Es|Er|Sie|Wir|Ein|Eine|Im|Am)\b"
)
"""What begins a sentence: behind `panel B.` it does, behind `J.` a name goes on."""
_FULL_STOPS = ("。", "！", "？")
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
