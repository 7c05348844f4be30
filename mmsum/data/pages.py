"""Typeset a ReportSpec: text flows down columns, figures float to where they fit, each with its caption beneath.

Two passes. The first (flow.py) places the text and reserves the figures' boxes; the second draws charts, running
heads and page numbers into the finished pages. The same spec gives the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from typing import Any

import pymupdf

from mmsum.data.charts import draw_chart
from mmsum.data.flow import Layout, lay_out
from mmsum.data.spec import PlacedFigure, ReportSpec
from mmsum.records import Box

_SCALES = (
    (1.0, 1.0),
    (1.05, 1.0),
    (0.96, 1.0),
    (1.0, 0.88),
    (1.05, 0.88),
    (0.96, 0.88),
    (1.1, 1.0),
    (0.92, 0.8),
    (1.18, 1.0),
)
"""(type, figures): sizes tried, relative to the spec's. The pages that come out best are kept."""


def render_report(spec: ReportSpec) -> tuple[bytes, list[PlacedFigure]]:
    """The PDF of a report, 2 to 4 pages, and where its figures stand. Same spec, same bytes."""
    layout = _best_layout(spec)
    document = pymupdf.open(stream=layout.pdf, filetype="pdf")
    for page in document:
        page.wrap_contents()  # DocumentWriter leaves its flipped coordinates in force at the end of the page
    placed = []
    for slot in layout.slots:
        page = document[slot.page - 1]
        box = pymupdf.Rect(slot.box)
        look, title = slot.figure.look, slot.figure.title
        image = draw_chart(slot.figure.chart, look, box.width, title)
        if look.vector:
            with pymupdf.open(stream=image, filetype="pdf") as chart:
                page.show_pdf_page(box, chart, 0)
        else:
            page.insert_image(box, stream=image)
        placed.append(PlacedFigure(slot.figure.label, slot.page, _ink(page, slot.box), slot.caption_box))
    _furnish(document, spec, layout)
    document.subset_fonts()
    author = spec.byline.partition(",")[0].partition(" · ")[0].partition(" | ")[0]
    document.set_metadata({"title": spec.title, "author": author})
    return save(document, repr(astuple(spec))), placed


def save(document: Any, key: str) -> bytes:
    """The document's bytes without dates, with an id worked out from `key`."""
    digest = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    document.xref_set_key(-1, "ID", f"[<{digest}><{digest}>]")
    data: bytes = document.tobytes(garbage=4, deflate=True, no_new_id=True, reproducible=True)
    return data


def _best_layout(spec: ReportSpec) -> Layout:
    """The first tidy layout, or the least untidy."""
    tried = []
    for scales in _SCALES:
        tried.append(lay_out(spec, *scales))
        if _untidiness(tried[-1]) == 0:
            return tried[-1]
    return min(tried, key=_untidiness)


def _untidiness(layout: Layout) -> float:
    """0 is best: 2 to 4 pages, the last not nearly empty, the columns before it full, no figure at the very end."""
    outside = max(0, 2 - layout.pages, layout.pages - 4)
    return 10 * outside + 2 * max(0.0, 0.4 - layout.last_fill) + max(0.0, layout.gaps - 0.15) + 0.3 * layout.late


def _ink(page: Any, box: Box) -> Box:
    """The part of the box that is not white, in points (to half a point): a chart's canvas has margins of its own."""
    zoom = 2
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), clip=pymupdf.Rect(box), colorspace=pymupdf.csGRAY)
    rows = [pixmap.samples[i : i + pixmap.width] for i in range(0, pixmap.stride * pixmap.height, pixmap.stride)]
    dark = [y for y, row in enumerate(rows) if min(row) < 245]
    left = min(next(x for x, value in enumerate(rows[y]) if value < 245) for y in dark)
    right = max(pixmap.width - next(x for x, value in enumerate(reversed(rows[y])) if value < 245) for y in dark)
    x, y = pixmap.x, pixmap.y
    return ((x + left) / zoom, (y + dark[0]) / zoom, (x + right) / zoom, (y + dark[-1] + 1) / zoom)


def _furnish(document: Any, spec: ReportSpec, layout: Layout) -> None:
    """The rule under the title, running heads and page numbers."""
    look, font = spec.look, pymupdf.Font("helv")
    accent = tuple(int(look.accent[i : i + 2], 16) / 255 for i in (1, 3, 5))
    left, right = look.margin, document[0].rect.width - look.margin
    document[0].draw_line((left, layout.rule), (right, layout.rule), color=accent, width=0.8)
    for number, page in enumerate(document, start=1):
        bottom = page.rect.height - look.margin * 0.5
        writer = pymupdf.TextWriter(page.rect, color=(0.35, 0.35, 0.35))
        if look.running_head and number > 1:
            y = look.margin * 0.68
            writer.append((left, y), spec.title, font=font, fontsize=8)
            page.draw_line((left, y + 5), (right, y + 5), color=(0.6, 0.6, 0.6), width=0.4)
        text = {
            "number": str(number),
            "page_of": f"Page {number} of {layout.pages}",
            "titled": f"{spec.topic.capitalize()} | {number}",
            "": "",
        }[look.footer]
        if text:
            width = font.text_length(text, 8)
            x = right - width if look.footer == "titled" else (left + right - width) / 2
            writer.append((x, bottom), text, font=font, fontsize=8)
        writer.write_text(page)
