"""Where the figures of a page are: image objects, vector drawings and the layout model's pictures, tied to captions.

All boxes are in points from the top left of the page as displayed. Nothing here calls PyMuPDF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mmsum.documents.captions import Caption
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

ICON = 24.0
"""Points; an image with a shorter side is an icon."""
MIN_SIDE = 40.0
"""Points; a figure without a caption has no shorter side."""
JOIN = 9.0
"""Points; ink closer than this is one figure unless text stands between."""
SPECK = 12.0
"""Points; drawings smaller than this are joined by the cell of a grid, so that maps of 30,000 strokes stay cheap."""
REACH = 34.0
"""Points; how far a caption reaches for the next piece of its figure."""


@dataclass(slots=True)
class Ink:
    """A piece of picture: an image object, a vector drawing, a cluster of these, or a box of the layout model."""

    box: Box
    images: int = 0
    strokes: int = 0  # drawings that are neither rules nor plain boxes
    plain: int = 0  # rules and boxes: what tables, frames and call-outs are made of
    model: str = ""  # picture or table: the layout model's word; frame: rules around text

    def join(self, other: Ink) -> None:
        self.box = union(self.box, other.box)
        self.images += other.images
        self.strokes += other.strokes
        self.plain += other.plain
        self.model = self.model or other.model


@dataclass(slots=True)
class Region:
    """One figure of a page: all its ink and the text inside it, without its caption."""

    box: Box
    caption: Caption | None = None
    lines: list[Line] = field(default_factory=list)
    images: int = 0
    vectors: int = 0


def find_regions(lines: list[Line], ink: list[Ink], captions: list[Caption], width: float, height: float) -> list[Region]:
    """The figures of one page in reading order. `ink` holds images, drawings and layout boxes as they were found."""
    page: Box = (0.0, 0.0, width, height)
    captioned = {id(line) for caption in captions for line in caption.lines}
    free = [line for line in lines if id(line) not in captioned]
    body = _body(free)
    walls = [line.box for line in body] + [caption.box for caption in captions]
    running = {id(line) for line in body}
    loose = [line for line in free if id(line) not in running]
    bare, frames = _split_frames(_real_ink(ink, page), free)
    bare = [piece for piece in bare if not _is_behind_text(piece, body, captions)]
    pieces = [piece for piece in _clusters(bare, walls) if not _is_text_box(piece, body)]
    for piece in pieces:
        _absorb(piece, loose, body)
    pieces = _clusters(pieces, walls)
    # A frame around text is a figure only where a caption says so: listings, tables, boxes.
    pieces += [frame for frame in frames if not any(inside(piece.box, frame.box) > 0.5 for piece in pieces)]

    regions, left = _assign(pieces, captions, body)
    regions += [_region(piece) for piece in left if _stands_alone(piece, page)]
    for region in regions:
        region.box = intersect(region.box, page)
        inner = [line for line in free if inside(line.box, region.box) > 0.6]
        # Long labels of a captioned figure are its own; a box with a good deal of running text in it stays in the body too.
        own = region.caption is not None and _covered(region.box, body) < 0.2
        region.lines = inner if own else [line for line in inner if id(line) not in running]
    regions = [r for r in _without_nested(regions) if r.box[2] - r.box[0] > 8 and r.box[3] - r.box[1] > 8]
    return sorted(regions, key=lambda r: (round(r.box[1] / 20), r.box[0]))


def is_background(box: Box, page: Box) -> bool:
    """Whether it fills the page, as scans, slides' backgrounds and watermarks do."""
    return area(intersect(box, page)) > 0.8 * area(page)


def _body(lines: list[Line]) -> list[Line]:
    """Lines of running text: those in blocks that have long lines or a lot of text, and headings. Tick labels are not."""
    size = body_size(lines)
    chars: dict[int, int] = {}
    longest: dict[int, int] = {}
    for line in lines:
        if line.flat:
            chars[line.block] = chars.get(line.block, 0) + len(line.text)
            longest[line.block] = max(longest.get(line.block, 0), len(line.text))

    def is_body(line: Line) -> bool:
        if not line.flat or line.size < 0.8 * size:
            return False
        if line.size > 1.3 * size and len(line.text) > 3:
            return True
        return longest[line.block] >= 42 or (chars[line.block] >= 120 and longest[line.block] >= 25)

    return [line for line in lines if is_body(line)]


