"""Numbers beside the lines of a manuscript: they stand in the margin, and would else cut every sentence."""

from __future__ import annotations

import re
from itertools import pairwise

from mmsum.documents.page import Line, overlap_y

_NUMBER = re.compile(r"^\d{1,4}$")
_LEAST, _LONG = 10, 25
"""Numbers on one page, and letters of a line that is more than a cell, a tick or a heading."""
_STRAY = 3
"""Long lines of a page that may stand over or under its line numbers: running heads and notes at its foot."""


def without_line_numbers(lines: list[Line]) -> list[Line]:
    """The lines without columns of numbers beside them that count their lines."""
    numbers = [line for line in lines if line.flat and _NUMBER.match(line.text)]
    if len(numbers) < _LEAST:
        return lines
    long = [line for line in lines if line.flat and len(line.text) >= _LONG]
    gone: set[int] = set()
    for side in (2, 0):  # numbers of one column end alike, or begin alike
        for column in _columns([line for line in numbers if id(line) not in gone], side):
            if _count_lines(column, long):
                gone.update(map(id, column))
    return [line for line in lines if id(line) not in gone]


def _columns(numbers: list[Line], side: int) -> list[list[Line]]:
    """Numbers of which that side stands at one x, a list an x, each from the top."""
    columns: list[list[Line]] = []
    for line in sorted(numbers, key=lambda line: line.box[side]):
        if not columns or line.box[side] - columns[-1][-1].box[side] > 0.5:
            columns.append([])
        columns[-1].append(line)
    return [sorted(column, key=lambda line: line.box[1]) for column in columns]


def _count_lines(column: list[Line], long: list[Line]) -> bool:
    """Whether a column's numbers rise in one step, stand outside the text, and nearly every line of a text has one.

    The items of a list have lines that go on without a number or begin with capitals; the rows of a table have no long lines,
    and most charts none at all.
    """
    if len(column) < _LEAST:
        return False
    steps = [int(below.text) - int(above.text) for above, below in pairwise(column)]
    if min(steps) < 1 or steps.count(min(steps)) < 0.8 * len(steps):
        return False
    top, bottom = column[0].box[1] - 2, column[-1].box[3] + 2
    left, right = min(line.box[0] for line in column), max(line.box[2] for line in column)
    beside = [line for line in long if top < line.box[3] and line.box[1] < bottom]
    if any(_is_across(a, left, right) for a in beside) or sum(_is_across(a, left, right) for a in long) > _STRAY:
        return False
    for text in ([a for a in beside if a.box[0] >= right], [a for a in beside if a.box[2] <= left]):
        counted = [a for a in text if any(overlap_y(a.box, n.box) > 0.5 * n.height for n in column)]
        going_on = sum(line.text[0].islower() for line in counted)
        if len(counted) >= _LEAST and min(steps) * len(counted) >= 0.8 * len(text) and 3 * going_on >= len(counted):
            return True
    return False


def _is_across(line: Line, left: float, right: float) -> bool:
    return line.box[0] < right and line.box[2] > left
