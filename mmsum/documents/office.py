"""DOCX and ODT -> blocks, through python-docx and odfdo. PPTX, which has pages, is read in slides.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

import odfdo
from docx.opc.part import PartFactory
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart
from docx.text.paragraph import Paragraph

from mmsum.config import Figures, Limits
from mmsum.documents.captions import caption_label
from mmsum.documents.flow import UNCUT, Block, Cut, FlowInfo, picture, table_blocks
from mmsum.documents.slides import EITHER, read_pptx

__all__ = ["read_docx", "read_odt", "read_pptx"]

_WORDS = frozenset(qn(f"w:{name}") for name in ("t", "tab", "ptab", "br", "cr", "noBreakHyphen"))
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
"""Letters of a formula: as those of other formats they are read one after the other."""
_PICTURES = frozenset({qn("a:blip"), "{urn:schemas-microsoft-com:vml}imagedata"})
_BOX = qn("w:txbxContent")
_WRAPPERS = frozenset(qn(f"w:{name}") for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo"))
_UNSEEN = frozenset(qn(f"w:{name}") for name in ("del", "moveFrom", "pPr", "rPr", "sdtPr", "rt"))
"""Tracked deletions, settings (a paragraph's tab stops look like its tabs), and small print over East Asian words."""
for _kind in (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
):
    PartFactory.part_type_for[_kind] = DocumentPart  # python-docx knows .docx alone
_DELETED = f"{qn('w:trPr')}/{qn('w:del')}"
"""In a row whose deletion is tracked."""
_ODT_NESTS = ("office:text", "text:section", "text:list", "text:list-header", "text:list-item")
_ODT_ROWS = ("table:table-header-rows", "table:table-rows", "table:table-row-group")
_ODT_CELLS = ("table:table-cell", "table:covered-table-cell")
_ODT_ASIDE = ("draw:frame", "text:note", "office:annotation", "text:tracked-changes")


def read_docx(path: str | IO[bytes], limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """A Word document, template or not, with macros (never run) or without: paragraphs by their styles, tables as rows,
    inline pictures. Raises what python-docx raises."""
    part = Package.open(path).main_document_part
    if not isinstance(part, DocumentPart):
        raise ValueError("its main part is no Word document")
    document = part.document
    properties = document.core_properties
    info = FlowInfo("docx", title=(properties.title or "").strip(), language=(properties.language or "")[:2].lower())
    return info, _docx_blocks(document, document.element.body, limits, settings)


def _docx_blocks(document: Any, parent: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    """The paragraphs and tables of the body, of a cell or of a text box."""
    for item in _inside(parent):
        if item.tag == qn("w:tbl"):
            rows = [row for row in _inside(item) if row.tag == qn("w:tr") and row.find(_DELETED) is None]
            cells = [[cell for cell in _inside(row) if cell.tag == qn("w:tc")] for row in rows]
            yield from table_blocks(
                [[[*_docx_blocks(document, cell, limits, settings)] for cell in row] for row in cells]
            )
        elif item.tag == qn("w:p"):
            yield from _docx_paragraph(document, item, limits, settings)


def _inside(parent: Any) -> Iterator[Any]:
    """The children of an element, and what content controls and tracked insertions among them hold."""
    for child in parent:
        if child.tag not in _WRAPPERS:
            yield child
        elif not _is_filler(child):
            yield from _inside(child)


def _is_filler(element: Any) -> bool:
    """Whether it is a content control that asks for its words ("Click to enter text"), or a table of contents."""
    gallery = element.find(f"{qn('w:sdtPr')}/{qn('w:docPartObj')}/{qn('w:docPartGallery')}")
    asks = element.find(f"{qn('w:sdtPr')}/{qn('w:showingPlcHdr')}") is not None
    return asks or (gallery is not None and gallery.get(qn("w:val")) == "Table of Contents")


def _docx_paragraph(document: Any, item: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    paragraph = Paragraph(item, document)
    style = (paragraph.style.name or "" if paragraph.style is not None else "").lower()
    pieces = list(_pieces(item))
    words = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
    said = ""
    for piece in pieces:
        if isinstance(piece, str):
            said += piece
            continue
        if piece.tag == _BOX:
            yield from _docx_blocks(document, piece, limits, settings)
            continue
        link = piece.get(qn("r:embed")) or piece.get(qn("r:id"))
        part = document.part.related_parts.get(link) if link else None  # a linked picture (r:link) is never fetched
        figure = picture(part.blob, limits, settings, cut=_cut(piece)) if part is not None else None
        # Among words one that cannot be decoded is a formula, as MathType sets them; alone or over its caption, a figure.
        if figure is not None and (figure.width or not words or (caption_label(words) and not said.strip())):
            yield Block("figure", "", figure=figure)
    if not words:
        return
    if style == "title":
        yield Block("title", words)
    elif style.startswith("heading"):
        yield Block("heading", words)
    else:
        yield Block("caption" if style == "caption" else "text", words)


def _cut(blip: Any) -> Cut:
    """What is cut off a picture; of old VML ones, which say it in other units, nothing."""
    cut = blip.getparent().find(qn("a:srcRect"))
    if cut is None:
        return UNCUT
    left, top, right, bottom = (_share(cut.get(side, "0")) for side in "ltrb")
    return left, top, right, bottom


def _share(written: str) -> float:
    """0.25 for 25000, and for the 25% of the strict kind of file; 0 for what is no number."""
    with suppress(ValueError):
        return float(written[:-1]) / 100 if written.endswith("%") else float(written) / 100_000
    return 0.0


def _pieces(element: Any) -> Iterator[Any]:
    """What a paragraph shows, in order: its words as str, its pictures and text boxes as elements."""
    for child in element:
        if child.tag in _WORDS:
            yield str(child)
        elif child.tag == _MATH:
            yield child.text or ""
        elif child.tag in _PICTURES or child.tag == _BOX:
            yield child
        elif child.tag == EITHER:  # one thing, written for new programs and again for old ones
            yield from next(filter(None, (list(_pieces(way)) for way in child)), ())
        elif (
            child.tag not in _UNSEEN and not (child.tag == qn("w:sdt") and _is_filler(child)) and not _is_hidden(child)
        ):
            yield from _pieces(child)


def _is_hidden(run: Any) -> bool:
    """Whether a run is set as hidden text, which Word neither shows nor prints."""
    mark = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}")
    return mark is not None and mark.get(qn("w:val")) not in ("0", "false", "off")


def read_odt(path: str, limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """An OpenDocument text. Raises what odfdo raises."""
    document = odfdo.Document(path)
    blocks = _odt_blocks(document, document.body, limits, settings)
    title = document.meta.title if "meta.xml" in document.parts else ""  # it may be left out
    return FlowInfo("odt", title=(title or "").strip()), blocks


def _odt_blocks(document: Any, parent: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for item in parent.children:
        if item.tag == "table:table":
            # A cell that another one covers has its place, and may still hold words that nobody sees.
            rows = [[cell for cell in row.children if cell.tag in _ODT_CELLS] for row in _odt_rows(item)]
            yield from table_blocks([[[*_odt_cell(document, cell, limits, settings)] for cell in row] for row in rows])
        elif item.tag in _ODT_NESTS:
            yield from _odt_blocks(document, item, limits, settings)
        elif item.tag == "draw:frame":
            yield from _odt_frame(document, item, limits, settings)
        elif item.tag in ("text:p", "text:h"):
            yield from _odt_paragraph(document, item, limits, settings)


def _odt_cell(document: Any, cell: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    if cell.tag == "table:table-cell":
        yield from _odt_blocks(document, cell, limits, settings)


def _odt_rows(table: Any) -> Iterator[Any]:
    for child in table.children:
        if child.tag == "table:table-row":
            yield child
        elif child.tag in _ODT_ROWS:
            yield from _odt_rows(child)


def _odt_paragraph(document: Any, item: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for frame in _odt_frames(item):
        yield from _odt_frame(document, frame, limits, settings)
    style = (item.get_attribute("text:style-name") or "").lower()
    words = " ".join("".join(_odt_texts(item)).split())
    if words:
        kind: Any = "text"
        if item.tag == "text:h":
            kind = "heading"
        elif style == "title":
            kind = "title"
        elif style in ("caption", "figure", "illustration", "drawing"):
            kind = "caption"
        yield Block(kind, words)


def _odt_frames(item: Any) -> Iterator[Any]:
    for child in item.children:
        if child.tag == "draw:frame":
            yield child
        elif child.tag not in _ODT_ASIDE:
            yield from _odt_frames(child)


def _odt_frame(document: Any, frame: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    """A picture, the words in its box being its caption; a box without one, or with several, as it reads."""
    links = [i.get_attribute("xlink:href") or "" for i in frame.children if i.tag == "draw:image"]
    names = [link.removeprefix("./") for link in links]  # Pictures/ or media/, as the program has it
    held = [name for name in names if name in document.parts and not name.endswith(".xml")]  # others are never fetched
    ways = [figure for link in held if (figure := picture(document.get_part(link), limits, settings)) is not None]
    shown = max(
        ways, key=lambda figure: figure.width > 0, default=None
    )  # one picture in several formats: the first read
    blocks = [Block("figure", figure=shown)] if shown is not None else []
    for child in frame.children:
        if child.tag == "draw:text-box":
            blocks += _odt_blocks(document, child, limits, settings)
    figures = [block for block in blocks if block.kind == "figure"]
    if len(figures) == 1 and not figures[0].text:
        figures[0].text = " ".join(block.text for block in blocks if block.text)
        blocks = figures
    yield from blocks


def _odt_texts(item: Any) -> Iterator[str]:
    """The words of a paragraph, without those in its frames, notes and comments."""
    yield item.text or ""
    for child in item.children:
        if child.tag in ("text:s", "text:tab", "text:line-break"):
            yield " "
        elif child.tag not in _ODT_ASIDE:
            yield from _odt_texts(child)
        yield child.tail or ""
