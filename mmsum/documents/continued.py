"""Captions that a column or a page cuts, or parts from their figures: what is missing stands at the head of the next."""

from __future__ import annotations

import re

from mmsum.documents.captions import Caption, continues, find_captions, join_lines
from mmsum.documents.page import Line, Page, overlap_x

_FOOT, _HEAD = 0.9, 0.1
"""Shares of the page's height: below and above stand page numbers and running heads."""
_ENDED = re.compile(r"[.:!?。！？]['\"”’)\]]*$")


def join_over_columns(captions: list[Caption], lines: list[Line], size: float, height: float) -> None:
    """Gives each caption that breaks off at the foot of its column what goes on at the head of the next."""
    for caption in captions:
        right = [a for a in lines if a.flat and a.box[0] > caption.box[2] - 2 and a.box[1] > _HEAD * height]
        if right and is_cut(caption, lines, size, height):
            caption.lines += _rest(caption.lines[-1], right)
            caption.text = join_lines([line.text for line in caption.lines])


def join_over_pages(pages: list[Page], lines: dict[int, list[Line]]) -> None:
    """The same from page to page: `lines` by page number, running heads left out, lose what their captions take."""
    for page in pages:
        following = lines.get(page.number + 1, [])
        if page.cut_caption is None or not following:
            continue
        figure, words = page.cut_caption
        rest = _rest(words[-1], following)
        figure.caption = join_lines([line.text for line in [*words, *rest]])
        taken = {id(line) for line in rest}
        lines[page.number + 1] = [line for line in following if id(line) not in taken]


def take_from_next_pages(pages: list[Page], lines: dict[int, list[Line]]) -> None:
    """Gives a figure without a caption that ends its page the one that begins the next page, where no figure there has it.

    `lines` as for `join_over_pages`.
    """
    for page in pages:
        following = lines.get(page.number + 1, [])
        lowest = max(page.figures, key=lambda figure: figure.bbox[3], default=None)
        if lowest is None or lowest.caption or not following:
            continue
        if any(a.box[1] > lowest.bbox[3] - 1 and a.box[1] < _FOOT * page.height for a in lines[page.number]):
            continue
        first = min(following, key=lambda a: a.box[1])
        for caption in find_captions(following):
            if caption.lines[0] is first and not caption.is_table and overlap_x(caption.box, lowest.bbox) > 0:
                lowest.label, lowest.caption = caption.label, caption.text
                taken = {id(line) for line in caption.lines}
                lines[page.number + 1] = [line for line in following if id(line) not in taken]


def is_cut(caption: Caption, lines: list[Line], size: float, height: float) -> bool:
    """Whether a caption has no end, nothing stands below it, and what goes on elsewhere can only be its own.

    Where it is set in the body's size, the text above the figure must have ended, too.
    """
    last = caption.lines[-1]
    column = [a for a in lines if overlap_x(a.box, last.box) > 0 and a.box[1] < _FOOT * height]
    if _ENDED.search(last.text) or any(a.box[1] > last.box[3] - 1 for a in column):
        return False
    if abs(last.size - size) >= 0.3:
        return True
    above = [a for a in column if a.box[3] < caption.box[1] + 1 and abs(a.size - size) < 0.3 and len(a.text) > 25]
    return bool(above and _ENDED.search(max(above, key=lambda a: a.box[3]).text))


def _rest(last: Line, following: list[Line]) -> list[Line]:
    """What goes on a caption's last line at the head of the first column of `following`: its size, a small letter."""
    first = min(following, key=lambda a: a.box[0])
    column = sorted((a for a in following if overlap_x(a.box, first.box) > 0), key=lambda a: a.box[1])
    if abs(column[0].size - last.size) > 0.3 or not column[0].text[0].islower():
        return []
    rest = column[:1]
    for line in column[1:]:
        if not continues(rest[-1], line):
            break
        rest.append(line)
    return rest
