"""PDF -> pages: lines of text, captions, figures and their crops. Runs only inside the parsing child."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf

from mmsum.config import Figures, Limits
from mmsum.documents import ocr
from mmsum.documents.captions import Caption, find_captions
from mmsum.documents.continued import is_cut, join_over_columns
from mmsum.documents.crops import encode_pixmap, is_photo, render_region, sheet_figure
from mmsum.documents.evidence import Evidence, EvidenceWindow, layout_boxes
from mmsum.documents.figures import Region, find_regions, region_kind
from mmsum.documents.ink import Ink, is_background, running_text
from mmsum.documents.line_numbers import without_line_numbers
from mmsum.documents.mupdf import DAMAGE, raise_if_out_of_memory, reason
from mmsum.documents.order import table_rows
from mmsum.documents.page import (
    REPEATS,
    Line,
    Page,
    PagesInfo,
    area,
    body_size,
    grow,
    inside,
    place,
    touches,
    union_all,
)
from mmsum.documents.spans import text_blocks
from mmsum.documents.vector_legends import legend_of
from mmsum.errors import DocumentFailure, FailureKind
from mmsum.records import Box, Figure

_LIGATURES = re.compile("[\ufb00-\ufdff\ufe70-\ufeff]+")
"""Ligatures and presentation forms. MuPDF would part them too, but turns Arabic ones round."""
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u2060\ufeff]+")
"""Control characters, which fonts without names for their glyphs leave, and spaces of no width."""
_FEW = 20
"""Letters on a page of text; fewer are a stamp, a number, a title."""
_TITLE = 0.04
"""Share of a slide's height: no title is set lower, nothing that is stamped on a scan as high."""
_NEAR = 36.0
"""Points around a figure in which a label that is not its own makes it doubtful."""


def open_pdf(path: str) -> tuple[pymupdf.Document, PagesInfo]:
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
    return document, PagesInfo("pdf", pages, title.strip())


def read_pages(document: pymupdf.Document, limits: Limits, settings: Figures) -> Iterator[Page]:
    """The pages in order, at most limits.pages. A page that cannot be read comes with `error` set."""
    room, scans = limits.figures, limits.ocr_pages
    places: Counter[tuple[object, ...]] = Counter()
    window = EvidenceWindow(document)
    cut = _cut_object(document)
    for index in range(min(document.page_count, limits.pages)):
        try:
            missing = _missing_content(document, index, cut)
            page = _read_upright(document[index], window.of_page(index), limits, settings, room)
            if missing and not (page.lines or page.figures):
                page.error = missing
            page.damage = missing
            if page.scanned and scans > 0 and ocr.is_available():
                scan = ocr.read_scan(document[index])
                page.lines, page.width, page.height = scan.lines, scan.width, scan.height
                page.scanned, page.read_by_ocr = False, True
                scans -= 1
                if _letters(scan.lines) < _FEW:
                    whole = sheet_figure(document[index], None, settings)
                    page.figures_cut = whole.kind == "photo" and room <= 0
                    page.figures = [whole] if whole.kind == "photo" and room > 0 else []
        except DAMAGE as error:
            raise_if_out_of_memory(error)
            page = Page(index + 1, 0.0, 0.0, error=reason(error))
        room -= _count(page, places)
        yield page


def _count(page: Page, places: Counter[tuple[object, ...]]) -> int:
    """By how many a page's figures are more than those before it, at these places: a banner of all pages uses up no limit.

    Copies beyond the first REPEATS, by which `assemble` knows it, are dropped.
    """
    more, kept = 0, []
    for figure in page.figures:
        copies = 1
        if not figure.label:
            places[place(figure)] += 1
            copies = places[place(figure)]
        if copies <= REPEATS:
            kept.append(figure)
            more += 1 if copies < REPEATS else 1 - REPEATS
    page.figures = kept
    return more


def _cut_object(document: pymupdf.Document) -> int:
    """The number of the object in the middle of which the file ends; 0 where there is none."""
    if not document.is_repaired:
        return 0
    data = Path(document.name).read_bytes()
    begun = list(re.finditer(rb"(\d+) \d+ obj\b", data[data.rfind(b"endobj") + 6 :]))
    return int(begun[0][1]) if begun else 0


