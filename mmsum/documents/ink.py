"""Ink: the pieces of pictures on a page, joined where they belong together and freed of frames and backgrounds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

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
    sides,
    touches,
    union,
)
from mmsum.records import Box

ICON = 24.0
"""Points; an image with a shorter side is an icon."""
JOIN = 9.0
"""Points; ink closer than this is one figure unless text stands between."""
SHORT = 12
"""Characters; no longer is the label of an axis or a legend that is set larger than the body."""
SPECK = 12.0
"""Points; drawings smaller than this are joined by the cell of a grid, so that maps of 30,000 strokes stay cheap."""


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


def gutters(captions: list[Caption], body: list[Line], ink: list[Ink], page: Box) -> list[Box]:
    """Upright walls between captions that stand side by side: what is above one belongs to it, not to the other.

    A wall goes up from the captions to the next line of text, or caption, that crosses it, where it cuts the least ink.
    """
    walls = []
    for number, a in enumerate(captions):
        for b in captions[number + 1 :]:
            left, right = (a, b) if a.box[0] < b.box[0] else (b, a)
            start, end, bottom = left.box[2], right.box[0], min(a.box[1], b.box[1])
            if abs(a.box[1] - b.box[1]) > 6 or end - start < 4 or a.is_table or b.is_table:
                continue
            over = [c.box for c in captions] + [line.box for line in body]
            top = max((box[3] for box in over if box[0] < end and box[2] > start and box[3] < bottom), default=page[1])
            beside = [
                piece.box
                for piece in ink
                if not piece.model
                and overlap_x(piece.box, (start, top, end, bottom)) > 0
                and top < piece.box[3] < bottom
            ]
            # From the right: captions are ragged there, and start where their columns start.
            places = [end - 2.0 - step for step in range(int(end - start - 2))]
            x = min(places, key=lambda x: sum(box[0] < x < box[2] for box in beside))
            walls.append((x, top, x, bottom))
    return walls


def is_background(box: Box, page: Box) -> bool:
    """Whether it fills the page, as scans, slides' backgrounds and watermarks do."""
    return area(intersect(box, page)) > 0.8 * area(page)


def running_text(lines: list[Line]) -> list[Line]:
    """Lines of running text: headings, and those in blocks with long lines or a lot of text. Tick labels are not."""
    size = body_size(lines)
    chars: dict[int, int] = {}
    longest: dict[int, int] = {}
    for line in lines:
        if line.flat:
            chars[line.block] = chars.get(line.block, 0) + line.letters
            longest[line.block] = max(longest.get(line.block, 0), line.letters)

    starts = {round(line.box[0]) for line in lines if line.flat and longest[line.block] >= 42}

    def isrunning_text(line: Line) -> bool:
        if not line.flat or line.size < 0.8 * size:
            return False
        if line.size > 1.3 * size and len(line.text) > 3:
            # A heading, unless it is as short as a label and stands where no column starts.
            return len(line.text) > SHORT or not starts.isdisjoint(
                range(round(line.box[0]) - 2, round(line.box[0]) + 3)
            )
        return longest[line.block] >= 42 or (chars[line.block] >= 120 and longest[line.block] >= 25)

    return [line for line in lines if isrunning_text(line)]


def real_ink(ink: list[Ink], page: Box) -> list[Ink]:
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


def split_frames(ink: list[Ink], lines: list[Line], body: list[Line]) -> tuple[list[Ink], list[Ink]]:
    """The ink, and apart from it the frames: rules and boxes around words, as tables, listings and call-outs have."""
    plain = [piece for piece in ink if piece.plain and not piece.images and not piece.strokes]
    pictures = [piece for piece in ink if piece.model == "picture"]
    frames = []
    for frame in clusters(plain, []):
        words = [line for line in lines if line.flat and inside(line.box, frame.box) > 0.8]
        if len(words) <= 2 or sum(c.isalpha() for line in words for c in line.text) <= 60:
            continue
        # The boxes of a diagram hold words too, but the model sees a picture there and no paragraph stands in it.
        seen = any(inside(frame.box, picture.box) > 0.5 for picture in pictures)
        if not seen or covered(frame.box, body) > 0.2:
            frames.append(Ink(frame.box, plain=frame.plain, model="frame"))
    framed = {id(piece) for piece in plain if any(inside(piece.box, frame.box) == 1 for frame in frames)}
    return [piece for piece in ink if id(piece) not in framed], frames