def _real_ink(ink: list[Ink], page: Box) -> list[Ink]:
    """Ink without backgrounds and page-long rules, clipped to the page, specks joined where they are many."""
    kept: list[Ink] = []
    cells: dict[tuple[int, int], Ink] = {}
    for piece in ink:
        box = intersect(piece.box, page)
        width, height = box[2] - box[0], box[3] - box[1]
        if width < 0 or height < 0 or is_background(box, page):
            continue
        if min(width, height) < 3 and (width > 0.7 * page[2] or height > 0.7 * page[3]):
            continue
        piece = Ink(box, piece.images, piece.strokes, piece.plain, piece.model)
        if max(width, height) > SPECK or piece.model:
            kept.append(piece)
            continue
        cell = (int((box[0] + box[2]) / 2 / SPECK), int((box[1] + box[3]) / 2 / SPECK))
        if cell in cells:
            cells[cell].join(piece)
        else:
            cells[cell] = piece
    return kept + list(cells.values())


def _split_frames(ink: list[Ink], lines: list[Line]) -> tuple[list[Ink], list[Ink]]:
    """The ink, and apart from it the frames: rules and boxes around words, as tables, listings and call-outs have."""
    plain = [piece for piece in ink if piece.plain and not piece.images and not piece.strokes]
    frames = []
    for frame in _clusters(plain, []):
        words = [line for line in lines if line.flat and inside(line.box, frame.box) > 0.8]
        if len(words) > 2 and sum(c.isalpha() for line in words for c in line.text) > 60:
            frames.append(Ink(frame.box, plain=frame.plain, model="frame"))
    framed = {id(piece) for piece in plain if any(inside(piece.box, frame.box) == 1 for frame in frames)}
    return [piece for piece in ink if id(piece) not in framed], frames


def _is_behind_text(piece: Ink, body: list[Line], captions: list[Caption]) -> bool:
    """Whether paragraphs or a caption stand on it: a shaded column, an image cut to its visible part, a model's error."""
    if piece.model == "table":
        return False
    on_it = sum(inside(line.box, piece.box) > 0.7 for line in body)
    return on_it >= 3 or any(inside(caption.box, piece.box) > 0.7 for caption in captions)


def _clusters(pieces: list[Ink], walls: list[Box]) -> list[Ink]:
    """Pieces joined where they touch or nearly touch, but never across a line of running text or a caption."""
    clusters: list[Ink] = []
    pending = sorted((Ink(p.box, p.images, p.strokes, p.plain, p.model) for p in pieces), key=lambda p: -area(p.box))
    while pending:
        piece = pending.pop()
        for index, other in enumerate(clusters):
            if _joins(piece, other, walls):
                other.join(piece)
                pending.append(clusters.pop(index))  # grown: may touch others now
                break
        else:
            clusters.append(piece)
    return clusters


def _joins(a: Ink, b: Ink, walls: list[Box]) -> bool:
    if not touches(grow(a.box, JOIN, JOIN), b.box):
        return False
    common = area(intersect(a.box, b.box))
    if common > 0.3 * min(area(a.box), area(b.box)) or (common and not walls):
        return True
    merged = union(a.box, b.box)
    for wall in walls:
        if inside(wall, merged) > 0.5 and inside(wall, a.box) < 0.5 and inside(wall, b.box) < 0.5:
            return False
    if touches(a.box, b.box):
        return True
    across = overlap_x(a.box, b.box)
    down = overlap_y(a.box, b.box)
    if across > 0:
        between = (max(a.box[0], b.box[0]), min(a.box[3], b.box[3]), min(a.box[2], b.box[2]), max(a.box[1], b.box[1]))
    elif down > 0:
        between = (min(a.box[2], b.box[2]), max(a.box[1], b.box[1]), max(a.box[0], b.box[0]), min(a.box[3], b.box[3]))
    else:
        return False
    return not any(touches(wall, between) for wall in walls)


def _is_text_box(piece: Ink, body: list[Line]) -> bool:
    """Whether it is a frame, a table's rules, an underline or a shaded box around running text."""
    if piece.images or piece.model == "picture":
        return False
    if _covered(piece.box, body) > 0.3:
        return True
    height = piece.box[3] - piece.box[1]
    width = piece.box[2] - piece.box[0]
    return piece.model != "table" and min(height, width) < 6


def _covered(box: Box, lines: list[Line]) -> float:
    """The share of a box under these lines."""
    return sum(area(intersect(line.box, box)) for line in lines) / area(box) if area(box) else 0.0


