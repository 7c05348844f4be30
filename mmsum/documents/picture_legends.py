"""Legends of charts that are pictures: labels by OCR, shapes by their colours. OpenCV comes with RapidOCR (`mmsum[ocr]`)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image

from mmsum.documents import ocr
from mmsum.documents.colour_names import is_grey, name_of
from mmsum.documents.legends import MOST_SHAPES, Label, Shape, lists_of, plain_name
from mmsum.documents.page import area, inside, middle, sides, union_all
from mmsum.documents.picture_shapes import POINTS, Colours, Pixels
from mmsum.legend import listed
from mmsum.records import Box, Figure

_LONGEST = 800
"""Pixels of the longest side that is looked at: crops have 672."""
_WORDS = 6
"""Words of a name beside a swatch, at most: a diagram has coloured boxes beside sentences."""
_PLACED = "(1) "
"""What begins a list of bars, boxes, rows or columns. Two alone are found in diagrams, too."""
_LARGE = 0.01
"""Share of the picture that is more than a swatch or a marker."""
_DOTS = 12
"""Swatches and markers in the colours of lines, at most: a scatter plot has more."""
_MOST_LABELS = 150
"""Of a heat map: twelve rows and columns, and the values in its cells."""
_SWATCH_READ = "Il1|oO0"
"""What OCR takes a swatch for, and writes before its name."""
_MARKS = "-\u2013\u2014_|~\u00b7\u2022\u25a0\u25a1\u25aa\u25cf\u53e3 "
"""What it may take ticks and swatches for."""


def may_be_chart(figure: Figure, image_file: bool = False) -> bool:
    """Whether a figure may be the picture of a chart with names that neither its caption nor letters on its page tell; the text
    of an image file is no such letters, but OCR's."""
    told = figure.legend or (figure.text and not image_file) or listed(figure.caption)
    return figure.kind == "figure" and bool(figure.image) and not told


def legend_of_picture(image: bytes) -> str:
    """The lists of the chart in a PNG, JPEG or WebP, as a caption would have them; "" where there are none or they are in
    doubt."""
    with Image.open(io.BytesIO(image)) as opened:
        picture = opened.convert("RGB")
        picture.thumbnail((_LONGEST, _LONGEST))
    seen = np.asarray(picture)
    colours = Colours.of(seen)
    if len(colours.centres) < 2:
        return ""
    words = [[_as_label(word) for word in line] for line in ocr.read_words(seen)]
    lines = [label for line in words for label in _joined(line)]
    parted = [word for line in words for word in line]
    shapes = colours.shapes([label.box for label in lines if any(char.isalnum() for char in label.text)])
    if len(shapes) > MOST_SHAPES:
        return ""
    lines, parted = ([colours.dressed(_without_swatch(label, shapes)) for label in some] for some in (lines, parted))
    if cells := _cells(seen, lines) or _cells(seen, parted):
        shapes = [shape for shape in shapes if inside(shape.box, union_all([cell.box for cell in cells])) < 0.5] + cells
    box = (0.0, 0.0, picture.width * POINTS, picture.height * POINTS)
    names = [label for label in lines if 0 < len(label.text.split()) <= _WORDS]
    lists = lists_of(names, (parted, lines), shapes, box)
    told = listed(lists)
    if len(told) < 2 + (_PLACED in lists) or not any(map(str.isalpha, "".join(told))):
        return ""
    named = [shape for shape in shapes if f"({name_of(shape.colour)})" in told.values()]
    return lists if not named or _tells_all(lists, named, shapes, box) else ""


def _tells_all(lists: str, named: list[Shape], shapes: list[Shape], box: Box) -> bool:
    """Whether a list of colours leaves out nothing large, and its lines are lines: one of each colour, and no cloud of dots."""
    solid = [shape for shape in shapes if shape.kind not in ("line", "curves") and shape not in named]
    if any(area(shape.box) > _LARGE * area(box) for shape in solid):
        return False
    dots = sum(shape.kind in ("round", "other") and area(shape.box) < 0.001 * area(box) for shape in named)
    several = any(shape.kind == "curves" and not is_grey(shape.colour) for shape in named)  # grey: a grid
    return not lists.startswith("Lines") or (dots <= _DOTS and not several)


def _as_label(word: ocr.Word) -> Label:
    x0, y0, x1, y1 = (edge * POINTS for edge in word.box)
    return Label(word.text, (x0, y0, x1, y1), -1, y1 - y0)


