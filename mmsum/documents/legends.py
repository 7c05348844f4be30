"""Legends of vector charts: which colour stands for which name, and which bar, box, row or column for which label.

A model that sees a chart at 224 pixels reads no letter of it. What is drawn as lines and letters tells by itself what a caption
would: `Lines: (blue) Market, (red) Station.`
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pymupdf

from mmsum.documents.colour_names import Colour, name_of
from mmsum.documents.page import area, grow, inside, sides
from mmsum.records import Box

_MOST, _LONGEST = 12, 40
"""Entries of a list, and characters of a name: what has more is read by nobody."""
_MOST_BARS = 100
"""Bars or boxes of one chart: what has more of them has no room for their names."""
_MOST_SHAPES = 1000
"""Of a chart with a legend: what has more is a map or a scatter plot, and each shape is looked at beside each label."""


@dataclass(frozen=True, slots=True)
class _Label:
    """Words that stand side by side."""

    text: str
    box: Box
    colour: int  # sRGB
    height: float  # of its letters


@dataclass(frozen=True, slots=True)
class _Shape:
    """kind: line, rect, round (dots, wedges) or other."""

    kind: str
    box: Box
    colour: Colour


def legend_of(page: pymupdf.Page, box: Box, paths: Sequence[dict[str, Any]] | None = None) -> str:
    """The lists of a chart in `box` of an upright page, as a caption would have them; "" where there are none or they are in
    doubt. paths: the page's `get_cdrawings()`, where they are at hand."""
    lines, turned = _lines(page, box)
    labels = [label for line in lines for label in _parted(line)]
    if len(labels) + len(turned) < 2:
        return ""
    shapes = _shapes(page.get_cdrawings() if paths is None else paths, box)
    if len(shapes) > _MOST_SHAPES:
        return ""
    coloured, swatches = _by_colour(labels, shapes, box)
    if coloured and not coloured[0].startswith("Colours"):
        return coloured[0]
    marks = [shape for shape in shapes if shape not in swatches]
    # Labels of neighbouring bars may stand as near to each other as the words of one.
    words = [label for line in lines for label in _parted(line, by_word=True)]
    placed = _by_place([*words, *turned], marks) or _by_place([*labels, *turned], marks)
    # Told the colours of bars whose names are unknown, a model takes the ones for the others.
    return " ".join([*placed, *coloured]) if placed else ""


def _lines(page: pymupdf.Page, box: Box) -> tuple[list[list[tuple[Any, Any]]], list[_Label]]:
    """The characters of each line, with their spans; and the lines that are turned or slanted, as labels."""
    flat, turned = [], []
    flags = pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES
    for block in page.get_text("rawdict", clip=grow(box, 4, 4), flags=flags)["blocks"]:
        for line in block.get("lines", ()):
            chars = [(char, span) for span in line["spans"] for char in span["chars"]]
            if line["dir"][0] > 0.99:
                flat.append(chars)
            elif text := _plain("".join(char["c"] for char, _ in chars)):
                size = chars[0][1]["size"]
                turned.append(_Label(text, _top(line["bbox"], line["dir"], size), chars[0][1]["color"], size))
    return flat, turned


def _top(box: Box, direction: tuple[float, float], size: float) -> Box:
    """Where a turned line begins or ends under what it names: a square of a letter's size."""
    x = box[0] if direction[1] > 0 else box[2]
    inward = size / 2 if direction[1] > 0 else -size / 2
    middle = x + inward if abs(direction[0]) > 0.1 else _middle(box, 0)
    return middle - size / 2, box[1], middle + size / 2, box[1] + size


def _plain(text: str) -> str:
    """The text without the marks that end an entry of a list; nothing of a sentence."""
    text = " ".join(re.sub(r"[,;:.()]", " ", text).split())
    return text if len(text) <= _LONGEST else ""


def _parted(chars: list[tuple[Any, Any]], by_word: bool = False) -> list[_Label]:
    """A line's characters as labels: a gap wider than a space parts them. by_word: any gap without a space in the file does."""
    groups: list[list[tuple[Any, Any]]] = []
    space = False
    for char, span in chars:
        if not char["c"].strip():
            space = not (by_word and char["synthetic"])
            continue
        last = groups[-1][-1][0] if groups else None
        gap = 0.0 if last is None else char["bbox"][0] - last["bbox"][2]
        if last is None or gap > 0.65 * span["size"] or (by_word and not space and gap > 0.1 * span["size"]):
            groups.append([])
        elif space:
            groups[-1].append(({"c": " ", "bbox": last["bbox"]}, span))
        groups[-1].append((char, span))
        space = False
    labels = []
    for group in groups:
        text = _plain("".join(char["c"] for char, _ in group))
        boxes = [char["bbox"] for char, _ in group]
        across = (boxes[0][0], min(b[1] for b in boxes), boxes[-1][2], max(b[3] for b in boxes))
        if text:
            labels.append(_Label(text, across, group[0][1]["color"], across[3] - across[1]))
    return labels


