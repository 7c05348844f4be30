"""Legends of charts: which colour stands for which name, and which bar, box, row or column for which label.

A model that sees a chart at 224 pixels reads no letter of it. Its labels and what is drawn beside them tell what a caption
would: `Lines: (blue) Market, (red) Station.` They come from a page (`vector_legends`) or from pixels (`picture_legends`).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmsum.documents.colour_names import Colour, name_of
from mmsum.documents.page import area, inside, middle, sides, union_all
from mmsum.records import Box

_MOST, _LONGEST = 12, 40
"""Entries of a list, and characters of a name: what has more is read by nobody."""
_MOST_BARS = 100
"""Bars or boxes of one chart: what has more of them has no room for their names."""
_NODES = 5
"""Squares of one size from which on they are the nodes of a network: of those that share an edge by chance, bars were made."""
MOST_SHAPES = 1000
"""Of a chart with a legend: what has more is a map or a scatter plot, and each shape is looked at beside each label."""
_SLICE_ANGLE = math.radians(30)
"""Between the middle of a slice and its name, at most."""


@dataclass(frozen=True, slots=True)
class Label:
    """Words that stand side by side."""

    text: str
    box: Box
    colour: int  # sRGB; -1 where it tells nothing
    height: float  # of its letters


@dataclass(frozen=True, slots=True)
class Shape:
    """kind: line, rect, round (dots, wedges) or other. middle: of its area."""

    kind: str
    box: Box
    colour: Colour
    middle: tuple[float, float] = (0.0, 0.0)


def lists_of(labels: list[Label], placings: Iterable[list[Label]], shapes: list[Shape], box: Box) -> str:
    """The lists of a chart in `box`, as a caption would have them; "" where there are none or they are in doubt.

    Coordinates are points, or as small. labels: those that may stand beside swatches. placings: ways to read those that may
    stand beside bars, boxes, rows and columns; the first way that fits counts.
    """
    if len(shapes) > MOST_SHAPES:
        return ""
    pairs = _by_colour(labels, shapes, box)
    marks = [shape for shape in shapes if all(shape is not swatch for _, swatch in pairs)]
    coloured = _coloured(pairs, shapes, box)
    if coloured and not coloured.startswith("Colours"):
        return coloured
    placings = [
        [one for one in placing if all(inside(one.box, label.box) < 0.5 for label, _ in pairs)] for placing in placings
    ]
    placed = next(filter(None, (_by_place(placing, marks) for placing in placings)), [])
    # Told the colours of bars whose names are unknown, a model takes the ones for the others.
    return " ".join(filter(None, [*placed, coloured])) if placed else ""


def plain_name(text: str) -> str:
    """The text without the marks that end an entry of a list; nothing of a sentence."""
    text = " ".join(re.sub(r"[,;:.()]", " ", text).split())
    return text if len(text) <= _LONGEST else ""


def _by_colour(labels: list[Label], shapes: list[Shape], box: Box) -> list[tuple[Label, Shape]]:
    """The labels of a list of colours, if there is one, each with the swatch, line or slice that it names."""
    ways = _beside_swatches(labels, shapes), _in_colour(labels, shapes, box), _beside_slices(labels, shapes, box)
    pairs = max(ways, key=len)
    names = {label.text for label, _ in pairs}, {name_of(shape.colour) for _, shape in pairs}
    return pairs if 2 <= len(pairs) <= _MOST and all(len(some) == len(pairs) for some in names) else []


def _coloured(pairs: list[tuple[Label, Shape]], shapes: list[Shape], box: Box) -> str:
    """That list, as a sentence."""
    colours = {shape.colour for _, shape in pairs}
    marks = [shape for shape in shapes if shape.colour in colours]
    entries = ", ".join(f"({name_of(shape.colour)}) {label.text}" for label, shape in pairs)
    return f"{_what(marks, box)}: {entries}." if pairs else ""


def _beside_swatches(labels: list[Label], shapes: list[Shape]) -> list[tuple[Label, Shape]]:
    """Labels right of a small shape of their height; all shapes of one legend have one size and each its own colour."""
    pairs = []
    for label in labels:
        near = [shape for shape in shapes if _is_beside(label, shape)]
        if near:
            pairs.append((label, max(near, key=lambda shape: (shape.kind == "rect", shape.box[2] - shape.box[0]))))
    groups = [[pair for pair in pairs if _are_alike(pair[1], one)] for _, one in pairs]
    distinct = [group for group in groups if len({shape.colour for _, shape in group}) == len(group)]
    return max(distinct, key=len, default=[])


def _are_alike(one: Shape, other: Shape) -> bool:
    """Whether both are lines of nearly one length, or none is a line and they are, to a point, of one size."""
    (wide, high), (wide2, high2) = sides(one.box), sides(other.box)
    if "line" in (one.kind, other.kind):
        return one.kind == other.kind and abs(wide - wide2) < 0.5 * max(wide, wide2) and abs(high - high2) < 1
    return abs(wide - wide2) < 1 and abs(high - high2) < 1


def _is_beside(label: Label, shape: Shape) -> bool:
    wide, high = sides(shape.box)
    gap = label.box[0] - shape.box[2]
    apart = abs(middle(label.box, 1) - middle(shape.box, 1))
    return (
        -1 < gap < 1.5 * label.height
        and apart < 0.5 * label.height
        and high < 1.5 * label.height
        and 0.25 * label.height < wide < 5 * label.height
    )


def _in_colour(labels: list[Label], shapes: list[Shape], box: Box) -> list[tuple[Label, Shape]]:
    """Labels in the colour of a long line: right behind its end, or the only one in that colour."""
    pairs: list[tuple[Label, Shape]] = []
    for shape in shapes:
        if _is_long_line(shape, box):
            same = [label for label in labels if _is_of(label.colour, shape.colour)]
            behind = [label for label in same if -3 < label.box[0] - shape.box[2] < 2 * label.height]
            same = behind if len(behind) == 1 else same
            if len(same) == 1 and all(same[0] is not label for label, _ in pairs):
                pairs.append((same[0], shape))
    return pairs


def _beside_slices(labels: list[Label], shapes: list[Shape], box: Box) -> list[tuple[Label, Shape]]:
    """The names beside or inside the slices of a pie, clockwise from the top; none unless every slice has its own."""
    slices = [s for s in shapes if s.kind == "round" and max(sides(s.box)) > 0.1 * min(sides(box))]
    names = [label for label in labels if any(char.isalpha() for char in label.text)]
    if not 2 <= len(slices) <= _MOST:
        return []
    whole = union_all([s.box for s in slices])
    wide, high = sides(whole)
    if abs(wide - high) > 0.1 * max(wide, high):
        return []
    centre = middle(whole, 0), middle(whole, 1)
    slices.sort(key=lambda s: _clockwise(centre, s.middle) % math.tau)
    near = [label for label in names if _distance(centre, label.box) < 0.85 * wide]
    if not near:
        return []
    apart = [[_turn(centre, label.box, s.middle) for label in near] for s in slices]
    found = [min(range(len(near)), key=row.__getitem__) for row in apart]
    sure = all(row[label] < _SLICE_ANGLE for row, label in zip(apart, found, strict=True))
    return (
        [(near[label], s) for label, s in zip(found, slices, strict=True)]
        if sure and len({*found}) == len(found)
        else []
    )


def _clockwise(centre: tuple[float, float], point: tuple[float, float]) -> float:
    """The angle of a point seen from the centre, clockwise from the top."""
    return math.atan2(point[0] - centre[0], centre[1] - point[1])


def _turn(centre: tuple[float, float], box: Box, point: tuple[float, float]) -> float:
    """The angle between a box, at the place of it that is nearest to the centre, and a point."""
    angle = _clockwise(centre, _nearest(centre, box)) - _clockwise(centre, point)
    return abs((angle + math.pi) % math.tau - math.pi)


def _distance(centre: tuple[float, float], box: Box) -> float:
    return math.dist(centre, _nearest(centre, box))


def _nearest(point: tuple[float, float], box: Box) -> tuple[float, float]:
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def _what(marks: list[Shape], box: Box) -> str:
    """What the colours are, as captions call it."""
    if any(_is_long_line(shape, box) for shape in marks):
        return "Lines"
    if any(shape.kind == "round" and min(sides(shape.box)) > 0.15 * min(sides(box)) for shape in marks):
        return "Slices clockwise from the top"
    bars = [shape for shape in marks if shape.kind == "rect"][:_MOST_BARS]
    for axis, way in ((0, "bottom"), (1, "left")):
        if any(is_on(one.box, other.box, axis) for one in bars for other in bars if one.colour != other.colour):
            return f"Layers from the {way}"
    return "Colours"


def _by_place(labels: list[Label], marks: list[Shape]) -> list[str]:
    """The lists of what stands in rows or columns: a heat map's cells, bars, boxes."""
    rects = [shape.box for shape in marks if shape.kind == "rect" and min(sides(shape.box)) > 1.5]
    if len(rects) > _MOST_BARS and not _cells(rects):
        return []
    # The boxes of a diagram have their names inside.
    rects = [box for box in rects if not any(inside(label.box, box) > 0.8 and label.text.isalpha() for label in labels)]
    cells = _cells(rects)
    if cells:
        left, bottom = min(cell[0] for cell in cells), max(cell[3] for cell in cells)
        top = min(cell[1] for cell in cells)
        rows = _aligned(labels, cells, 1, lambda label: label.box[2] <= left + 1)
        columns = _aligned(labels, cells, 0, lambda label: label.box[1] >= bottom - 1 or label.box[3] <= top + 1)
        return _numbered("Rows from the top", rows) + _numbered("Columns from the left", columns) if rows else []
    # Medians lie inside their boxes.
    rects = [box for box in rects if not any(area(other) > area(box) and inside(box, other) > 0.95 for other in rects)]
    rects = _without_nodes(rects)
    bars = _of_one_edge(rects, 3), _of_one_edge(rects, 0)  # that stand, that lie
    groups = [bars[axis] or _of_one_size(rects, axis) for axis in (0, 1)]
    axis = 0 if len(groups[0]) >= max(3, len(groups[1])) else 1
    if len(groups[axis]) < 3:
        return []
    left, bottom = min(box[0] for box in groups[axis]), max(box[3] for box in groups[axis])
    beside = (lambda label: label.box[1] >= bottom - 1, lambda label: label.box[2] <= left + 1)[axis]
    names = _aligned(labels, groups[axis], axis, beside)
    if not bars[axis] and len(names) != len(groups[axis]):
        return []
    return _numbered(f"{'Bars' if bars[axis] else 'Boxes'} from the {('left', 'top')[axis]}", names)


