"""The text of a PDF's page as MuPDF reads it, mended where letters come in parts or turned round."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pymupdf

_TEXT_FLAGS = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES
_ALEFS = "\u0622\u0623\u0625\u0627"
_ALEF_LAM = re.compile(f"[{_ALEFS}]\u0644")
_MARKS = dict(
    zip("`´ˆ˜¯˘˙¨˚˝ˇ¸", "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", strict=True)
)
"""Accents that stand by themselves, and those that join the letter before."""
_ACCENTED = re.compile(f"[{''.join(_MARKS)}][^\\W\\d_]")
_DOTLESS = {"ı": "i", "ȷ": "j"}


def text_blocks(page: pymupdf.Page) -> list[dict[str, Any]]:
    """PyMuPDF's blocks; letter by letter where parts of letters may be in them."""
    blocks: list[dict[str, Any]] = page.get_text("dict", flags=_TEXT_FLAGS)["blocks"]
    if not any(_ACCENTED.search(span["text"]) or _ALEF_LAM.search(span["text"]) for _, span in _spans(blocks)):
        return blocks
    blocks = page.get_text("rawdict", flags=_TEXT_FLAGS)["blocks"]
    for _, span in _spans(blocks):
        span["text"] = _text(span["chars"])
    return blocks


def _spans(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """All spans, each with its line."""
    return ((line, span) for block in blocks for line in block.get("lines", ()) for span in line["spans"])


def _text(chars: list[dict[str, Any]]) -> str:
    """The two of a lam-alef ligature, which MuPDF turns round, as they were; accents on the letters that they stand on.

    Older fonts of TeX have no accented letters: the page sets the accent, and then the letter under it. An accent with nothing
    under it, or beside its letter, is a quotation mark or an apostrophe.
    """
    letters: list[str] = []
    turned = False  # the letter before is an alef without a width of its own
    accent: dict[str, Any] | None = None
    for char in chars:
        c = char["c"]
        if accent and _is_over(accent["bbox"], char["bbox"]):
            whole = unicodedata.normalize("NFC", _DOTLESS.get(c, c) + _MARKS[accent["c"]])
            if len(whole) == 1:
                letters.pop()
                c = whole
        letters.insert(len(letters) - (turned and c == "\u0644"), c)
        turned = c in _ALEFS and char["bbox"][2] - char["bbox"][0] < 0.01
        accent = char if c in _MARKS else None
    return "".join(letters)


def _is_over(accent: tuple[float, ...], letter: tuple[float, ...]) -> bool:
    """Whether the middle of the one lies in the other, across and down: boxes are as high as the font is."""
    x, y = (accent[0] + accent[2]) / 2, (accent[1] + accent[3]) / 2
    return letter[0] < x < letter[2] and letter[1] < y < letter[3]