def _shapes(paths: Sequence[dict[str, Any]], box: Box) -> list[_Shape]:
    """What is drawn in `box`, without white and without fills of most of it."""
    found = []
    for path in paths:
        place, colour = tuple(path["rect"]), path.get("fill") or path.get("color")
        if not colour or len(colour) != 3 or min(colour) > 0.98 or inside(place, grow(box, 2, 2)) < 0.9:
            continue
        if path["type"] != "s" and area(place) > 0.4 * area(box):
            continue
        items = [item[0] for item in path["items"]]
        solid = "round" if "c" in items else "rect" if len(items) <= 5 else "other"
        is_line = path["type"] == "s" and not {"re", "qu"} & set(items)  # frames are none
        kind = "line" if is_line or min(sides(place)) < 1.5 else solid if path["type"] != "s" else "other"
        found.append(_Shape(kind, place, (colour[0], colour[1], colour[2])))
    return found


def _by_colour(labels: list[_Label], shapes: list[_Shape], box: Box) -> tuple[list[str], list[_Shape]]:
    """The list of colours, if there is one, and the swatches it stands beside."""
    pairs = max(_beside_swatches(labels, shapes), _in_colour(labels, shapes, box), key=len)
    names = [name_of(shape.colour) for _, shape in pairs]
    if not 2 <= len(pairs) <= _MOST or len(set(names)) < len(names):
        return [], []
    swatches = [shape for _, shape in pairs]
    colours = {shape.colour for shape in swatches}
    marks = [shape for shape in shapes if shape.colour in colours]
    entries = ", ".join(f"({name}) {label.text}" for name, (label, _) in zip(names, pairs, strict=True))
    return [f"{_what(marks, box)}: {entries}."], swatches


def _beside_swatches(labels: list[_Label], shapes: list[_Shape]) -> list[tuple[_Label, _Shape]]:
    """Labels right of a small shape of their height; all shapes of one legend have one size and each its own colour."""
    groups = defaultdict[tuple[int, int, str], list[tuple[_Label, _Shape]]](list)
    for label in labels:
        near = [shape for shape in shapes if _is_beside(label, shape)]
        if near:
            swatch = max(near, key=lambda shape: (shape.kind == "rect", shape.box[2] - shape.box[0]))
            wide, high = sides(swatch.box)
            groups[round(wide / 2), round(high / 2), swatch.kind].append((label, swatch))
    distinct = [group for group in groups.values() if len({shape.colour for _, shape in group}) == len(group)]
    return max(distinct, key=len, default=[])


def _is_beside(label: _Label, shape: _Shape) -> bool:
    wide, high = sides(shape.box)
    gap = label.box[0] - shape.box[2]
    middle = abs(_middle(label.box, 1) - _middle(shape.box, 1))
    return (
        -1 < gap < 1.5 * label.height
        and middle < 0.5 * label.height
        and high < 1.5 * label.height
        and 0.3 * label.height < wide < 5 * label.height
    )


def _in_colour(labels: list[_Label], shapes: list[_Shape], box: Box) -> list[tuple[_Label, _Shape]]:
    """Labels in the colour of a long line: right behind its end, or the only one in that colour."""
    pairs: list[tuple[_Label, _Shape]] = []
    for shape in shapes:
        if _is_long_line(shape, box):
            same = [label for label in labels if _is_of(label.colour, shape.colour)]
            behind = [label for label in same if -3 < label.box[0] - shape.box[2] < 2 * label.height]
            same = behind if len(behind) == 1 else same
            if len(same) == 1 and all(same[0] is not label for label, _ in pairs):
                pairs.append((same[0], shape))
    return pairs


def _what(marks: list[_Shape], box: Box) -> str:
    """What the colours are, as captions call it."""
    if any(_is_long_line(shape, box) for shape in marks):
        return "Lines"
    if any(shape.kind == "round" and min(sides(shape.box)) > 0.15 * min(sides(box)) for shape in marks):
        return "Slices clockwise from the top"
    bars = [shape for shape in marks if shape.kind == "rect"][:_MOST_BARS]
    for axis, way in ((0, "bottom"), (1, "left")):
        if any(_is_on(one, other, axis) for one in bars for other in bars if one.colour != other.colour):
            return f"Layers from the {way}"
    return "Colours"


def _by_place(labels: list[_Label], marks: list[_Shape]) -> list[str]:
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
    bars = _of_one_edge(rects, 3), _of_one_edge(rects, 0)  # that stand, that lie
    groups = [bars[axis] or _of_one_size(rects, axis) for axis in (0, 1)]
    axis = 0 if len(groups[0]) >= max(3, len(groups[1])) else 1
    if len(groups[axis]) < 3:
        return []
    left, bottom = min(box[0] for box in groups[axis]), max(box[3] for box in groups[axis])
    beside = (lambda label: label.box[1] >= bottom - 1, lambda label: label.box[2] <= left + 1)[axis]
    names = _aligned(labels, groups[axis], axis, beside)
    return _numbered(f"{'Bars' if bars[axis] else 'Boxes'} from the {('left', 'top')[axis]}", names)


