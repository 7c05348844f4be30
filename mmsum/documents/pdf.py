"""PDF -> pages: lines of text, captions, figures and their crops. Runs only inside the parsing child."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.captions import find_captions
from mmsum.documents.crops import colours_per_1000, encode_pixmap, render_region
from mmsum.documents.figures import Region, find_regions, region_kind
from mmsum.documents.ink import ICON, Ink
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory, reason
from mmsum.documents.page import Line, Page, area, grow, intersect, touches, union_all
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Box, Figure

_TEXT_FLAGS = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES & ~pymupdf.TEXT_PRESERVE_LIGATURES
MIN_STROKES = 12
"""Drawings that are not plain rules or boxes before a page without images or captions is looked at with the model."""


MAX_DRAWINGS = 3000
"""Drawings on a page beyond which the layout model is left out: 16,000 took it 13 s, and it found nothing more."""


@dataclass(slots=True)
class PdfInfo:
    """What is known of a PDF before its pages are read."""

    pages: int
    title: str  # of its metadata
    repaired: bool


def open_pdf(path: str) -> tuple[pymupdf.Document, PdfInfo]:
    """An opened PDF. Raises DocumentFailure: encrypted or corrupt."""
    try:
        document = pymupdf.open(path, filetype="pdf")
    except DAMAGE as error:
        raise _corrupt(error, path) from error
    if document.needs_pass:  # an empty user password has been tried by now
        raise DocumentFailure(
            FailureKind.ENCRYPTED, "the PDF needs a password to be opened; store a copy without one and run again"
        )
    try:
        pages = document.page_count
        title = (document.metadata or {}).get("title") or ""
    except DAMAGE as error:
        raise _corrupt(error, path) from error
    if pages == 0:
        raise DocumentFailure(FailureKind.CORRUPT, "the PDF has no pages that can be found; fetch the file again")
    return document, PdfInfo(pages, title.strip(), bool(document.is_repaired))


def read_pages(document: pymupdf.Document, limits: Limits, settings: Figures) -> Iterator[Page]:
    """The pages in order, at most limits.pages. A page that cannot be read comes with `error` set."""
    room = limits.figures
    images = _ImageWindow(document)
    for index in range(min(document.page_count, limits.pages)):
        try:
            page = _read_upright(document[index], images.of_page(index), limits, settings, room)
        except DAMAGE as error:
            raise_if_out_of_memory(error)
            page = Page(index + 1, 0.0, 0.0, error=reason(error))
        room -= len(page.figures)
        yield page


class _ImageWindow:
    """The image objects of each page, without logos: small ones that a page beside it shows at the same place."""

    def __init__(self, document: pymupdf.Document) -> None:
        self._document = document
        self._known: dict[int, list[tuple[Box, int]]] = {}

    def of_page(self, index: int) -> list[tuple[Box, int]]:
        """(box as displayed, pixels of the source) of each; pages are to be asked for in order."""
        here = self._read(index)
        if not here:
            return here
        near = {_place(item) for other in (index - 1, index + 1) for item in self._read(other)}
        self._known.pop(index - 1, None)
        rect = self._document[index].rect
        return [item for item in here if _place(item) not in near or area(item[0]) > 0.1 * rect.width * rect.height]

    def _read(self, index: int) -> list[tuple[Box, int]]:
        if index not in self._known:
            try:
                self._known[index] = _images(self._document[index]) if 0 <= index < self._document.page_count else []
            except DAMAGE:
                self._known[index] = []  # read_pages meets the same damage and tells of it
        return self._known[index]


def _place(item: tuple[Box, int]) -> tuple[int, ...]:
    return (*(round(side) for side in item[0]), item[1])


def _read_upright(
    page: pymupdf.Page, images: list[tuple[Box, int]], limits: Limits, settings: Figures, room: int
) -> Page:
    """The page; where most of its text is turned, as it reads when the page is turned upright, boxes as displayed."""
    lines, turned = read_lines(page)
    if not turned:
        return _read_page(page, lines, images, limits, settings, room)
    shown = pymupdf.Matrix(page.rotation_matrix)
    page.set_rotation((page.rotation - turned) % 360)
    back = ~page.rotation_matrix * shown
    images = [(tuple(pymupdf.Rect(box) * ~back), pixels) for box, pixels in images]
    read = _read_page(page, read_lines(page)[0], images, limits, settings, room)
    for figure in read.figures:
        figure.bbox = tuple(pymupdf.Rect(figure.bbox) * back)
    return read


def _read_page(
    page: pymupdf.Page,
    lines: list[Line],
    images: list[tuple[Box, int]],
    limits: Limits,
    settings: Figures,
    room: int,
) -> Page:
    width, height = page.rect.width, page.rect.height
    captions = find_captions(lines)
    drawings = _drawings(page)
    too_large = [box for box, pixels in images if pixels > limits.pixels]
    whole: Box = (0.0, 0.0, width, height)

    letters = sum(c.isalnum() for line in lines for c in line.text)
    scanned = letters < 20 and _covers([box for box, _ in images], whole)
    result = Page(page.number + 1, width, height, lines, scanned=scanned)
    ink = drawings + [Ink(box, images=1) for box, _ in images if min(box[2] - box[0], box[3] - box[1]) >= ICON]
    if scanned or room <= 0 or not ink:
        return result
    strokes = sum(d.strokes for d in drawings)
    # The model is needed for vector drawings and tables. It draws the page, so not beside an oversized image, and its
    # time grows with the square of the drawings.
    unsolved = strokes >= MIN_STROKES or any(c.is_table for c in captions)
    if unsolved and not too_large and len(drawings) <= MAX_DRAWINGS:
        ink += _layout(page)
    regions = find_regions(lines, ink, captions, width, height)[:room]
    result.figures = [_figure(page, region, settings, too_large) for region in regions]
    out = {id(line) for r in regions for line in [*r.lines, *(r.caption.lines if r.caption else [])]}
    result.lines = [line for line in lines if id(line) not in out]
    return result


def read_lines(page: pymupdf.Page) -> tuple[list[Line], int]:
    """The lines of a page in the order of the file, boxes as displayed; and how far most of them are turned.

    The turn is 0, 90, 180 or 270 degrees clockwise.
    """
    rotation, matrix = page.rotation, page.rotation_matrix
    plain = pymupdf.Matrix(matrix.a, matrix.b, matrix.c, matrix.d, 0, 0)
    lines = []
    turns: Counter[int] = Counter()
    for block in page.get_text("dict", flags=_TEXT_FLAGS)["blocks"]:
        for raw in block.get("lines", ()):
            spans = [span for span in raw["spans"] if span["text"]]
            text = "".join(span["text"] for span in spans).strip()
            if not text:
                continue
            main = max(spans, key=lambda span: len(span["text"]))
            bold = all(_bold(span) for span in spans if span["text"].strip())
            box, (x, y) = raw["bbox"], raw["dir"]
            if rotation:
                box = tuple(pymupdf.Rect(box) * matrix)
                x, y = pymupdf.Point(x, y) * plain
            turn = 0 if x > 0.7 else 180 if x < -0.7 else 90 if y > 0 else 270
            turns[turn] += len(text)
            lines.append(Line(text, box, main["size"], bold, block["number"], flat=turn == 0))
    most, chars = turns.most_common(1)[0] if turns else (0, 0)
    return lines, most if 3 * chars > 2 * turns.total() else 0


def _bold(span: dict[str, object]) -> bool:
    flags, font = span["flags"], str(span["font"]).lower()
    return bool(isinstance(flags, int) and flags & 16) or any(w in font for w in ("bold", "black", "heavy", "semibold"))


def _images(page: pymupdf.Page) -> list[tuple[Box, int]]:
    """Image objects: box on the page as displayed, and pixels of the source."""
    if not page.get_images():
        return []
    turn = page.rotation_matrix
    found = []
    for info in page.get_image_info():
        box = tuple(pymupdf.Rect(info["bbox"]) * turn) if page.rotation else tuple(info["bbox"])
        found.append((box, info["width"] * info["height"]))
    return found


def _drawings(page: pymupdf.Page) -> list[Ink]:
    """Vector drawings, cut to their clips. White fills are paper; straight rules and boxes are `plain`."""
    rotation, turn = page.rotation, page.rotation_matrix
    clips: list[tuple[int, Box]] = []  # (nesting level, visible box)
    found = []
    for path in page.get_cdrawings(extended=True):
        level = path["level"]
        while clips and clips[-1][0] >= level:
            clips.pop()
        if path["type"] == "clip":
            seen = tuple(path["scissor"])
            clips.append((level, intersect(seen, clips[-1][1]) if clips else seen))
            continue
        if path["type"] not in ("f", "s", "fs") or (path["type"] == "f" and min(path.get("fill") or (1.0,)) > 0.98):
            continue
        box = tuple(path["rect"])
        if clips:
            box = intersect(box, clips[-1][1])
            if box[2] < box[0] or box[3] < box[1]:
                continue
        if rotation:
            box = tuple(pymupdf.Rect(box) * turn)
        strokes = not _is_plain(path, box)
        found.append(Ink(box, strokes=int(strokes), plain=int(not strokes)))
    return found


def _is_plain(path: dict[str, object], box: Box) -> bool:
    if min(box[2] - box[0], box[3] - box[1]) < 1.5:
        return max(box[2] - box[0], box[3] - box[1]) > 20  # a rule; short ones are ticks
    items = path["items"]
    return isinstance(items, list) and all(item[0] in ("re", "qu") for item in items) and len(items) <= 2


def _layout(page: pymupdf.Page) -> list[Ink]:
    """Pictures and tables that the layout model sees on a page."""
    _load_layout()
    page.get_layout()
    found = []
    for x0, y0, x1, y1, word in page.layout_information or ():
        if word in ("picture", "table"):
            found.append(Ink((x0, y0, x1, y1), model=word))
    return found


@cache
def _load_layout() -> None:
    """Activate the layout model on one thread: a parsing task asks for one CPU, and threads eat address space."""
    onnxruntime: Any = importlib.import_module("onnxruntime")

    onnxruntime.set_default_logger_severity(4)  # it would write to stderr
    original = onnxruntime.SessionOptions

    def one_thread() -> object:
        options = original()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return options

    onnxruntime.SessionOptions = one_thread
    try:
        importlib.import_module("pymupdf.layout")
    finally:
        onnxruntime.SessionOptions = original


def _covers(boxes: list[Box], page: Box) -> bool:
    return bool(boxes) and area(union_all(boxes)) > 0.55 * area(page) and sum(map(area, boxes)) > 0.5 * area(page)


def _figure(page: pymupdf.Page, region: Region, settings: Figures, too_large: list[Box]) -> Figure:
    label, words = (region.caption.label, region.caption.text) if region.caption else ("", "")
    inner = " ".join(line.text for line in region.lines)
    if any(touches(box, region.box) for box in too_large):
        return Figure(label, page.number + 1, region.box, words, "figure", 0, 0, text=inner)
    box = grow(region.box, 2.0, 2.0)
    pixels = render_region(page, box, settings)
    return Figure(
        label,
        page.number + 1,
        region.box,
        words,
        region_kind(region, colours_per_1000(pixels)),
        pixels.width,
        pixels.height,
        text=inner,
        image=encode_pixmap(pixels),
    )


def _corrupt(error: Exception, path: str) -> DocumentFailure:
    raise_if_out_of_memory(error)
    why = reason(error, path)
    return DocumentFailure(FailureKind.CORRUPT, f"the PDF cannot be opened ({why}); fetch the file again")
