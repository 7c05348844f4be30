"""The text inside figures, as far as calls read it: axis titles, legends, the boxes of a diagram.

A crop is seen at a few hundred pixels, where no letter can be made out; what the document itself has as letters, or OCR read, a
language model takes as text.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mmsum.generation.prompt import CountTokens, plain
from mmsum.records import Document, Figure

_LONGEST_WORD = 64
"""Characters that are looked at for each token: a legend may stand behind a hundred ticks, a map holds megabytes of numbers."""


def with_figure_text(document: Document, tokens: int, count: CountTokens) -> Document:
    """The document with at most `tokens` of the text inside each figure, which `prompt.figure_block` puts under its caption."""
    figures = [replace(figure, text=text_inside(figure, tokens, count)) for figure in document.figures]
    return replace(document, figures=figures)


def text_inside(figure: Figure, tokens: int, count: CountTokens) -> str:
    """The first `tokens` of the text inside the figure; none of a table, whose rows stand in the document's text. Of one that
    holds more, ticks and other numbers stand last: a legend tells more, and often comes behind them."""
    if figure.kind == "table" or not tokens:
        return ""
    words = plain(figure.text[: tokens * _LONGEST_WORD]).split()
    if count(" ".join(words)) > tokens:
        words.sort(key=lambda word: not any(char.isalpha() for char in word))  # others keep their order
    return _first(" ".join(words), tokens, count)


def _first(text: str, tokens: int, count: CountTokens) -> str:
    """The longest start of the text that has at most `tokens`: up to a space or, where none is near enough, a character."""
    if count(text) <= tokens:
        return text
    ends = [match.start() for match in re.finditer(r"\s+", text)]
    if not ends or count(text[: ends[0]]) > tokens:
        ends = list(range(len(text) + 1))
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[: ends[middle]]) <= tokens else (low, middle - 1)
    return text[: ends[low]]
