"""What a picture of a chart is drawn with: its colours, and the shapes and lines in them. OpenCV comes with RapidOCR
(`mmsum[ocr]`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from mmsum.documents.colour_names import GREY, Colour
from mmsum.documents.legends import MOST_SHAPES, Label, Shape, is_on
from mmsum.documents.page import inside, sides, union_all
from mmsum.records import Box

Pixels = np.ndarray[Any, np.dtype[Any]]

POINTS = 0.2
"""Points to a pixel. What differs by less than a point, as edges and sizes may, counts as alike: five pixels."""
_ALIKE = 18.0
"""Distance in CIE L*a*b* within which a pixel has a colour: JPEG and scaling smear them."""
_THIN = 7
"""Pixels: what is as thin is a line, what is thicker a bar, a slice or a swatch."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours that a chart is drawn in, the ground first: [N, 3] in L*a*b* and sRGB, and which each pixel has, [H, W]:
    N for none."""

    centres: Pixels
    shades: Pixels
    lab: Pixels
    which: Pixels

    @classmethod
    def of(cls, seen: Pixels) -> Colours:
        """seen: [H, W, 3], sRGB of 8 bits."""
        import cv2

        lab = cv2.cvtColor(seen.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        codes = (seen >> 4).astype(np.int32) @ np.array([256, 16, 1])
        counts = np.bincount(codes.ravel(), minlength=4096)
        centres: list[Pixels] = []
        shades: list[Pixels] = []
        for code in np.argsort(-counts)[:96]:
            if counts[code] < max(16, 0.0002 * codes.size) or len(centres) == 20:
                break
            pick = codes == code
            centre = np.median(lab[pick], axis=0)
            if any(np.linalg.norm(centre - other) < _ALIKE for other in centres):
                continue
            if _is_blend(centre, centres) and not _has_area(np.linalg.norm(lab - centre, axis=-1) < _ALIKE / 2):
                continue
            centres.append(centre)
            shades.append(np.median(seen[pick], axis=0) / 255)
        if not centres:  # a picture of a few pixels
            return cls(np.zeros((0, 3)), np.zeros((0, 3)), lab, np.zeros(codes.shape, int))
        apart = np.stack([np.linalg.norm(lab - centre, axis=-1) for centre in centres], axis=-1)
        which = np.where(apart.min(-1) < _ALIKE, apart.argmin(-1), len(centres))
        return cls(np.stack(centres), np.stack(shades), lab, which)

    def dressed(self, label: Label) -> Label:
        """The label with the colour of its letters, where it is not that of all print."""
        x0, y0, x1, y1 = (max(0, round(edge / POINTS)) for edge in label.box)
        pixels = self.lab[y0:y1, x0:x1].reshape(-1, 3)
        if not len(pixels):
            return label
        contrast = np.linalg.norm(pixels - self.centres[0], axis=-1)
        letters = np.median(pixels[contrast >= np.quantile(contrast, 0.9)], axis=0)
        if np.hypot(letters[1], letters[2]) < GREY:
            return label
        apart = np.linalg.norm(self.centres - letters, axis=-1)
        red, green, blue = (round(255 * part) for part in self.shades[apart.argmin()])
        return replace(label, colour=red << 16 | green << 8 | blue)

    def shapes(self, letters: list[Box]) -> list[Shape]:
        """Solid shapes and lines of every colour but the ground's and nearly white; not all where they are more than
        MOST_SHAPES. letters: boxes of text."""
        import cv2

        cv2.setNumThreads(1)  # a parsing task asks for one CPU
        solids, lines = list[Shape](), list[Shape]()
        for index in range(1, len(self.centres)):
            light, a, b = self.centres[index]
            if light > 90 and np.hypot(a, b) < GREY:
                continue
            red, green, blue = (float(part) for part in self.shades[index])
            more, thin = _solids_and_lines((self.which == index).astype(np.uint8), letters, (red, green, blue))
            solids, lines = solids + more, lines + thin
            if len(solids) + len(lines) > MOST_SHAPES:
                return solids + lines
        return _with_slices(_mended(solids)) + lines


def _solids_and_lines(mask: Pixels, letters: list[Box], colour: Colour) -> tuple[list[Shape], list[Shape]]:
    """What is drawn in one colour, [H, W]: what is thick; thin level pieces, and one curve, or several as "curves"."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THIN, _THIN))
    core = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)
    thick, curve, lines = np.zeros_like(mask), list[_Piece](), list[Shape]()
    for piece in _pieces(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))):
        own = core[piece.window] * piece.mask
        high, wide = piece.mask.shape
        is_thin = own.sum() < 0.35 * piece.size or (high <= _THIN and wide > 2 * high)
        if not is_thin and not _is_curve(piece, own, mask.size):
            thick[piece.window] |= own
        elif any(inside(piece.box, text) > 0.7 for text in letters) or _is_frame(piece):
            continue
        elif high > _THIN and wide > 0.04 * mask.shape[1]:
            curve.append(piece)
        elif wide > 1.5 * high:
            lines.append(Shape("line", piece.box, colour, piece.middle))
    solids, size = list[Shape](), 0
    for piece in _pieces(mask & cv2.dilate(thick, disc)):  # what opening takes off corners and rims comes back
        size += piece.size
        inner = _pieces(thick[piece.window] * piece.mask)
        full = max((one.size / one.mask.size for one in inner), default=0.0)
        if full < 0.85 or piece.mask.size < 0.4 * mask.size:
            solids.append(Shape("rect" if full > 0.85 else "other", piece.box, colour, piece.middle))
    # Other lines cross it: the pieces of one colour are one curve. Where more is solid, they are its edges.
    if sum(piece.size for piece in curve) > size:
        several = any(_overlap(one, other) > 0.2 * mask.shape[1] * POINTS for one, other in combinations(curve, 2))
        lines.append(Shape("curves" if several else "line", union_all([piece.box for piece in curve]), colour))
    return solids, lines