def _joined(words: list[Label]) -> Iterator[Label]:
    """A line's words as labels: a wide gap parts them, and so does a mark before one, as swatches are read."""
    group: list[Label] = []
    for word in [*words, None]:
        if group and (word is None or not word.text[0].isalnum() or word.box[0] - group[-1].box[2] > 0.8 * word.height):
            box = union_all([one.box for one in group])
            yield Label(" ".join(one.text for one in group), box, -1, box[3] - box[1])
            group = []
        if word is not None:
            group.append(word)


def _without_swatch(label: Label, shapes: Sequence[Shape]) -> Label:
    """The label without a swatch that was read as its first letter, nor marks at its ends."""
    text, box = label.text, label.box
    swatch = next((shape for shape in shapes if _is_read_with(label, shape)), None)
    if swatch:
        text = text[1:] if text[0] in _SWATCH_READ or not text[0].isalnum() else text
        box = swatch.box[2] + 0.1 * label.height, *box[1:]
    name = plain_name(text.strip(_MARKS))
    return replace(label, text=name if any(char.isalnum() for char in name) else "", box=box)


def _is_read_with(label: Label, shape: Shape) -> bool:
    """Whether the shape is a swatch that the label begins with: a name stands farther from its own."""
    (wide, high), (x0, y0, x1, y1) = sides(shape.box), label.box
    return (
        shape.kind != "line"
        and 0.3 * label.height < min(wide, high)
        and max(wide, high) < 1.5 * label.height
        and abs(shape.box[1] + shape.box[3] - y0 - y1) < label.height
        and -wide < shape.box[0] - x0 < label.height
        and x0 - 0.15 * label.height < shape.box[2] < x1 - label.height
    )


def _cells(seen: Pixels, labels: list[Label]) -> list[Shape]:
    """The cells of a heat map with evenly spaced labels left of its rows and under or over its columns: each is of one colour
    there, and they have many colours."""
    best: list[Shape] = []
    named = [label for label in labels if label.text]
    if len(named) > _MOST_LABELS:
        return []
    across = list(_ladders(named, 0))
    for rows in _ladders(named, 1):
        if not any(char.isalpha() for label in rows for char in label.text):
            continue  # a scale
        for columns in across:
            if len(rows) * len(columns) < max(6, len(best) + 1):
                continue
            (left, wide), (top, high) = _steps(columns, 0), _steps(rows, 1)
            boxes = [
                (left + i * wide, top + j * high, left + (i + 1) * wide, top + (j + 1) * high)
                for j in range(len(rows))
                for i in range(len(columns))
            ]
            shades = [_plain_shade(seen, box) for box in boxes] if min(left, top) >= 0 else []
            plain = [tuple(int(part) >> 3 for part in shade) for shade in shades if shade is not None]
            if len(plain) >= 0.9 * len(boxes) and len(set(plain)) >= max(4, 0.2 * len(boxes)):
                best = [Shape("rect", box, (0.5, 0.5, 0.5)) for box in boxes]
    return best


def _steps(labels: list[Label], axis: int) -> tuple[float, float]:
    """Where cells begin that have these labels at their middles, and how long they are."""
    first, last = (middle(label.box, axis) for label in (labels[0], labels[-1]))
    step = (last - first) / (len(labels) - 1)
    return first - step / 2, step


def _plain_shade(seen: Pixels, box: Box) -> Pixels | None:
    """The colour in the middle of a cell; None where it has several."""
    x0, y0, x1, y1 = (edge / POINTS for edge in box)
    wide, high = 0.25 * (x1 - x0), 0.25 * (y1 - y0)
    inner = seen[round(y0 + high) : round(y1 - high), round(x0 + wide) : round(x1 - wide)].reshape(-1, 3)
    return np.median(inner, axis=0) if len(inner) and inner.std(axis=0).max() < 12 else None


def _ladders(labels: list[Label], axis: int) -> Iterator[list[Label]]:
    """Two or more labels, evenly spaced in a row (axis 0) or a column (axis 1) that begins, ends or has its middle at one
    line."""
    known = set[tuple[int, ...]]()
    other = 1 - axis
    for one in labels:
        for line in (lambda box: box[other], lambda box: box[other + 2], lambda box: middle(box, other)):
            row = [label for label in labels if abs(line(label.box) - line(one.box)) < 0.4 * one.height]
            row.sort(key=lambda label: middle(label.box, axis))
            places = [middle(label.box, axis) for label in row]
            steps = [after - before for before, after in pairwise(places)]
            if steps and max(steps) < 1.2 * min(steps) and tuple(map(id, row)) not in known:
                known.add(tuple(map(id, row)))
                yield row