def _absorb(piece: Ink, loose: list[Line], body: list[Line]) -> None:
    """Take in the labels around the ink: short lines close to it that are not running text."""
    if piece.images and not piece.strokes and not piece.plain:
        return  # a bitmap holds its own labels
    size = body_size(body or loose)
    for _ in range(3):
        before = piece.box
        for line in loose:
            if line.size > 1.15 * size or len(line.text) > 60:
                continue
            if touches(grow(piece.box, 10.0, 7.0), line.box) and not any(touches(b.box, line.box) for b in body):
                piece.box = union(piece.box, line.box)
        if piece.box == before:
            return


def _assign(pieces: list[Ink], captions: list[Caption], body: list[Line]) -> tuple[list[Region], list[Ink]]:
    """Each caption with its pieces, nearest first; and the pieces that no caption took."""
    walls = [line.box for line in body]
    left = list(pieces)
    regions: list[Region] = []
    chosen: dict[int, list[Ink]] = {}
    pairs = sorted(
        (
            (_distance(piece, caption), number, index)
            for number, caption in enumerate(captions)
            for index, piece in enumerate(pieces)
        ),
        key=lambda pair: pair[0],
    )
    taken: dict[int, int] = {}
    for distance, number, index in pairs:
        if distance >= 1000 or index in taken or number in chosen:
            continue
        other = [c.box for c in captions if c is not captions[number]]
        if _blocked(pieces[index].box, captions[number].box, walls + other):
            continue
        chosen[number] = [pieces[index]]
        taken[index] = number
    # Panels: what is near a captioned piece, on the same side of its caption, and in nobody else's reach.
    for number, members in chosen.items():
        caption = captions[number]
        other = [c.box for c in captions if c is not caption]
        grown = True
        while grown:
            grown = False
            box = union_all(m.box for m in members)
            for index, piece in enumerate(pieces):
                if index in taken or not _is_panel(piece, box, caption, walls + other):
                    continue
                members.append(piece)
                taken[index] = number
                grown = True
                break
    for number, members in chosen.items():
        whole = Ink(members[0].box)
        for member in members:
            whole.join(member)
        region = _region(whole)
        region.caption = captions[number]
        regions.append(region)
    left = [piece for index, piece in enumerate(pieces) if index not in taken]
    return regions, left


def _distance(piece: Ink, caption: Caption) -> float:
    """How well a piece fits a caption, in points; 1000 and more: not at all. Figures stand above, tables below."""
    across = overlap_x(piece.box, caption.box)
    narrow = min(piece.box[2] - piece.box[0], caption.box[2] - caption.box[0])
    if area(piece.box) < 400 or (piece.model == "table" and not caption.is_table):
        penalty = 200.0
    else:
        penalty = 15.0 if piece.model == "frame" else 0.0
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
    aside = 6.0 if caption.is_table else 30.0  # many styles set table captions below
    return penalty + max(gap, 0.0) + (aside if wrong_side else 0.0)


def _blocked(a: Box, b: Box, walls: list[Box]) -> bool:
    """Whether a line of text stands between two boxes, one above the other."""
    x0, x1 = max(a[0], b[0]), min(a[2], b[2])
    y0, y1 = min(a[3], b[3]), max(a[1], b[1])
    if x1 <= x0 or y1 <= y0:
        return False
    between = (x0, y0 + 1, x1, y1 - 1)
    return any(touches(wall, between) and inside(wall, a) < 0.5 and inside(wall, b) < 0.5 for wall in walls)


def _is_panel(piece: Ink, box: Box, caption: Caption, walls: list[Box]) -> bool:
    if piece.model == "frame":
        return False
    same_side = (piece.box[1] + piece.box[3] < 2 * caption.box[1]) == (box[1] + box[3] < 2 * caption.box[1])
    if not same_side or not touches(grow(box, REACH, REACH), piece.box):
        return False
    if overlap_x(piece.box, grow(caption.box, 20, 0)) <= 0 and overlap_y(piece.box, box) <= 0:
        return False
    merged = union(piece.box, box)
    return not any(inside(wall, merged) > 0.3 and inside(wall, box) < 0.3 and inside(wall, piece.box) < 0.3 for wall in walls)


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


def region_kind(region: Region, colours: int) -> str:
    """photo, chart, diagram, table or figure. `colours`: distinct colours of its crop per 1000 pixels."""
    if region.caption and region.caption.is_table:
        return "table"
    ticks = sum(bool(_NUMERIC.match(line.text.strip())) for line in region.lines)
    if ticks >= 4:
        return "chart"
    if region.vectors >= 4 and not region.images:
        return "diagram" if region.lines else "figure"
    return "photo" if colours > 250 else "figure"