def _numbered(what: str, names: Sequence[str]) -> list[str]:
    """Such a list, unless it only counts, or has too few or too many entries."""
    if not 2 <= len(names) <= _MOST or len(set(names)) < len(names):
        return []
    if not what.startswith("Columns") and 2 * sum(any(map(str.isalpha, name)) for name in names) < len(names):
        return []
    return [f"{what}: {', '.join(f'({number}) {name}' for number, name in enumerate(names, start=1))}."]


def _aligned(labels: list[Label], boxes: list[Box], axis: int, beside: Callable[[Label], bool]) -> list[str]:
    """The nearest row (axis 0) or column (axis 1) of labels outside in which every box has one, and every label a box; in
    order. A label may go on in the next row."""
    other = 1 - axis
    low, high = min(box[axis] for box in boxes), max(box[axis + 2] for box in boxes)
    start, end = min(box[other] for box in boxes), max(box[other + 2] for box in boxes)
    outside = [label for label in labels if beside(label)]
    along = [label for label in outside if low <= middle(label.box, axis) <= high]
    along.sort(key=lambda label: min(abs(middle(label.box, other) - side) for side in (start, end)))
    side = 3 - axis if axis else 1  # columns end alike, rows have one height
    while along:
        first = along[0]
        whole = [label for label in outside if abs(label.box[side] - first.box[side]) < 0.5 * first.height]
        row = [label for label in along if label in whole]
        along = [label for label in along if label not in row]
        row.sort(key=lambda label: label.box[axis])
        parted = axis and any(_goes_before(label, m) for label in labels for m in row)
        if _match(row, boxes, axis) and not parted and not _goes_on(row, whole, axis):
            more = [m for m in along if axis == 0 and -2 < m.box[1] - first.box[3] < first.height]
            return [" ".join([label.text, *(m.text for m in more if _is_under(m, label))]) for label in row]
    return []


