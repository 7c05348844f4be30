"""What speaks for a picture on a PDF page: image objects, vector drawings, the layout model's boxes."""

from __future__ import annotations

import hashlib
import importlib
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import pymupdf

from mmsum.documents.captions import Caption
from mmsum.documents.ink import ICON, Ink
from mmsum.documents.mupdf import DAMAGE
from mmsum.documents.page import area, intersect
from mmsum.records import Box

MIN_STROKES = 12
"""Drawings that are not plain rules or boxes before a page without images or captions is looked at with the model."""
MAX_DRAWINGS = 3000
"""Drawings on a page beyond which the layout model is left out: 16,000 took it 13 s, and it found nothing more."""
_TOP, _BOTTOM = 0.14, 0.9
"""Shares of the page's height: what repeats above and below is a running head or foot."""

_INLINE = re.compile(rb"(?<!\S)BI[\s/]")
"""Begins an image that stands in a page's content itself, as scanners and printers write them."""


@dataclass(slots=True)
class Evidence:
    """The pieces of pictures on one page, boxes as displayed, without what its neighbours repeat."""

    images: list[tuple[Box, int]] = field(default_factory=list)  # box, pixels of the source
    drawings: list[Ink] = field(default_factory=list)

    def ink(self) -> list[Ink]:
        images = [Ink(box, images=1) for box, _ in self.images if min(box[2] - box[0], box[3] - box[1]) >= ICON]
        return self.drawings + images

    def wants_model(self, captions: list[Caption]) -> bool:
        """Whether the layout model may see more than the objects do: vector drawings, tables.

        Its time grows with the square of the drawings.
        """
        if len(self.drawings) > MAX_DRAWINGS:
            return False
        strokes = sum(d.strokes for d in self.drawings)
        plain = sum(d.plain for d in self.drawings)
        named = any(not c.is_table for c in captions) and not self.images and strokes + plain > 2
        return strokes >= MIN_STROKES or named or any(c.is_table for c in captions)


class _Image(NamedTuple):
    """An image object: its box on the page as displayed, the pixels of its source, and a digest of that."""

    box: Box
    pixels: int
    content: bytes


class EvidenceWindow:
    """The evidence of each page in order, without logos, running heads and what else the pages beside it repeat."""

    def __init__(self, document: pymupdf.Document) -> None:
        self._document = document
        self._known: dict[int, tuple[list[_Image], list[Ink]]] = {}

    def of_page(self, index: int) -> Evidence:
        self._known.pop(index - 2, None)
        images, drawings = self._read(index)
        if not images and not drawings:
            return Evidence()
        near = [self._read(other) for other in (index - 1, index + 1)]
        rect = self._document[index].rect
        repeated = {_place(image) for others, _ in near for image in others}
        spots = {_spot(piece) for _, others in near for piece in others}
        return Evidence(
            [
                (image.box, image.pixels)
                for image in images
                if _place(image) not in repeated or area(image.box) > 0.1 * rect.width * rect.height
            ],
            [d for d in drawings if _spot(d) not in spots or not _in_margin(d.box, rect.height)],
        )

    def _read(self, index: int) -> tuple[list[_Image], list[Ink]]:
        if index not in self._known:
            self._known[index] = [], []
            if 0 <= index < self._document.page_count:
                try:
                    page = self._document[index]
                    drawings, shadows = _drawings(page)
                    images = [image for image in _images(page) if not _is_one_of(image.box, shadows)]
                    self._known[index] = images, drawings
                except DAMAGE:
                    pass  # read_pages meets the same damage and tells of it
        return self._known[index]


def _in_margin(box: Box, height: float) -> bool:
    return box[3] < _TOP * height or box[1] > _BOTTOM * height


def _place(image: _Image) -> tuple[object, ...]:
    """What repeats where a page shows the same image at the same place: many figures share place and size alone."""
    return (*(round(side) for side in image.box), image.pixels, image.content)


def _spot(piece: Ink) -> tuple[int, ...]:
    return (*(round(side) for side in piece.box), piece.strokes)


def _is_one_of(box: Box, boxes: list[Box]) -> bool:
    return any(all(abs(a - b) < 1.5 for a, b in zip(box, other, strict=True)) for other in boxes)


def _images(page: pymupdf.Page) -> list[_Image]:
    if not page.get_images() and not _INLINE.search(page.read_contents()):
        return []
    turn = page.rotation_matrix
    textpage = page.get_textpage(flags=pymupdf.TEXT_PRESERVE_IMAGES)
    blocks = [block for block in textpage.this if block.m_internal.type == pymupdf.mupdf.FZ_STEXT_BLOCK_IMAGE]
    found = []
    for info, block in zip(textpage.extractIMGINFO(), blocks, strict=True):
        box = tuple(pymupdf.Rect(info["bbox"]) * turn) if page.rotation else tuple(info["bbox"])
        found.append(_Image(box, info["width"] * info["height"], _content(block.i_image())))
    return found


def _content(image: Any) -> bytes:
    """A digest of an image as it is stored, and of its mask: the pixels that get_image_info hashes take five times as long.

    They would also be decoded, whatever their number.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for part in (image, image.mask()):
        stored = pymupdf.mupdf.fz_compressed_image_buffer(part) if part.m_internal else None
        if stored is not None and stored.m_internal:
            kept = pymupdf.mupdf.FzBuffer(pymupdf.mupdf.ll_fz_keep_buffer(stored.m_internal.buffer))
            digest.update(pymupdf.mupdf.fz_buffer_storage_memoryview(kept))
    return digest.digest()


def _drawings(page: pymupdf.Page) -> tuple[list[Ink], list[Box]]:
    """Vector drawings, cut to their clips, and the boxes of shadows. White fills are paper; rules and boxes are `plain`.

    A group that multiplies itself onto what is below it is a soft shadow: its box is far larger than what is seen.
    """
    rotation, turn = page.rotation, page.rotation_matrix
    clips: list[tuple[int, Box]] = []  # (nesting level, visible box)
    found, shadows = [], []
    for path in page.get_cdrawings(extended=True):
        level = path["level"]
        while clips and clips[-1][0] >= level:
            clips.pop()
        if path["type"] == "clip":
            seen = tuple(path["scissor"])
            clips.append((level, intersect(seen, clips[-1][1]) if clips else seen))
            continue
        if path["type"] == "group" and path["blendmode"] == "Multiply":
            shadows.append(tuple(pymupdf.Rect(path["rect"]) * turn) if rotation else tuple(path["rect"]))
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
    return found, shadows


def _is_plain(path: dict[str, Any], box: Box) -> bool:
    if min(box[2] - box[0], box[3] - box[1]) < 1.5:
        return max(box[2] - box[0], box[3] - box[1]) > 20  # a rule; short ones are ticks
    items = path["items"]
    return len(items) <= 2 and all(item[0] in ("re", "qu") for item in items)


def layout_boxes(page: pymupdf.Page) -> list[Ink]:
    """Pictures and tables that the layout model sees on a page."""
    load_layout()
    page.get_layout()
    found = []
    for x0, y0, x1, y1, word in page.layout_information or ():
        if word in ("picture", "table"):
            found.append(Ink((x0, y0, x1, y1), model=word))
    return found


@cache
def load_layout() -> None:
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
