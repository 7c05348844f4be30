"""Documents without fixed pages: what their readers yield, and how it becomes sections and figures.

Readers of HTML, Markdown, EPUB, DOCX, ODT and PPTX yield Blocks in reading order. A figure of such a document has no
place on paper: unless its format knows one, its box is that of its picture in points, one figure below the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents.assemble import is_alike, is_sane, link_figures
from mmsum.documents.captions import PANEL_MARK, caption_label
from mmsum.documents.crops import open_picture, sheet_figure, source_size
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory
from mmsum.documents.panels import join_panels
from mmsum.errors import DocumentFailure
from mmsum.records import Box, Figure, Section

ICON_PIXELS = 32
"""A picture with a shorter side is an icon or a bullet."""

Cut = tuple[float, float, float, float]
"""Shares of a picture that are cut off, at its left, top, right and bottom."""
UNCUT: Cut = (0.0, 0.0, 0.0, 0.0)

_UNSEEN: dict[int, str | None] = {**dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff")), ord("\v"): " "}
"""Hyphens and spaces that nobody sees go; a slide's line ends with a \\v."""


@dataclass(slots=True)
class FlowInfo:
    """What is known of such a document before its blocks are read. `pages`: slides, chapters, or 1."""

    format: str
    pages: int = 1
    title: str = ""  # of its metadata
    language: str = ""
    longest_side: int = Figures().longest_side  # of a figure that is put together of several pictures, in pixels


@dataclass(slots=True)
class Block:
    """One piece of a document. `text` is words, or a figure's own caption or description.

    A table, with its caption if it has one, is text that no figure beside it takes as a caption. A panel is a picture that
    its document sets into the figure before it.
    """

    kind: Literal["title", "heading", "text", "table", "caption", "figure", "page"]
    text: str = ""
    page: int = 1
    figure: Figure | None = None
    panel: bool = False


def picture(
    data: bytes, limits: Limits, settings: Figures, page: int = 1, box: Box | None = None, cut: Cut = UNCUT
) -> Figure | None:
    """The figure of an embedded image file; None for an icon. Without pixels where it cannot be decoded or is too large.

    cut: what the document shows nothing of.
    """
    place = box or (0.0, 0.0, 0.0, 0.0)
    try:
        with open_picture(data, limits.pixels) as opened:
            sheet = opened[0]
            whole, shown = sheet.rect, _without(sheet.rect, cut)
            place = box or (0.0, 0.0, round(shown.width, 2), round(shown.height, 2))
            source = source_size(sheet, limits)
            width, height = source or (whole.width, whole.height)
            if min(width * shown.width / whole.width, height * shown.height / whole.height) < ICON_PIXELS:
                return None
            figure = sheet_figure(sheet, source, settings, shown)
    except (DocumentFailure, *DAMAGE) as error:  # too large, or damaged
        raise_if_out_of_memory(error)
        return Figure("", page, place, "", "figure", 0, 0)
    figure.page, figure.bbox = page, place
    return figure


def _without(sheet: pymupdf.Rect, cut: Cut) -> pymupdf.Rect:
    """What is left of a sheet; all of it where nothing would be. Below 0 there is a margin of nothing."""
    left, top, right, bottom = (max(0.0, share) for share in cut)
    if left + right >= 1 or top + bottom >= 1:
        return sheet
    across, down = sheet.width, sheet.height
    return pymupdf.Rect(
        sheet.x0 + left * across, sheet.y0 + top * down, sheet.x1 - right * across, sheet.y1 - bottom * down
    )


def table_blocks(grid: list[list[list[Block]]], page: int = 1) -> Iterator[Block]:
    """The rows of a table as text, then the pictures in its cells. `grid`: rows of cells of blocks.

    Pictures are often set in a table: the caption stands in the cell, in the one below or in the next. Where no words but
    marks of panels and one caption stand beside them, wherever, it comes last, as that of all of them.
    """
    blocks = [block for row in grid for cell in row for block in cell]
    words = [b for b in blocks if b.kind != "figure" and b.text and not PANEL_MARK.fullmatch(b.text)]
    pictures = sum(block.kind == "figure" and not block.text for block in blocks)
    if pictures and (not words or (len(words) == 1 and caption_label(words[0].text))):
        shown = [block for block in blocks if block not in words]
        if words and len(shown) == 1:
            shown[0].text, words = words[0].text, []
        yield from shown
        yield from words
        return
    for at, row in enumerate(grid):
        for column, cell in enumerate(row):
            bare = [block for block in cell if block.kind == "figure" and not block.text]
            others = [*(grid[at + 1][column : column + 1] if at + 1 < len(grid) else []), *row[column + 1 : column + 2]]
            free = [other for other in others if all(block.kind != "figure" for block in other)]
            captions = next(filter(None, map(_caption_blocks, [cell, *free])), []) if bare else []
            for figure, caption in zip(bare, captions, strict=False):
                figure.text, caption.text = caption.text, ""
    lines = [
        " | ".join(" ".join(b.text for b in cell if b.kind != "figure" and b.text) for cell in row) for row in grid
    ]
    yield Block("table", "\n".join(line for line in lines if line.strip(" |")), page)
    yield from (block for block in blocks if block.kind == "figure")


def _caption_blocks(cell: list[Block]) -> list[Block]:
    return [b for b in cell if b.text and (b.kind == "caption" or (b.kind == "text" and caption_label(b.text)))]