def _match(row: list[Label], boxes: list[Box], axis: int) -> bool:
    """Whether each box has a label nearer than half of what lies between two labels, and each label a box."""
    if len(row) < 2:
        return False
    places = [middle(label.box, axis) for label in row]
    step = min(after - before for before, after in pairwise(places))
    nearest = [min(range(len(row)), key=lambda i: abs(places[i] - middle(box, axis))) for box in boxes]
    near = all(abs(places[i] - middle(box, axis)) < 0.45 * step for i, box in zip(nearest, boxes, strict=True))
    return near and set(nearest) == set(range(len(row)))


def _is_under(label: Label, other: Label) -> bool:
    return label is not other and abs(middle(label.box, 0) - middle(other.box, 0)) < 0.25 * label.height


def _goes_on(row: list[Label], whole: list[Label], axis: int) -> bool:
    """Whether the row has more names in the same steps, of which no bars or boxes are known."""
    places = sorted(middle(label.box, axis) for label in row)
    step = min(after - before for before, after in pairwise(places))
    more = [middle(label.box, axis) for label in whole if label not in row and any(map(str.isalpha, label.text))]
    return any(-1.3 * step < place - places[0] < 0 or 0 < place - places[-1] < 1.3 * step for place in more)


def _goes_before(label: Label, other: Label) -> bool:
    """Whether a line goes on from the one to the other."""
    level = abs(middle(label.box, 1) - middle(other.box, 1)) < 0.5 * other.height
    return label is not other and level and -1 < other.box[0] - label.box[2] < 0.6 * other.height