def _numbered(what: str, names: Sequence[str]) -> list[str]:
    """Such a list, unless it only counts, or has too few or too many entries."""
    if not 2 <= len(names) <= _MOST or len(set(names)) < len(names):
        return []
    if not what.startswith("Columns") and not any(char.isalpha() for name in names for char in name):
        return []
    return [f"{what}: {', '.join(f'({number}) {name}' for number, name in enumerate(names, start=1))}."]


def _aligned(labels: list[_Label], boxes: list[Box], axis: int, beside: Callable[[_Label], bool]) -> list[str]:
    """The nearest row (axis 0) or column (axis 1) of labels outside in which every box has one, and every label a box; in
    order. A label may go on in the next row."""
    other = 1 - axis
    low, high = min(box[axis] for box in boxes), max(box[axis + 2] for box in boxes)
    start, end = min(box[other] for box in boxes), max(box[other + 2] for box in boxes)
    along = [label for label in labels if low <= _middle(label.box, axis) <= high and beside(label)]
    along.sort(key=lambda label: min(abs(_middle(label.box, other) - side) for side in (start, end)))
    side = 3 - axis if axis else 1  # columns end alike, rows have one height
    while along:
        first = along[0]
        row = [label for label in along if abs(label.box[side] - first.box[side]) < 0.5 * first.height]
        along = [label for label in along if label not in row]
        row.sort(key=lambda label: label.box[axis])
        if _match(row, boxes, axis):
            more = [m for m in along if axis == 0 and -2 < m.box[1] - first.box[3] < first.height]
            return [" ".join([label.text, *(m.text for m in more if _is_under(m, label))]) for label in row]
    return []


def _match(row: list[_Label], boxes: list[Box], axis: int) -> bool:
    """Whether each box has a label within half of what lies between two labels, and each label a box."""
    if len(row) < 2:
        return False
    places = [_middle(label.box, axis) for label in row]
    step = min(after - before for before, after in pairwise(places))
    nearest = [min(range(len(row)), key=lambda i: abs(places[i] - _middle(box, axis))) for box in boxes]
    near = all(abs(places[i] - _middle(box, axis)) < 0.5 * step for i, box in zip(nearest, boxes, strict=True))
    return near and set(nearest) == set(range(len(row)))


def _is_under(label: _Label, other: _Label) -> bool:
    return label is not other and abs(_middle(label.box, 0) - _middle(other.box, 0)) < 0.25 * label.height


def _of_one_edge(boxes: list[Box], side: int) -> list[Box]:
    """Three or more of them that share an edge: bars stand on their axis."""
    most = max(_alike(boxes, lambda box: box[side]), key=len, default=[])
    return most if len(most) > 2 else []


def _of_one_size(boxes: list[Box], axis: int) -> list[Box]:
    """The most of them that are equally wide (axis 0) or high, none over another: the boxes of a box plot."""
    groups = _alike(boxes, lambda box: box[axis + 2] - box[axis])
    apart = [group for group in groups if len({round(_middle(box, axis)) for box in group}) == len(group)]
    return max(apart, key=len, default=[])


def _alike(boxes: list[Box], measure: Callable[[Box], float]) -> list[list[Box]]:
    """The boxes in groups between which the measure jumps by half a point or more."""
    groups: list[list[Box]] = []
    last = 0.0
    for box in sorted(boxes, key=measure):
        if not groups or measure(box) - last >= 0.5:
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
    across, down = ({round(_middle(cell, axis)) for cell in cells} for axis in (0, 1))
    return cells if min(len(across), len(down)) > 1 and len(cells) >= 0.9 * len(across) * len(down) >= 5 else []


def _is_on(one: _Shape, other: _Shape, axis: int) -> bool:
    """Whether they are as wide (axis 0) or high, and one begins where the other ends."""
    same = abs(one.box[axis] - other.box[axis]) < 1 and abs(one.box[axis + 2] - other.box[axis + 2]) < 1
    return same and abs(one.box[3 - axis] - other.box[1 - axis]) < 1


def _is_long_line(shape: _Shape, box: Box) -> bool:
    """No rule either, as grids and axes have: these run level."""
    wide, high = sides(shape.box)
    return shape.kind == "line" and wide > 0.25 * (box[2] - box[0]) and high > 2


def _is_of(code: int, colour: Colour) -> bool:
    return all(abs((code >> shift & 255) / 255 - part) < 0.02 for shift, part in zip((16, 8, 0), colour, strict=True))


def _middle(box: Box, axis: int) -> float:
    return (box[axis] + box[axis + 2]) / 2