def assemble_flow(info: FlowInfo, blocks: Iterable[Block]) -> tuple[str, list[Section], list[Figure], int]:
    """Title, sections, figures with captions and mentions, and how many pages were begun."""
    listed = list(blocks)
    for block in listed:
        block.text = block.text.translate(_UNSEEN)
    title = _title(info, listed)
    sections: list[Section] = []
    parts: list[list[str]] = []
    figures: list[Figure] = []
    captions = _captions(listed, _units(listed, joins=info.format != "pptx"))  # a slide's pictures have their places
    below = 0.0
    for number, block in enumerate(listed):
        if number in captions.taken:
            continue
        if block.kind == "figure" and block.figure:
            panels = [found for at in captions.panels.get(number, ()) if (found := listed[at].figure)]
            figure = join_panels([block.figure, *panels], info.longest_side) if panels else block.figure
            words = captions.words.get(number, block.text)
            if not figure.width and not words:
                continue  # nothing of it can be seen or said
            if info.format != "pptx":
                x0, y0, x1, y1 = figure.bbox
                figure.bbox = (x0, round(y0 + below, 2), x1, round(y1 + below, 2))
                below = figure.bbox[3]
            figure.caption, figure.label = words, caption_label(words)
            figure.section = len(sections) - 1
            figures.append(figure)
        elif block.text and (block.kind == "heading" or (block.kind == "title" and not is_alike(block.text, title))):
            sections.append(Section(block.text, "", block.page))
            parts.append([])
        elif block.kind in ("text", "table") and block.text:
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


def _title(info: FlowInfo, blocks: list[Block]) -> str:
    """The metadata's where it is one; of Word and Writer, which keep that of a document's template, the one that it shows."""
    shown = next((block.text for block in blocks if block.kind == "title"), "")
    if shown and (info.format in ("docx", "odt") or not is_sane(info.title)):
        return shown
    return info.title


@dataclass(slots=True)
class _Captions:
    """`words` of figures by their index, `panels` of those that have several pictures, and which blocks went into either."""

    words: dict[int, str] = field(default_factory=dict)
    panels: dict[int, list[int]] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)


def _units(blocks: list[Block], joins: bool) -> list[list[int]]:
    """Indices of what stands one after the other: each paragraph alone, pictures that nothing parts together with what
    marks them as panels. A picture with a label of its own is alone with the panels of its figure.

    joins: whether pictures side by side may be one figure. One that is there three times is a logo, and alone.
    """
    copies = Counter(block.figure.image for block in blocks if block.figure and block.figure.image)
    units: list[list[int]] = []
    pictures: list[int] = []  # the last unit of pictures
    for index, block in enumerate(blocks):
        last = units[-1] if units else []
        before = blocks[last[0]] if last else None
        if block.figure and block.panel and pictures:
            pictures.append(index)
        elif block.figure:
            if joins and before and all(_is_bare(b, copies) for b in (before, block)) and before.page == block.page:
                last.append(index)
            else:
                units.append(pictures := [index])
        elif block.text and joins and before and _is_bare(before, copies) and PANEL_MARK.fullmatch(block.text):
            last.append(index)
        elif block.text:
            units.append([index])
    return units


def _is_bare(block: Block, copies: Counter[bytes]) -> bool:
    """Whether it is a picture without words of its own: one word may be a file's name, more are what it shows."""
    has_words = " " in block.text or caption_label(block.text)
    return block.figure is not None and not has_words and copies[block.figure.image] < 3


def _captions(blocks: list[Block], units: list[list[int]]) -> _Captions:
    """Which words and which further pictures each figure has.

    A paragraph beside a figure is its caption where its style or its first words ("Figure 3:") say so. Captions stand
    below their figures, unless more figures find one where those above come first.
    """
    found = max((_beside(blocks, units, step) for step in (1, -1)), key=lambda captions: len(captions.words))
    for first, *others in units:
        if others and blocks[others[0]].panel:
            found.words[first] = " ".join(filter(None, (blocks[index].text for index in (first, *others))))
            found.panels[first] = others
            found.taken.update(others)
    # A caption that no figure took stays in the text.
    for index, block in enumerate(blocks):
        if block.kind == "caption" and index not in found.taken:
            block.kind = "text"
    return found


def _beside(blocks: list[Block], units: list[list[int]], step: int) -> _Captions:
    """The captions of figures without one of their own; with step 1 the one below before the one above.

    Several pictures over one labelled caption are one figure, over as many captions each has its own.
    """
    found = _Captions()
    for at, unit in enumerate(units):
        pictures = [index for index in unit if blocks[index].figure]
        if not pictures or caption_label(blocks[unit[0]].text):
            continue
        for towards in (step, -step):
            near = _captions_from(blocks, units, at, towards, found.taken)
            if not near:
                continue
            if len(near) == len(pictures):
                found.words.update(
                    (index, blocks[caption].text) for index, caption in zip(pictures, sorted(near), strict=True)
                )
                found.taken.update(near)
            elif caption_label(blocks[near[0]].text):
                marks = [index for index in unit if not blocks[index].figure and " " in blocks[index].text]
                found.words[pictures[0]] = " ".join(blocks[index].text for index in (near[0], *marks))
                found.panels[pictures[0]] = pictures[1:]
                found.taken.update([near[0], *unit[1:]])
            else:
                found.words[pictures[-1 if towards == 1 else 0]] = blocks[near[0]].text
                found.taken.add(near[0])
            break
    return found


def _captions_from(blocks: list[Block], units: list[list[int]], at: int, step: int, taken: set[int]) -> list[int]:
    """The free captions that follow a unit, or with step -1 stand before it, the nearest first."""
    found: list[int] = []
    while 0 <= (at := at + step) < len(units):
        near = units[at][0]
        if near in taken or not _can_be_caption(blocks[near]):
            break
        found.append(near)
    return found


def _can_be_caption(block: Block) -> bool:
    return block.kind == "caption" or (block.kind == "text" and bool(caption_label(block.text)))