def _without_nodes(boxes: list[Box]) -> list[Box]:
    """The boxes without squares of which there are many of one size."""
    squares = [sides(box)[0] if abs(sides(box)[0] - sides(box)[1]) < 1 else -1.0 for box in boxes]
    many = [one > 0 and sum(abs(one - other) < 1 for other in squares) >= _NODES for one in squares]
    return [box for box, is_node in zip(boxes, many, strict=True) if not is_node]


def _of_one_edge(boxes: list[Box], side: int) -> list[Box]:
    """Three or more of them that share an edge: bars stand on their axis."""
    most = max(_alike(boxes, lambda box: box[side]), key=len, default=[])
    return most if len(most) > 2 else []


def _of_one_size(boxes: list[Box], axis: int) -> list[Box]:
    """The most of them that are equally wide (axis 0) or high, none over another: the boxes of a box plot."""
    groups = _alike(boxes, lambda box: box[axis + 2] - box[axis])
    apart = [group for group in groups if len({round(middle(box, axis)) for box in group}) == len(group)]
    return max(apart, key=len, default=[])


def _alike(boxes: list[Box], measure: Callable[[Box], float]) -> list[list[Box]]:
    """The boxes in groups between which the measure jumps by most of a point or more."""
    groups: list[list[Box]] = []
    last = 0.0
    for box in sorted(boxes, key=measure):
        if not groups or measure(box) - last >= 0.7:
            groups.append([])
        groups[-1].append(box)
        last = measure(box)
    return groups


def _cells(boxes: list[Box]) -> list[Box]:
    """The cells of a heat map: of one size, in at least two full rows and columns."""
    by_size = defaultdict[tuple[int, int], list[Box]](list)
    for box in boxes:
        by_size[round(box[2] - box[0]), round(box[3] - box[1])].append(box)
    cells = max(by_size.values(), key=len, default=[])
    across, down = ({round(middle(cell, axis)) for cell in cells} for axis in (0, 1))
    return cells if min(len(across), len(down)) > 1 and len(cells) >= 0.9 * len(across) * len(down) >= 5 else []


def is_on(one: Box, other: Box, axis: int, gap: float = 1.0) -> bool:
    """Whether they are as wide (axis 0) or high, and one begins where the other ends, or less than `gap` points from there."""
    same = abs(one[axis] - other[axis]) < 1 and abs(one[axis + 2] - other[axis + 2]) < 1
    return same and abs(one[3 - axis] - other[1 - axis]) < gap


def _is_long_line(shape: Shape, box: Box) -> bool:
    """No rule either, as grids and axes have: these run level."""
    wide, high = sides(shape.box)
    return shape.kind == "line" and wide > 0.25 * (box[2] - box[0]) and high > 2


def _is_of(code: int, colour: Colour) -> bool:
    parts = zip((16, 8, 0), colour, strict=True)
    return code >= 0 and all(abs((code >> shift & 255) / 255 - part) < 0.02 for shift, part in parts)
