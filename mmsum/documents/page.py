"""One page as it was read: lines of text, figures, and what went wrong. Also what the child streams to its spool."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mmsum.records import Box, Figure

_WIDE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")


@dataclass(slots=True)
class Line:
    """A line of text. `block` numbers the text block it stands in; `flat` is false for turned text.

    A row of a captioned table is a line, too; such a table's block is negative.
    """

    text: str
    box: Box
    size: float  # points, of its longest span
    bold: bool
    block: int
    flat: bool = True

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def letters(self) -> int:
        """How many characters, counted as wide as Latin ones: Chinese and Japanese ones are two."""
        return len(self.text) + (0 if self.text.isascii() else len(_WIDE.findall(self.text)))


@dataclass(slots=True)
class Page:
    """What was read of one page. `lines` leave out captions and the text inside figures."""

    number: int  # from 1
    width: float  # points, as displayed
    height: float
    lines: list[Line] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    scanned: bool = False  # no text, and a picture over most of the page
    read_by_ocr: bool = False
    figures_cut: bool = False  # limits.figures left some out
    cut_caption: tuple[Figure, list[Line]] | None = None  # a figure whose caption the page's end cut, its lines
    damage: str = ""  # what is wrong with a page that could be read all the same
    error: str = ""  # why the page could not be read; then it is empty


@dataclass(slots=True)
class PagesInfo:
    """What is known of a document before its pages are read."""

    format: str
    pages: int
    title: str = ""  # of its metadata


REPEATS = 3
"""Pages that show the same picture without a caption at one place: then it is a logo or an ornament."""


def place(figure: Figure) -> tuple[object, ...]:
    """What such pictures have in common."""
    return (*(round(side / 4) for side in figure.bbox), figure.image)


def body_size(lines: Iterable[Line]) -> float:
    """The font size, in points, in which most characters are set; 10 where there are none."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def sides(box: Box) -> tuple[float, float]:
    """Width and height in points."""
    return box[2] - box[0], box[3] - box[1]


def middle(box: Box, axis: int) -> float:
    """Of its sides, across (axis 0) or down (axis 1)."""
    return (box[axis] + box[axis + 2]) / 2


def union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def union_all(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of at least one."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def intersect(a: Box, b: Box) -> Box:
    """The common part; its area() is 0 where there is none."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def grow(box: Box, x: float, y: float) -> Box:
    return (box[0] - x, box[1] - y, box[2] + x, box[3] + y)


def touches(a: Box, b: Box) -> bool:
    """Whether they share a point; flat boxes (rules) count."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def inside(part: Box, whole: Box) -> float:
    """The share of `part` that lies in `whole`, 0 to 1."""
    return area(intersect(part, whole)) / area(part) if area(part) else float(touches(part, whole))


def overlap_x(a: Box, b: Box) -> float:
    """Common width in points; negative: the gap between them."""
    return min(a[2], b[2]) - max(a[0], b[0])


def overlap_y(a: Box, b: Box) -> float:
    """Common height in points; negative: the gap between them."""
    return min(a[3], b[3]) - max(a[1], b[1])