def _missing_content(document: pymupdf.Document, index: int, cut: int) -> str:
    """What is wrong where a page's content or pictures are not in the file, as where it was cut short; "" where all are there.

    cut: the object that ends with the file.
    """
    kind, value = document.xref_get_key(document[index].xref, "Contents")
    if kind == "xref" and not _is_stream(document, number := int(value.split()[0])):
        value = document.xref_object(number) if number < document.xref_length() else ""
        if not value.startswith("["):  # an array that stands by itself
            return "its content is not in the file, which was cut short or damaged"
    elif kind not in ("xref", "array"):
        return ""
    parts = [int(number) for number in re.findall(r"(\d+) \d+ R", value)]
    if document.is_repaired:
        parts += [image[0] for image in document.get_page_images(index)]
    if all(number != cut and _is_stream(document, number) for number in parts):
        return ""
    return "a part of its content is not in the file, which was cut short or damaged"


def _is_stream(document: pymupdf.Document, xref: int) -> bool:
    return xref < document.xref_length() and bool(document.xref_is_stream(xref))


def _read_upright(page: pymupdf.Page, evidence: Evidence, limits: Limits, settings: Figures, room: int) -> Page:
    """The page; where most of its text is turned, as it reads when the page is turned upright, boxes as displayed."""
    lines, turned = read_lines(page)
    if not turned:
        return _read_page(page, without_line_numbers(lines), evidence, limits, settings, room)
    shown = pymupdf.Matrix(page.rotation_matrix)
    page.set_rotation((page.rotation - turned) % 360)
    back = ~page.rotation_matrix * shown
    turned_evidence = Evidence(
        [(tuple(pymupdf.Rect(box) * ~back), pixels) for box, pixels in evidence.images],
        [replace(piece, box=tuple(pymupdf.Rect(piece.box) * ~back)) for piece in evidence.drawings],
    )
    read = _read_page(page, without_line_numbers(read_lines(page)[0]), turned_evidence, limits, settings, room)
    for figure in read.figures:
        figure.bbox = tuple(pymupdf.Rect(figure.bbox) * back)
    return read


def _read_page(
    page: pymupdf.Page,
    lines: list[Line],
    evidence: Evidence,
    limits: Limits,
    settings: Figures,
    room: int,
) -> Page:
    width, height = page.rect.width, page.rect.height
    whole: Box = (0.0, 0.0, width, height)
    scanned = _is_scan([box for box, _ in evidence.images], lines, whole)
    result = Page(page.number + 1, width, height, lines, scanned=scanned)
    ink = evidence.ink()
    if scanned or not ink:
        return result
    captions = find_captions(lines)
    size = body_size(lines)
    join_over_columns(captions, lines, size, height)
    too_large = [box for box, pixels in evidence.images if pixels > limits.pixels]
    regions = find_regions(lines, ink, captions, width, height)
    # The model draws the page, oversized images and all; and it takes ten times as long as everything else here.
    may_draw = not too_large and room > 0
    if may_draw and evidence.wants_model(captions) and not _is_settled(regions, captions, lines, ink):
        regions = find_regions(lines, ink + layout_boxes(page), captions, width, height)
    result.figures_cut = len(regions) > room
    regions = regions[: max(0, room)]
    paths = page.get_cdrawings() if any(region.vectors for region in regions) else []
    result.figures = [_figure(page, region, settings, too_large, paths) for region in regions]
    out = {id(line) for r in regions for line in [*r.lines, *(r.caption.lines if r.caption else [])]}
    result.lines = [line for line in lines if id(line) not in out]
    for number, region in enumerate(regions):
        if region.caption and region.caption.is_table:  # its words are text, wherever else it is shown
            result.lines += table_rows(region.lines, -1 - number)
        if region.caption and is_cut(region.caption, lines, size, height):
            result.cut_caption = (result.figures[number], region.caption.lines)
    return result


