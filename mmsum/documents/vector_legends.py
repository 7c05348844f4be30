"""Legends of charts drawn as lines and letters on a page of a PDF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pymupdf

from mmsum.documents.legends import Label, Shape, lists_of, plain_name
from mmsum.documents.page import area, grow, inside, middle, sides
from mmsum.records import Box


def legend_of(page: pymupdf.Page, box: Box, paths: Sequence[dict[str, Any]] | None = None) -> str:
    """The lists of a chart in `box` of an upright page, as a caption would have them; "" where there are none or they are in
    doubt. paths: the page's `get_cdrawings()`, where they are at hand."""
    lines, turned = _lines(page, box)
    labels = [label for line in lines for label in _parted(line)]
    if len(labels) + len(turned) < 2:
        return ""
    shapes = _shapes(page.get_cdrawings() if paths is None else paths, box)
    # Labels of neighbouring bars may stand as near to each other as the words of one.
    words = [label for line in lines for label in _parted(line, by_word=True)]
    return lists_of(labels, ([*words, *turned], [*labels, *turned]), shapes, box)


def _lines(page: pymupdf.Page, box: Box) -> tuple[list[list[tuple[Any, Any]]], list[Label]]:
    """The characters of each line, with their spans; and the lines that are turned or slanted, as labels."""
    flat, turned = [], []
    flags = pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES
    for block in page.get_text("rawdict", clip=grow(box, 4, 4), flags=flags)["blocks"]:
        for line in block.get("lines", ()):
            chars = [(char, span) for span in line["spans"] for char in span["chars"]]
            if line["dir"][0] > 0.99:
                flat.append(chars)
            elif text := plain_name("".join(char["c"] for char, _ in chars)):
                size = chars[0][1]["size"]
                turned.append(Label(text, _top(line["bbox"], line["dir"], size), chars[0][1]["color"], size))
    return flat, turned


def _top(box: Box, direction: tuple[float, float], size: float) -> Box:
    """Where a turned line begins or ends under what it names: a square of a letter's size."""
    x = box[0] if direction[1] > 0 else box[2]
    inward = size / 2 if direction[1] > 0 else -size / 2
    at = x + inward if abs(direction[0]) > 0.1 else middle(box, 0)
    return at - size / 2, box[1], at + size / 2, box[1] + size


def _parted(chars: list[tuple[Any, Any]], by_word: bool = False) -> list[Label]:
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
        text = plain_name("".join(char["c"] for char, _ in group))
        boxes = [char["bbox"] for char, _ in group]
        across = (boxes[0][0], min(b[1] for b in boxes), boxes[-1][2], max(b[3] for b in boxes))
        if text:
            labels.append(Label(text, across, group[0][1]["color"], across[3] - across[1]))
    return labels


def _shapes(paths: Sequence[dict[str, Any]], box: Box) -> list[Shape]:
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
        found.append(
            Shape(
                kind, place, (colour[0], colour[1], colour[2]), _centroid(path["items"]) if kind == "round" else (0, 0)
            )
        )
    return found


def _centroid(items: Sequence[Any]) -> tuple[float, float]:
    """The middle of the areas that lines and curves run round; items that do not go on from the last begin another."""
    rings: list[list[tuple[float, float]]] = [[]]
    end = None
    for kind, *corners in items:
        if kind not in ("c", "l"):
            continue
        if end is not None and math.dist(end, corners[0]) > 0.01:
            rings[-1].append(end)
            rings.append([])
        rings[-1] += [_on_curve(corners, share / 4) for share in range(4)] if kind == "c" else [corners[0]]
        end = corners[-1]
    parts = [_area_and_moments(ring) for ring in rings]
    whole, x, y = (sum(part[i] for part in parts) for i in range(3))
    return (x / whole, y / whole) if whole else (0.0, 0.0)


def _area_and_moments(ring: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The area of a polygon, and that times its middle (the shoelace formula)."""
    twice = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        across = x0 * y1 - x1 * y0
        twice, x, y = twice + across, x + (x0 + x1) * across, y + (y0 + y1) * across
    sign = -1 if twice < 0 else 1
    return sign * twice / 2, sign * x / 6, sign * y / 6


def _on_curve(corners: Sequence[Any], share: float) -> tuple[float, float]:
    """A point of a cubic Bezier curve."""
    weights = (1 - share) ** 3, 3 * share * (1 - share) ** 2, 3 * share**2 * (1 - share), share**3
    x, y = (sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
    return x, y
