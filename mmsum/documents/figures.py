"""Where the figures of a page are: image objects, vector drawings and the layout model's pictures, tied to captions.

All boxes are in points from the top left of the page as displayed. Nothing here calls PyMuPDF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mmsum.documents.captions import Caption
from mmsum.documents.ink import (
    SHORT,
    Ink,
    clusters,
    covered,
    gutters,
    is_background,
    is_behind_text,
    is_text_box,
    real_ink,
    running_text,
    split_frames,
)
from mmsum.documents.page import (
    Line,
    area,
    body_size,
    grow,
    inside,
    intersect,
    overlap_x,
    overlap_y,
    touches,
    union,
    union_all,
)
from mmsum.records import Box

MIN_SIDE = 40.0
"""Points; a figure without a caption has no shorter side."""
REACH = 34.0
"""Points; how far a caption reaches for the next piece of its figure."""

_ASIDE = 30.0
"""Points by which a figure above its caption may be farther off than one below it."""


@dataclass(slots=True)
class Region:
    """One figure of a page: all its ink and the text inside it, without its caption."""

    box: Box
    caption: Caption | None = None
    lines: list[Line] = field(default_factory=list)
    images: int = 0
    vectors: int = 0


def find_regions(
    lines: list[Line], ink: list[Ink], captions: list[Caption], width: float, height: float
) -> list[Region]:
    """The figures of one page in reading order. `ink` holds images, drawings and layout boxes as they were found."""
    page: Box = (0.0, 0.0, width, height)
    captioned = {id(line) for caption in captions for line in caption.lines}
    free = [line for line in lines if id(line) not in captioned]
    body = running_text(free)
    between = gutters(captions, body, ink, page)
    walls = [line.box for line in body] + [caption.box for caption in captions] + between
    running = {id(line) for line in body}
    loose = [line for line in free if id(line) not in running]
    bare, frames = split_frames(real_ink(ink, page), free, body)
    bare = [piece for piece in bare if not is_behind_text(piece, body, captions)]
    # The model's box may hold two figures; each then keeps what else was found of it.
    bare = [piece for piece in bare if not (piece.model == "picture" and any(touches(w, piece.box) for w in between))]
    pieces = [piece for piece in clusters(bare, walls) if not is_text_box(piece, body)]
    for piece in pieces:
        _absorb(piece, loose, body)
    pieces = clusters(pieces, walls)
    # A frame around text is a figure only where a caption says so: listings, tables, boxes.
    pieces += [frame for frame in frames if not any(inside(piece.box, frame.box) > 0.5 for piece in pieces)]

    regions, left = _assign(pieces, captions, [line.box for line in body], between)
    left = [piece for piece in left if not (is_background(piece.box, page) and len(body) > 2)]
    regions += [_region(piece) for piece in left if _stands_alone(piece, page)]
    for region in regions:
        region.box = intersect(region.box, page)
        inner = [line for line in free if inside(line.box, region.box) > 0.6]
        # Long labels of a captioned figure are its own; where running text fills the box, the body keeps it.
        own = region.caption is not None and (region.caption.is_table or covered(region.box, body) < 0.2)
        region.lines = inner if own else [line for line in inner if id(line) not in running]
    regions = [r for r in _without_nested(regions) if r.box[2] - r.box[0] > 8 and r.box[3] - r.box[1] > 8]
    return sorted(regions, key=lambda r: (round(r.box[1] / 20), r.box[0]))


def _absorb(piece: Ink, loose: list[Line], body: list[Line]) -> None:
    """Take in the labels around the ink: short lines close to it that are not running text."""
    if piece.images and not piece.strokes and not piece.plain:
        return  # a bitmap holds its own labels
    size = body_size(body or loose)
    for _ in range(3):
        before = piece.box
        for line in loose:
            large = line.size > (1.15 if line.flat and len(line.text) > SHORT else 1.7) * size
            if large or len(line.text) > 60:
                continue
            if touches(grow(piece.box, 10.0, 7.0), line.box) and not any(touches(b.box, line.box) for b in body):
                piece.box = union(piece.box, line.box)
        if piece.box == before:
            return


def _assign(
    pieces: list[Ink], captions: list[Caption], body: list[Box], gutters: list[Box]
) -> tuple[list[Region], list[Ink]]:
    """Each caption with its pieces, nearest first; and the pieces that no caption took."""
    walls = body + gutters
    columns = [_column(caption.box, body) for caption in captions]
    chosen = _nearest(pieces, captions, columns, walls)
    taken = {index: number for number, index in chosen.items()}
    members_of = {number: [pieces[index]] for number, index in chosen.items()}
    regions: list[Region] = []
    # Panels: what is near a captioned piece, on the same side of its caption, and in nobody else's reach.
    for number, members in members_of.items():
        caption = captions[number]
        other = [c.box for c in captions if c is not caption]
        grown = True
        while grown:
            grown = False
            box = union_all(m.box for m in members)
            for index, piece in enumerate(pieces):
                if index in taken:
                    continue
                # In the caption's column, and in reach of no other: a panel however far to the side.
                alone = [n for n, c in enumerate(captions) if _distance(piece, c, columns[n]) < 1000] in ([], [number])
                reach = columns[number][2] - columns[number][0] if alone else REACH
                if not _is_panel(piece, box, caption, columns[number], reach, walls + other):
                    continue
                members.append(piece)
                taken[index] = number
                grown = True
                break
    for number, members in members_of.items():
        whole = Ink(members[0].box)
        for member in members:
            whole.join(member)
        region = _region(whole)
        region.caption = captions[number]
        regions.append(region)
    left = [piece for index, piece in enumerate(pieces) if index not in taken]
    return regions, left


def _nearest(pieces: list[Ink], captions: list[Caption], columns: list[Box], walls: list[Box]) -> dict[int, int]:
    """Which piece each caption starts from, by their numbers: the nearest that is free.

    Captions stand below their figures, unless more of them find one where all are read as standing above.
    """
    costs = {
        (number, index): (_distance(piece, caption, columns[number]), piece.box[1] > caption.box[1])
        for number, caption in enumerate(captions)
        for index, piece in enumerate(pieces)
    }
    best: dict[int, int] = {}
    for captions_above in (False, True):
        chosen: dict[int, int] = {}
        taken: set[int] = set()

        def cost(pair: tuple[int, int], captions_above: bool = captions_above) -> float:
            distance, below = costs[pair]
            if not captions_above or captions[pair[0]].is_table:
                return distance
            return distance - _ASIDE if below else distance + _ASIDE

        for number, index in sorted(costs, key=cost):
            if costs[number, index][0] >= 1000 or index in taken or number in chosen:
                continue
            other = [c.box for c in captions if c is not captions[number]]
            if not _blocked(pieces[index].box, captions[number].box, walls + other):
                chosen[number] = index
                taken.add(index)
        if len(chosen) > len(best):
            best = chosen
    return best


def _column(caption: Box, body: list[Box]) -> Box:
    """The caption, as wide as the text below which it starts: a short one stands at the left of a centred figure."""
    over = [box for box in body if abs(box[0] - caption[0]) < 20]
    return (
        min([caption[0], *(box[0] for box in over)]),
        caption[1],
        max([caption[2], *(b[2] for b in over)]),
        caption[3],
    )


def _distance(piece: Ink, caption: Caption, column: Box) -> float:
    """How well a piece fits a caption, in points; 1000 and more: not at all. Figures stand above, tables below."""
    across = overlap_x(piece.box, caption.box)
    narrow = min(piece.box[2] - piece.box[0], caption.box[2] - caption.box[0])
    off_centre = 0.0
    beside = overlap_y(piece.box, caption.box) > 0
    if across < 0.3 * narrow and not beside and column[0] - 5 <= piece.box[0] and piece.box[2] <= column[2] + 5:
        across, off_centre = narrow, 20.0
    if area(piece.box) < 400 or (piece.model == "table" and not caption.is_table):
        penalty = 200.0
    else:
        penalty = 15.0 if piece.model == "frame" else 0.0
    penalty += off_centre
    if across < 0.3 * narrow:
        down = overlap_y(piece.box, caption.box)
        if down > 0.5 * (caption.box[3] - caption.box[1]) and -across < 30:
            return penalty + 40 - across
        return 1000.0
    above = caption.box[1] - piece.box[3]
    below = piece.box[1] - caption.box[3]
    gap = above if above >= below else below
    if gap > 90:
        return 1000.0 + gap
    wrong_side = (below > above) != caption.is_table
    aside = 6.0 if caption.is_table else _ASIDE  # many styles set table captions below
    return penalty + max(gap, 0.0) + (aside if wrong_side else 0.0)


def _blocked(a: Box, b: Box, walls: list[Box]) -> bool:
    """Whether a line of text stands between two boxes, one above the other."""
    x0, x1 = max(a[0], b[0]), min(a[2], b[2])
    y0, y1 = min(a[3], b[3]), max(a[1], b[1])
    if x1 <= x0 or y1 <= y0:
        return False
    between = (x0, y0 + 1, x1, y1 - 1)
    return any(touches(wall, between) and inside(wall, a) < 0.5 and inside(wall, b) < 0.5 for wall in walls)


def _is_panel(piece: Ink, box: Box, caption: Caption, column: Box, reach: float, walls: list[Box]) -> bool:
    """Whether a piece belongs to the figure in `box`: near it, or beside it and within `reach` points in its column."""
    if piece.model == "frame":
        return False
    low = min(piece.box[3] - piece.box[1], box[3] - box[1])
    far = overlap_y(piece.box, box) > 0.6 * low and column[0] - 5 <= piece.box[0] and piece.box[2] <= column[2] + 5
    same_side = (piece.box[1] + piece.box[3] < 2 * caption.box[1]) == (box[1] + box[3] < 2 * caption.box[1])
    if not same_side or not touches(grow(box, reach if far else REACH, REACH), piece.box):
        return False
    if overlap_x(piece.box, grow(caption.box, 20, 0)) <= 0 and overlap_y(piece.box, box) <= 0:
        return False
    merged = union(piece.box, box)
    return not any(
        inside(wall, merged) > 0.3 and inside(wall, box) < 0.3 and inside(wall, piece.box) < 0.3 for wall in walls
    )


def _stands_alone(piece: Ink, page: Box) -> bool:
    """Whether ink without a caption is a figure, not a logo, an ornament or a rule."""
    width, height = piece.box[2] - piece.box[0], piece.box[3] - piece.box[1]
    if min(width, height) < MIN_SIDE or max(width, height) > 12 * min(width, height):
        return False
    if piece.model in ("table", "frame") and not piece.images:
        return False
    in_margin = piece.box[3] < 0.14 * page[3] or piece.box[1] > 0.9 * page[3]
    if in_margin and area(piece.box) < 0.05 * area(page):
        return False
    at_edge = piece.box[1] < 0.05 * page[3] or piece.box[3] > 0.95 * page[3]
    if at_edge and width > 0.85 * page[2] and height < 0.16 * page[3]:
        return False  # a letterhead
    if area(piece.box) < 0.012 * area(page):
        return False
    return bool(piece.images) or piece.model == "picture" or piece.strokes >= 6


def _region(piece: Ink) -> Region:
    return Region(piece.box, images=piece.images, vectors=piece.strokes + piece.plain)


def _without_nested(regions: list[Region]) -> list[Region]:
    """Drop what lies inside another figure; the one with a caption stays."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: (r.caption is None, -area(r.box))):
        if not any(inside(region.box, other.box) > 0.7 for other in kept):
            kept.append(region)
    return kept


_NUMERIC = re.compile(r"^[-\u2212+]?[\d.,]+\s?(?:%|e[-+]?\d+)?$", re.IGNORECASE)


def region_kind(region: Region, photo: bool) -> str:
    """photo, chart, diagram, table or figure. `photo`: whether its crop has the colours of one."""
    if region.caption and region.caption.is_table:
        return "table"
    ticks = sum(bool(_NUMERIC.match(line.text.strip())) for line in region.lines)
    if ticks >= 4:
        return "chart"
    if region.vectors >= 4 and not region.images:
        return "diagram" if region.lines else "figure"
    return "photo" if photo else "figure"
