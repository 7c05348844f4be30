"""DOCX, PPTX and ODT -> blocks, through python-docx, python-pptx and odfdo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docx
import docx.oxml.ns
import odfdo
import pptx
from docx.table import Table
from docx.text.paragraph import Paragraph
from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

from mmsum.config import Figures, Limits
from mmsum.documents.flow import Block, FlowInfo, picture
from mmsum.records import Box

_EMU = 12_700
"""English metric units in a point."""
_TITLES = frozenset({PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE})
_FURNITURE = frozenset({PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.HEADER})


def read_docx(path: str, limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """A Word document: paragraphs by their styles, tables as rows, inline pictures. Raises what python-docx raises."""
    document = docx.Document(path)
    properties = document.core_properties
    info = FlowInfo("docx", title=(properties.title or "").strip(), language=(properties.language or "")[:2].lower())
    return info, _docx_blocks(document, limits, settings)


def _docx_blocks(document: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            rows = [" | ".join(cell.text.strip() for cell in row.cells) for row in item.rows]
            yield Block("text", "\n".join(row for row in rows if row.strip(" |")))
        elif isinstance(item, Paragraph):
            yield from _docx_paragraph(item, limits, settings)


def _docx_paragraph(item: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    style = (item.style.name if item.style is not None else "").lower()
    words = item.text.strip()
    for drawing in item._p.iter(docx.oxml.ns.qn("a:blip"), "{urn:schemas-microsoft-com:vml}imagedata"):
        link = drawing.get(docx.oxml.ns.qn("r:embed")) or drawing.get(docx.oxml.ns.qn("r:id"))
        part = item.part.related_parts.get(link) if link else None  # a linked picture (r:link) is never fetched
        figure = picture(part.blob, limits, settings) if part is not None else None
        if figure is not None and (figure.width or words):
            yield Block("figure", "", figure=figure)
    if not words:
        return
    if style == "title":
        yield Block("title", words)
    elif style.startswith("heading"):
        yield Block("heading", words)
    else:
        yield Block("caption" if style == "caption" else "text", words)


def read_pptx(path: str, limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """A presentation: a slide is a page, its title a heading. Raises what python-pptx raises."""
    deck = pptx.Presentation(path)
    info = FlowInfo("pptx", pages=len(deck.slides), title=(deck.core_properties.title or "").strip())
    if info.title == "PowerPoint Presentation":
        info.title = ""
    return info, _pptx_blocks(deck, limits, settings)


def _pptx_blocks(deck: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for number, slide in enumerate(deck.slides, start=1):
        if number > limits.pages:
            return
        yield Block("page", page=number)
        title = slide.shapes.title
        if title is not None and title.text_frame.text.strip():
            yield Block("heading", " ".join(title.text_frame.text.split()), number)
        shapes = sorted(slide.shapes, key=lambda shape: (shape.top or 0, shape.left or 0))
        for shape in shapes:
            yield from _pptx_shape(shape, number, limits, settings)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
            yield Block("text", notes.text.strip(), number)


def _pptx_shape(shape: Any, number: int, limits: Limits, settings: Figures) -> Iterator[Block]:
    if shape.is_placeholder and shape.placeholder_format.type in _TITLES | _FURNITURE:
        return
    if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
        for member in shape.shapes:
            yield from _pptx_shape(member, number, limits, settings)
    elif hasattr(shape, "image"):
        try:
            data = shape.image.blob
        except (KeyError, ValueError, AttributeError):
            return  # an empty placeholder, or a linked picture: never fetched
        figure = picture(data, limits, settings, number, _pptx_box(shape))
        if figure is not None:
            words = shape._element._nvXxPr.cNvPr.get("descr") or ""
            yield Block("figure", words, number, figure)
    elif shape.has_text_frame:
        yield Block("text", "\n".join(p.text.strip() for p in shape.text_frame.paragraphs if p.text.strip()), number)
    elif getattr(shape, "has_table", False) and shape.has_table:
        rows = [" | ".join(cell.text.strip() for cell in row.cells) for row in shape.table.rows]
        yield Block("text", "\n".join(rows), number)
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        yield from _pptx_chart(shape, number)


def _pptx_chart(shape: Any, number: int) -> Iterator[Block]:
    """A native chart as words: it holds numbers, not a picture."""
    chart = shape.chart
    rows = [chart.chart_title.text_frame.text] if chart.has_title and chart.chart_title.has_text_frame else []
    for plot in chart.plots:
        names = [str(name) for name in plot.categories]
        for series in plot.series:
            pairs = ", ".join(f"{n} {v:g}" for n, v in zip(names, series.values, strict=False) if v is not None)
            rows.append(f"{series.name}: {pairs}")
    yield Block("text", "\n".join(rows), number)


def _pptx_box(shape: Any) -> Box:
    left, top, width, height = ((value or 0) / _EMU for value in (shape.left, shape.top, shape.width, shape.height))
    return (round(left, 2), round(top, 2), round(left + width, 2), round(top + height, 2))


def read_odt(path: str, limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """An OpenDocument text. Raises what odfdo raises."""
    document = odfdo.Document(path)
    return FlowInfo("odt", title=(document.meta.title or "").strip()), _odt_blocks(document, limits, settings)


def _odt_blocks(document: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for item in document.body.children:
        yield from _odt_item(document, item, limits, settings)


def _odt_item(document: Any, item: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    tag = item.tag
    if tag == "table:table":
        rows = [" | ".join(str(value or "") for value in row) for row in item.get_values()]
        yield Block("text", "\n".join(row for row in rows if row.strip(" |")))
        return
    if tag in ("text:section", "text:list", "text:list-item", "office:text"):
        for child in item.children:
            yield from _odt_item(document, child, limits, settings)
        return
    if tag not in ("text:p", "text:h"):
        return
    style = (item.get_attribute("text:style-name") or "").lower()
    for image in item.get_elements("descendant::draw:image"):
        link = image.get_attribute("xlink:href") or ""
        if link.startswith("Pictures/"):  # anything else stands outside the package: never fetched
            figure = picture(document.get_part(link), limits, settings)
            if figure is not None:
                yield Block("figure", _odt_frame_words(item), figure=figure)
    # The words inside a frame are its caption, not the paragraph's.
    words = " ".join("".join(_odt_texts(item)).split())
    if words:
        kind: Any = "text"
        if tag == "text:h":
            kind = "heading"
        elif style == "title":
            kind = "title"
        elif style in ("caption", "figure", "illustration", "drawing"):
            kind = "caption"
        yield Block(kind, words)


def _odt_texts(item: Any) -> Iterator[str]:
    yield item.text or ""
    for child in item.children:
        if child.tag in ("text:s", "text:tab", "text:line-break"):
            yield " "
        elif child.tag not in ("draw:frame", "text:note", "office:annotation", "text:tracked-changes"):
            yield from _odt_texts(child)
        yield child.tail or ""


def _odt_frame_words(item: Any) -> str:
    texts = [" ".join("".join(_odt_texts(p)).split()) for p in item.get_elements("descendant::draw:text-box/text:p")]
    return " ".join(text for text in texts if text)