def is_behind_text(piece: Ink, body: list[Line], captions: list[Caption]) -> bool:
    """Whether paragraphs or a caption stand on it: a shaded column, an image that is cut off, a model's error."""
    if piece.model == "table":
        return False
    if any(inside(caption.box, piece.box) > 0.6 for caption in captions):
        return True
    on_it = [line for line in body if inside(line.box, piece.box) > 0.5]
    return len(on_it) >= 3 and (not piece.model or covered(piece.box, body) > 0.15)


def clusters(pieces: list[Ink], walls: list[Box]) -> list[Ink]:
    """Pieces joined where they touch or nearly touch, but never across a line of running text or a caption."""
    joined = _Strips(pieces)
    pending = sorted((Ink(p.box, p.images, p.strokes, p.plain, p.model) for p in pieces), key=lambda p: -area(p.box))
    while pending:
        piece = pending.pop()
        for number, other in joined.near(piece):
            if _joins(piece, other, walls):
                joined.remove(number)
                other.join(piece)
                pending.append(other)  # grown: may touch others now
                break
        else:
            joined.add(piece)
    return joined.all()


class _Strips:
    """Pieces in the order in which they came, known by the strips across the page in which they stand.

    Without strips each would be held against all others: 4,000 pieces apart took five seconds. The few tall ones are.
    """

    def __init__(self, pieces: list[Ink]) -> None:
        self._top = min((piece.box[1] for piece in pieces), default=0.0)
        bottom = max((piece.box[3] for piece in pieces), default=0.0)
        self._height = max(JOIN, (bottom - self._top) / 64)
        self._pieces: dict[int, Ink] = {}
        self._strips: dict[int, dict[int, Ink]] = defaultdict(dict)
        self._tall: dict[int, Ink] = {}
        self._numbers = count()

    def add(self, piece: Ink) -> None:
        number = next(self._numbers)
        self._pieces[number] = piece
        for group in self._groups(piece.box):
            group[number] = piece

    def remove(self, number: int) -> None:
        for group in self._groups(self._pieces.pop(number).box):
            del group[number]

    def near(self, piece: Ink) -> list[tuple[int, Ink]]:
        """Those that stand within JOIN of a piece, each with its number, by which `remove` knows it."""
        reach = grow(piece.box, JOIN, JOIN)
        groups = [self._tall, *(self._strips[strip] for strip in self._across(reach))]
        found = {n: other for group in groups for n, other in group.items() if touches(reach, other.box)}
        return sorted(found.items(), key=lambda item: item[0])

    def all(self) -> list[Ink]:
        return list(self._pieces.values())

    def _across(self, box: Box) -> range:
        return range(int((box[1] - self._top) // self._height), int((box[3] - self._top) // self._height) + 1)

    def _groups(self, box: Box) -> list[dict[int, Ink]]:
        across = self._across(box)
        return [self._tall] if len(across) > 4 else [self._strips[strip] for strip in across]


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
    if touches(grow(a.box, 1.0, 1.0), b.box):  # the rules of a frame do not always meet at its corners
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


def is_text_box(piece: Ink, body: list[Line]) -> bool:
    """Whether it is a frame, a table's rules, an underline or a shaded box around running text."""
    if piece.images or piece.model == "picture" or (piece.model == "table" and min(sides(piece.box)) >= 24):
        return False  # a table is a figure only where a caption says so
    if covered(piece.box, body) > 0.3:
        return True
    return piece.model != "table" and min(sides(piece.box)) < 6


def covered(box: Box, lines: list[Line]) -> float:
    """The share of a box under these lines."""
    return sum(area(intersect(line.box, box)) for line in lines) / area(box) if area(box) else 0.0
