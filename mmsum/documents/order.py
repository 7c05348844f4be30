"""Reading order of a page's lines: bands between spanning lines, and the columns of each band from left to right."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate

from mmsum.documents.page import Line, overlap_x, union, union_all

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
"""Hebrew, Arabic and their relatives."""

_MIN_SHARE = 0.12
"""Of a page's text that a column must hold; less is a margin note or a stray label..."""
_LAST_SHARE = 0.01
"""... unless nothing much crosses the gutter: then it is the last column of a text, begun and soon ended."""
_MAX_SPANNING = 0.6
"""Of a page's text that may cross the gutter; more is one column."""


def reading_order(lines: list[Line]) -> list[Line]:
    """Horizontal lines as a person reads them, pieces of one row joined; turned text is left out."""
    flat = [line for line in lines if line.flat]
    turned = sum(len(line.text) for line in flat if not line.text.isascii() and _RIGHT_TO_LEFT.search(line.text))
    return _join_rows(_order(flat, 0, -1 if 2 * turned > sum(len(line.text) for line in flat) else 1))


def _order(lines: list[Line], depth: int, side: int) -> list[Line]:
    """`side`: 1 where reading starts at the left, -1 where it starts at the right."""
    gutter = _gutter(lines) if depth < 4 and len(lines) > 5 else None
    if gutter is None:
        return _rows(lines, side)
    spanning = sorted((line for line in lines if line.box[0] < gutter < line.box[2]), key=lambda line: line.box[1])
    edges = sorted((line.box[1] + line.box[3]) / 2 for line in spanning)
    bands: list[list[Line]] = [[] for _ in range(len(edges) + 1)]
    for line in lines:
        if not line.box[0] < gutter < line.box[2]:
            middle = (line.box[1] + line.box[3]) / 2
            bands[bisect_left(edges, middle)].append(line)
    ordered: list[Line] = []
    for number, band in enumerate(bands):
        for column in ([a for a in band if a.box[2] <= gutter], [a for a in band if a.box[2] > gutter])[::side]:
            ordered += _order(column, depth + 1, side)
        ordered += spanning[number : number + 1]
    return ordered


def table_rows(lines: list[Line], block: int) -> list[Line]:
    """The words of a table, a line a row, "a | b | c"."""
    return [
        Line(" | ".join(cell.text for cell in row), union_all(cell.box for cell in row), row[0].size, False, block)
        for row in _baselines([line for line in lines if line.flat], 1)
    ]


def _rows(lines: list[Line], side: int) -> list[Line]:
    return [line for row in _baselines(lines, side) for line in row]


def _baselines(lines: list[Line], side: int) -> list[list[Line]]:
    """Top to bottom; what stands on one baseline from `side` on, though its boxes may differ a little in height."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.box[1], line.box[0])):
        if rows and _one_baseline(rows[-1][0], line) and not any(overlap_x(a.box, line.box) > 2 for a in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: side * line.box[0]) for row in rows]


def _gutter(lines: list[Line]) -> float | None:
    """The x that the least text crosses with columns on both sides of it; None for a single column."""
    total = sum(len(line.text) for line in lines)
    left_of = _text_below([(line.box[2], len(line.text)) for line in lines])
    right_of = _text_below([(-line.box[0], len(line.text)) for line in lines])
    best: tuple[float, float] | None = None
    starts = sorted({round(line.box[0]) for line in lines})
    for start in starts:
        x = start - 3.0
        left, right = left_of(x), right_of(-x)
        crossing = total - left - right
        least = _MIN_SHARE if crossing > 0.1 * total else _LAST_SHARE
        if min(left, right) < least * total or crossing > _MAX_SPANNING * total or (best and crossing >= best[0]):
            continue
        if _side_by_side(lines, x):  # asked last: it looks at all lines
            best = (crossing, x)
    return best[1] if best else None


def _text_below(lengths: list[tuple[float, int]]) -> Callable[[float], int]:
    """Of places with lengths of text: how much stands at one or below it. Pages of 6,000 labels have 600 places to ask for."""
    lengths.sort()
    places = [place for place, _ in lengths]
    sums = list(accumulate((length for _, length in lengths), initial=0))
    return lambda place: sums[bisect_right(places, place)]


def _side_by_side(lines: list[Line], x: float) -> bool:
    """Whether both sides are columns of text (several long lines each), not the cells of a table or a list's marks."""
    left = [a for a in lines if a.box[2] <= x]
    right = [a for a in lines if a.box[0] >= x]
    for side in (left, right):
        width = max(a.box[2] - a.box[0] for a in side)  # of a line: a side may hold several columns
        long = [a for a in side if a.box[2] - a.box[0] > 0.6 * width and len(a.text) > 18]
        if len(long) < (3 if len(side) > 4 else 2):
            return False
    return True


def _join_rows(lines: list[Line]) -> list[Line]:
    """Neighbours on one baseline as one line: a heading's number and its words, the cells of a table's row."""
    rows: list[Line] = []
    for line in lines:
        last = rows[-1] if rows else None
        wide = last is not None and -overlap_x(last.box, line.box) > 2.2 * line.size
        other_size = last is not None and abs(last.size - line.size) > 0.12 * last.size  # another column's heading
        if last and overlap_x(last.box, line.box) <= 2 and _one_baseline(last, line) and not (wide and other_size):
            rows[-1] = Line(
                last.text + (" | " if wide else " ") + line.text,
                union(last.box, line.box),
                max(last.size, line.size),
                last.bold and line.bold,
                last.block,
            )
        else:
            rows.append(line)
    return rows


def _one_baseline(a: Line, b: Line) -> bool:
    common = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    return common > 0.6 * min(a.height, b.height)
