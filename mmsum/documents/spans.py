"""The text of a PDF's page as MuPDF reads it, mended where letters come in parts or turned round."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
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
_IMPOSSIBLE = 2.0
"""Points: letters of that size that are wider than it are pictures of a Type 3 font, whose units say nothing of its size."""
_TALL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZbdfhkl")
_ASCENT, _DESCENT = 0.69, 0.2
"""Of a font's size: how high these letters stand above the line, and how far others hang below it (Computer Modern's)."""
_SPACE, _PARTED = 0.15, 1.0
"""The same for the least gap that is a space, and for one that is more than that: TeX's spaces are 0.22 to 0.7 wide."""
_DOTLESS = {"ı": "i", "ȷ": "j"}


def text_blocks(page: pymupdf.Page) -> list[dict[str, Any]]:
    """PyMuPDF's blocks; letter by letter where parts of letters may be in them."""
    blocks: list[dict[str, Any]] = page.get_text("dict", flags=_TEXT_FLAGS)["blocks"]
    if any(_is_bitmap(span) for line, span in _spans(blocks) if line["dir"][0] > 0.99):
        return _with_sizes(page.get_text("rawdict", flags=_TEXT_FLAGS | pymupdf.TEXT_ACCURATE_BBOXES)["blocks"])
    if not any(_ACCENTED.search(span["text"]) or _ALEF_LAM.search(span["text"]) for _, span in _spans(blocks)):
        return blocks
    blocks = page.get_text("rawdict", flags=_TEXT_FLAGS)["blocks"]
    for _, span in _spans(blocks):
        span["text"] = _text(span["chars"])
    return blocks


def _spans(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """All spans, each with its line."""
    return ((line, span) for block in blocks for line in block.get("lines", ()) for span in line["spans"])


def _is_bitmap(span: dict[str, Any]) -> bool:
    text = span.get("text") or span["chars"]
    return bool(span["size"] < _IMPOSSIBLE and span["bbox"][2] - span["bbox"][0] > span["size"] * len(text))


def _with_sizes(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks whose boxes are those of the ink. Pictures of letters get the size that tall ones tell, and words become lines.

    At sizes near 0 MuPDF takes each gap, and each kern, for the end of a line.
    """
    heights: dict[str, list[float]] = defaultdict(list)
    bitmaps = [(line, span) for line, span in _spans(blocks) if line["dir"][0] > 0.99 and _is_bitmap(span)]
    for _, span in bitmaps:
        heights[span["font"]] += [c["origin"][1] - c["bbox"][1] for c in span["chars"] if c["c"] in _TALL]
    for _, span in _spans(blocks):
        span["text"] = _text(span["chars"])
    for line, span in bitmaps:
        (x0, y0, x1, y1), base = span["bbox"], span["origin"][1]
        size = max(heights[span["font"]], default=y1 - y0) / _ASCENT
        span["size"] = size
        span["bbox"] = (x0, base - _ASCENT * size, x1, base + _DESCENT * size)
        line["bbox"] = tuple(pymupdf.Rect(line["spans"][0]["bbox"]).include_rect(span["bbox"]))
    for block in blocks:
        block["lines"] = _joined(block.get("lines", []))
    return blocks


def _joined(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines that go on from each other on one baseline as one."""
    joined: list[dict[str, Any]] = []
    for line in lines:
        last, size = joined[-1] if joined else None, line["spans"][0]["size"]
        if last and last["dir"] == line["dir"] == (1.0, 0.0):
            gap = line["bbox"][0] - last["bbox"][2]
            level = abs(line["spans"][0]["origin"][1] - last["spans"][-1]["origin"][1]) < 0.1 * size
            if level and -_PARTED * size < gap < _PARTED * size:
                if gap > _SPACE * size:
                    last["spans"][-1]["text"] += " "
                last["spans"] += line["spans"]
                last["bbox"] = tuple(pymupdf.Rect(last["bbox"]).include_rect(line["bbox"]))
                continue
        joined.append(line)
    return joined


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