def read_lines(page: pymupdf.Page) -> tuple[list[Line], int]:
    """The lines of a page in the order of the file, boxes as displayed; and how far most of them are turned.

    The turn is 0, 90, 180 or 270 degrees clockwise.
    """
    rotation, matrix = page.rotation, page.rotation_matrix
    plain = pymupdf.Matrix(matrix.a, matrix.b, matrix.c, matrix.d, 0, 0)
    lines = []
    turns: Counter[int] = Counter()
    for block in text_blocks(page):
        for raw in block.get("lines", ()):
            spans = [span for span in raw["spans"] if span["text"]]
            text = _without_unseen("".join(span["text"] for span in spans)).strip()
            if not text:
                continue
            if not text.isascii():
                text = _LIGATURES.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
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


def _is_settled(regions: list[Region], captions: list[Caption], lines: list[Line], ink: list[Ink]) -> bool:
    """Whether every figure found has its caption, every caption its figure, and neither labels nor ink are left about."""
    if not regions or len(regions) != len(captions) or not all(region.caption for region in regions):
        return False
    told = [line for r in regions for line in r.lines] + [line for c in captions for line in c.lines]
    known = {id(line) for line in told + running_text(lines)}
    left = [line.box for line in lines if id(line) not in known]
    left += [piece.box for piece in ink if all(inside(piece.box, grow(r.box, 2.0, 2.0)) < 0.9 for r in regions)]
    return not any(touches(box, grow(region.box, _NEAR, _NEAR)) for box in left for region in regions)


def _without_unseen(text: str) -> str:
    """The text without what nobody sees, nor the second of two spaces around it."""
    return _UNSEEN.sub("", re.sub(rf" {_UNSEEN.pattern} ", " ", text)) if _UNSEEN.search(text) else text


def _bold(span: dict[str, object]) -> bool:
    flags, font = span["flags"], str(span["font"]).lower()
    return bool(isinstance(flags, int) and flags & 16) or any(w in font for w in ("bold", "black", "heavy", "semibold"))


def _letters(lines: list[Line]) -> int:
    return sum(c.isalnum() for line in lines for c in line.text)


def _is_scan(boxes: list[Box], lines: list[Line], page: Box) -> bool:
    """Whether pictures in these boxes are most of a page with hardly any letters; not where a title stands beside them."""
    if not boxes or _letters(lines) >= _FEW:
        return False
    covered = union_all(boxes)
    titles = [
        line for line in lines if line.flat and line.height > _TITLE * page[3] and inside(line.box, covered) < 0.5
    ]
    if _letters(titles) > 2 and not is_background(covered, page):
        return False  # a slide
    return area(covered) > 0.55 * area(page) and sum(map(area, boxes)) > 0.5 * area(page)


def _figure(
    page: pymupdf.Page, region: Region, settings: Figures, too_large: list[Box], paths: list[dict[str, Any]]
) -> Figure:
    label, words = (region.caption.label, region.caption.text) if region.caption else ("", "")
    is_table = region.caption is not None and region.caption.is_table
    if is_table:
        inner = "\n".join(row.text for row in table_rows(region.lines, -1))
    else:
        inner = " ".join(line.text for line in region.lines)
    if any(touches(box, region.box) for box in too_large):
        kind = "table" if is_table else "figure"
        return Figure(label, page.number + 1, region.box, words, kind, 0, 0, text=inner)
    box = grow(region.box, 2.0, 2.0)
    pixels = render_region(page, box, settings)
    kind = region_kind(region, is_photo(pixels))
    is_drawn = region.vectors and region.lines and kind not in ("table", "photo") and not page.rotation
    return Figure(
        label,
        page.number + 1,
        region.box,
        words,
        kind,
        pixels.width,
        pixels.height,
        text=inner,
        legend=legend_of(page, region.box, paths) if is_drawn else "",
        image=encode_pixmap(pixels),
    )


def _corrupt(error: Exception, path: str) -> DocumentFailure:
    raise_if_out_of_memory(error)
    why = reason(error, path)
    return DocumentFailure(FailureKind.CORRUPT, f"the PDF cannot be opened ({why}); fetch the file again")
