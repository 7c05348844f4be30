"""Documents without fixed pages: what their readers yield, and how it becomes sections and figures.

Readers of HTML, Markdown, EPUB, DOCX, ODT and PPTX yield Blocks in reading order. A figure of such a document has no
place on paper: unless its format knows one, its box is that of its picture in points, one figure below the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.assemble import link_figures
from mmsum.documents.captions import caption_label
from mmsum.documents.crops import encode_pixmap, is_photo, open_picture
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory
from mmsum.records import Box, Figure, Section

ICON_PIXELS = 32
"""A picture with a shorter side is an icon or a bullet."""

Cut = tuple[float, float, float, float]
"""Shares of a picture that are cut off, at its left, top, right and bottom."""
UNCUT: Cut = (0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class FlowInfo:
    """What is known of such a document before its blocks are read. `pages`: slides, chapters, or 1."""

    format: str
    pages: int = 1
    title: str = ""  # of its metadata
    language: str = ""


@dataclass(slots=True)
class Block:
    """One piece of a document. `text` is words, or a figure's own caption or description.

    A table, with its caption if it has one, is text that no figure beside it takes as a caption.
    """

    kind: Literal["title", "heading", "text", "table", "caption", "figure", "page"]
    text: str = ""
    page: int = 1
    figure: Figure | None = None


def picture(
    data: bytes, limits: Limits, settings: Figures, page: int = 1, box: Box | None = None, cut: Cut = UNCUT
) -> Figure | None:
    """The figure of an embedded image file; None for an icon. Without pixels where it cannot be decoded or is too large.

    cut: what the document shows nothing of.
    """
    try:
        with open_picture(data, limits.pixels) as opened:
            sheet = opened[0]
            sizes = [(i["width"], i["height"]) for i in sheet.get_image_info()] or [
                (sheet.rect.width, sheet.rect.height)  # SVG
            ]
            width, height = max(sizes)
            whole = sheet.rect
            shown = _without(whole, cut)
            if min(width * shown.width / whole.width, height * shown.height / whole.height) < ICON_PIXELS:
                return None
            place = box or (0.0, 0.0, round(shown.width, 2), round(shown.height, 2))
            if width * height > limits.pixels:
                return Figure("", page, place, "", "figure", 0, 0)
            finest = max(width, height) / max(whole.width, whole.height)  # never larger than its source
            zoom = min(settings.longest_side / max(shown.width, shown.height), finest)
            pixels = sheet.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=shown, colorspace="rgb", alpha=False)
    except DAMAGE as error:
        raise_if_out_of_memory(error)
        return Figure("", page, box or (0.0, 0.0, 0.0, 0.0), "", "figure", 0, 0)
    kind = "photo" if is_photo(pixels) else "figure"
    return Figure("", page, place, "", kind, pixels.width, pixels.height, image=encode_pixmap(pixels))


def _without(sheet: pymupdf.Rect, cut: Cut) -> pymupdf.Rect:
    """What is left of a sheet; all of it where nothing would be. Below 0 there is a margin of nothing."""
    left, top, right, bottom = (max(0.0, share) for share in cut)
    if left + right >= 1 or top + bottom >= 1:
        return sheet
    across, down = sheet.width, sheet.height
    return pymupdf.Rect(
        sheet.x0 + left * across, sheet.y0 + top * down, sheet.x1 - right * across, sheet.y1 - bottom * down
    )


def assemble_flow(info: FlowInfo, blocks: Iterable[Block]) -> tuple[str, list[Section], list[Figure], int]:
    """Title, sections, figures with captions and mentions, and how many pages were begun."""
    listed = list(blocks)
    title = info.title or next((block.text for block in listed if block.kind == "title"), "")
    sections: list[Section] = []
    parts: list[list[str]] = []
    figures: list[Figure] = []
    captions = _captions(listed)
    below = 0.0
    for number, block in enumerate(listed):
        if block.kind == "figure" and block.figure:
            figure, words = block.figure, captions.get(number, block.text)
            if info.format != "pptx":
                x0, y0, x1, y1 = figure.bbox
                figure.bbox = (x0, round(y0 + below, 2), x1, round(y1 + below, 2))
                below = figure.bbox[3]
            figure.caption, figure.label = words, caption_label(words)
            figure.section = len(sections) - 1
            figures.append(figure)
        elif block.kind == "heading" and block.text:
            sections.append(Section(block.text, "", block.page))
            parts.append([])
        elif block.kind in ("text", "table") and block.text and -number not in captions:
            if not sections:
                sections.append(Section("", "", block.page))
                parts.append([])
            parts[-1].append(block.text)
    if not title and sections and sections[0].heading:
        title = sections[0].heading
    for section, part in zip(sections, parts, strict=True):
        section.text = "\n\n".join(part)
    link_figures(figures, sections)
    return title, sections, figures, max((block.page for block in listed), default=0)


def _captions(blocks: list[Block]) -> dict[int, str]:
    """Caption of each figure by its index. Paragraphs taken as one are there too, under their index made negative.

    A paragraph beside a figure is its caption where its style or its first words ("Figure 3:") say so. Captions stand
    below their figures, unless more figures find one where those above come first.
    """
    captions = {i: block.text for i, block in enumerate(blocks) if block.kind == "figure" and caption_label(block.text)}
    solid = [i for i, block in enumerate(blocks) if block.kind == "figure" or block.text]
    taken = max((_beside(blocks, solid, captions, step) for step in (1, -1)), key=len)  # the first where equal
    used = set(taken.values())
    for index, near in taken.items():
        captions[index] = blocks[near].text
        captions[-near] = ""
    # A caption that no figure took stays in the text.
    for index, block in enumerate(blocks):
        if block.kind == "caption" and index not in used:
            block.kind = "text"
    return captions


def _beside(blocks: list[Block], solid: list[int], own: dict[int, str], step: int) -> dict[int, int]:
    """Which paragraph each figure without a caption of its own takes; with step 1 the one below before the one above."""
    taken: dict[int, int] = {}
    used: set[int] = set()
    for at, index in enumerate(solid):
        if blocks[index].kind != "figure" or index in own:
            continue
        for place in (at + step, at - step):
            near = solid[place] if 0 <= place < len(solid) else index
            if near not in used and _can_be_caption(blocks[near]):
                taken[index] = near
                used.add(near)
                break
    return taken


def _can_be_caption(block: Block) -> bool:
    return block.kind == "caption" or (block.kind == "text" and bool(caption_label(block.text)))