def _overlap(one: _Piece, other: _Piece) -> float:
    """How far one stands over or under the other, in points."""
    return min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])


def _is_curve(piece: _Piece, core: Pixels, picture: int) -> bool:
    """Whether what hangs together is a line with dots on it: it fills little of its box, and nothing of it is large."""
    low = piece.size < 0.3 * piece.mask.size
    return low and all(dot.mask.size < 0.008 * picture for dot in _pieces(core))


def _is_frame(piece: _Piece) -> bool:
    """Whether it is large and runs along the edges of its box, as axes do."""
    inner = piece.mask[_THIN:-_THIN, _THIN:-_THIN]
    return min(piece.mask.shape) > 4 * _THIN and bool(inner.sum() < 0.4 * piece.size)


def _is_blend(colour: Pixels, known: list[Pixels]) -> bool:
    """Whether it lies between the ground and another colour, as the edges of letters and lines do."""
    for other in known[1:]:
        way = other - known[0]
        share = np.dot(colour - known[0], way) / np.dot(way, way)
        if 0.1 < share < 0.95 and np.linalg.norm(known[0] + share * way - colour) < _ALIKE / 2:
            return True
    return False


def _has_area(mask: Pixels) -> bool:
    """Whether something as large as a swatch stays where edges are taken off."""
    import cv2

    return bool(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((6, 6), np.uint8)).sum() >= 36)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What hangs together. size: its pixels. window: where its box lies; mask: which pixels there are its own."""

    box: Box
    size: int
    middle: tuple[float, float]
    window: tuple[slice, slice]
    mask: Pixels


def _pieces(mask: Pixels) -> Iterator[_Piece]:
    """The pieces of a mask, [H, W], that have ten pixels or more."""
    import cv2

    _, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for number, ((x, y, wide, high, size), (cx, cy)) in enumerate(zip(stats.tolist(), middles.tolist(), strict=True)):
        if number and size >= 10:
            box = x * POINTS, y * POINTS, (x + wide) * POINTS, (y + high) * POINTS
            window = slice(y, y + high), slice(x, x + wide)
            yield _Piece(box, size, (cx * POINTS, cy * POINTS), window, (labels[window] == number).astype(np.uint8))


def _mended(solids: list[Shape]) -> list[Shape]:
    """Boxes of box plots in one piece: their medians part them."""
    whole = list[Shape]()
    for shape in sorted(solids, key=lambda shape: (shape.box[1], shape.box[0])):
        for other in whole:
            if (
                other.kind == shape.kind == "rect"
                and other.colour == shape.colour
                and _are_parted(other.box, shape.box)
            ):
                whole.remove(other)
                shape = replace(shape, box=union_all([other.box, shape.box]))
                break
        whole.append(shape)
    return whole


def _are_parted(one: Box, other: Box) -> bool:
    """Whether a thin line parts the boxes, which are as wide or as high."""
    return any(is_on(one, other, axis, 1.5 * _THIN * POINTS) for axis in (0, 1))


def _with_slices(solids: list[Shape]) -> list[Shape]:
    """Those that are no rectangles as round, where together they fill a circle or ring, or each does."""
    odd = [shape for shape in solids if shape.kind == "other"]
    large = [shape for shape in odd if max(sides(shape.box)) > 5 * _THIN * POINTS]
    wide, high = sides(union_all([shape.box for shape in large])) if large else (0.0, 1.0)
    is_pie = len(large) > 1 and abs(wide - high) < 0.1 * max(wide, high)
    rounds = [shape for shape in odd if (is_pie if shape in large else _is_square(shape.box))]
    return [replace(shape, kind="round") if shape in rounds else shape for shape in solids]


def _is_square(box: Box) -> bool:
    wide, high = sides(box)
    return abs(wide - high) < 0.25 * max(wide, high)
