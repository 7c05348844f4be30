"""Pictures that share one caption, in documents without fixed pages: they are the panels of one figure, set in a grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import pymupdf

from mmsum.documents.crops import encode_pixmap
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory
from mmsum.documents.page import area, sides, union_all
from mmsum.records import Box, Figure

_ASPECT = 4 / 3
"""Of the grid, as near as it comes: readers of figures look at squares, and most pictures are wider than high."""
_GAP = 0.03
"""Between panels, as a share of the side of a square as large as they are."""


def join_panels(panels: Sequence[Figure], longest_side: int) -> Figure:
    """One figure of all that have pixels, row by row, each once; its box in points, its longest side in pixels.

    How a reader's window or page would set them is not known. Legends and words inside them stand one after the other.
    """
    seen = Counter(panel.image for panel in panels)
    shown = [panel for panel in panels if panel.image and seen.pop(panel.image, 0)]
    if len(shown) < 2:
        return shown[0] if shown else panels[0]
    side = max(math.sqrt(area(panel.bbox)) for panel in shown)
    sizes = [_size_of(panel, side) for panel in shown]
    grids = [list(_grid(sizes, across, side * _GAP)) for across in range(1, len(shown) + 1)]
    places = min(grids, key=lambda grid: abs(math.log(_aspect(grid) / _ASPECT)))
    width, height = sides(union_all(places))
    finest = max(panel.width / size[0] for panel, size in zip(shown, sizes, strict=True))
    zoom = min(longest_side / max(width, height), finest)  # not all are made larger than they are
    sheet = pymupdf.open().new_page(width=width, height=height)
    for panel, place in zip(shown, places, strict=True):
        try:
            sheet.insert_image(pymupdf.Rect(place), stream=panel.image, keep_proportion=False)
        except DAMAGE as error:  # it was encoded here
            raise_if_out_of_memory(error)
    pixels = sheet.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace="rgb", alpha=False)
    first = shown[0]
    return Figure(
        label="",
        page=first.page,
        bbox=(0.0, 0.0, round(width, 2), round(height, 2)),
        caption="",
        kind=first.kind if len({panel.kind for panel in shown}) == 1 else "figure",
        width=pixels.width,
        height=pixels.height,
        text=" ".join(panel.text for panel in shown if panel.text),
        image=encode_pixmap(pixels),
        legend=" ".join(panel.legend for panel in shown if panel.legend),
    )


def _size_of(panel: Figure, side: float) -> tuple[float, float]:
    """Width and height that cover side x side points: pictures of one figure say as much, whatever their own resolution."""
    width, height = sides(panel.bbox)
    scale = side / math.sqrt(width * height)
    return width * scale, height * scale


def _aspect(places: list[Box]) -> float:
    width, height = sides(union_all(places))
    return width / height


def _grid(sizes: Sequence[tuple[float, float]], across: int, gap: float) -> Iterator[Box]:
    """The places of pictures in rows of `across`, each at the left and the top of its cell."""
    widths = [max(width for width, _ in sizes[column::across]) for column in range(across)]
    top = 0.0
    for start in range(0, len(sizes), across):
        row = sizes[start : start + across]
        for column, (width, height) in enumerate(row):
            left = sum(widths[:column]) + column * gap
            yield left, top, left + width, top + height
        top += max(height for _, height in row) + gap
