"""PPTX -> blocks, through python-pptx: a slide is a page, its title a heading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn
from pptx.package import Package
from pptx.parts.presentation import PresentationPart
from pptx.shapes.group import GroupShape
from pptx.shapes.picture import Picture

from mmsum.config import Figures, Limits
from mmsum.documents.flow import Block, Cut, FlowInfo, picture
from mmsum.records import Box

_EMU = 12_700
"""English metric units in a point."""
_SLACK = 10 * _EMU
"""How far tops may differ in a row: less than a line of text."""
_TITLES = frozenset({PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE, PP_PLACEHOLDER.VERTICAL_TITLE})
_FURNITURE = frozenset({PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.HEADER})
_FILE_NAME = re.compile(r"^[\w .()-]+\.(?:png|jpe?g|gif|bmp|tiff?|webp|svg|emf|wmf)$", re.IGNORECASE)
"""A description that programs write by themselves."""
EITHER = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
"""What Office writes for new programs and again for old ones."""
_ODD = (PythonPptxError, NotImplementedError, ValueError, LookupError, AttributeError, TypeError)
"""What python-pptx answers to a shape that it does not know."""


def read_pptx(path: str | IO[bytes], limits: Limits, settings: Figures) -> tuple[FlowInfo, Iterator[Block]]:
    """A presentation, also one that begins by itself (.ppsx). Raises what python-pptx raises."""
    part = Package.open(path).main_document_part
    if not isinstance(part, PresentationPart):
        raise ValueError("its main part is no presentation")
    deck = part.presentation
    info = FlowInfo("pptx", pages=len(deck.slides), title=(deck.core_properties.title or "").strip())
    if info.title == "PowerPoint Presentation":
        info.title = ""
    return info, _slides(deck, limits, settings)


def _slides(deck: Any, limits: Limits, settings: Figures) -> Iterator[Block]:
    for number, slide in enumerate(deck.slides, start=1):
        if number > limits.pages:
            return
        yield Block("page", page=number)
        if slide._element.get("show") in ("0", "false"):  # a hidden slide keeps its number and is not read
            continue
        _choose(slide.shapes._spTree)
        title = slide.shapes.title
        if title is not None and title.has_text_frame and title.text_frame.text.strip():
            yield Block("heading", " ".join(title.text_frame.text.split()), number)
        for shape in _in_order(slide.shapes):
            yield from _shape(shape, number, limits, settings)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
            yield Block("text", notes.text.strip(), number)


def _choose(tree: Any) -> None:
    """Leave one of each shape that is written twice, for new programs and for old ones: python-pptx would see neither.

    The picture where there is one, as of a 3-D model; else the new one, as of a text with formulas.
    """
    for either in list(tree.iter(EITHER)):
        parent = either.getparent()
        if parent.tag in (qn("p:spTree"), qn("p:grpSp")):
            ways = sorted(either, key=lambda way: way.find(qn("p:pic")) is None)
            for shape in ways[0] if ways else ():
                either.addprevious(shape)
            parent.remove(either)


def _in_order(shapes: Iterable[Any]) -> list[Any]:
    """From top to bottom; those that begin at nearly one height, as columns set by hand do, from left to right."""
    rows: list[list[tuple[int, int, Any]]] = []
    for top, left, shape in sorted(((*_corner(shape), shape) for shape in shapes), key=lambda placed: placed[:2]):
        if not rows or top > rows[-1][0][0] + _SLACK:
            rows.append([])
        rows[-1].append((top, left, shape))
    return [shape for row in rows for _, _, shape in sorted(row, key=lambda placed: placed[1])]


def _corner(shape: Any) -> tuple[int, int]:
    try:
        return shape.top or 0, shape.left or 0
    except _ODD:
        return 0, 0


def _shape(shape: Any, number: int, limits: Limits, settings: Figures) -> list[Block]:
    """What a shape holds; of one that python-pptx cannot read, its words: the rest of the deck is none the worse."""
    try:
        return list(_read_shape(shape, number, limits, settings))
    except _ODD:
        return [Block("text", "\n".join(_lines(shape._element)), number)]


def _read_shape(shape: Any, number: int, limits: Limits, settings: Figures) -> Iterator[Block]:
    if shape.is_placeholder and shape.placeholder_format.type in _TITLES | _FURNITURE:
        return
    if isinstance(shape, GroupShape):
        for member in shape.shapes:
            yield from _shape(member, number, limits, settings)
    elif isinstance(shape, Picture):
        words = _FILE_NAME.sub("", shape._element._nvXxPr.cNvPr.get("descr") or "")
        if shape._element.blip_rId is None:  # a linked picture: never fetched
            yield Block("text", words, number)
        elif figure := picture(shape.image.blob, limits, settings, number, _box(shape), _cut(shape)):
            yield Block("figure", words, number, figure)
    elif shape.has_text_frame:
        yield Block("text", "\n".join(p.text.strip() for p in shape.text_frame.paragraphs if p.text.strip()), number)
    elif shape.has_table:
        # A cell that another one covers may still hold words that nobody sees.
        rows = [[cell.text.strip() for cell in row.cells if not cell.is_spanned] for row in shape.table.rows]
        yield Block("table", "\n".join(" | ".join(row) for row in rows), number)
    elif shape.has_chart:
        yield Block("text", "\n".join(_chart_rows(shape.chart._chartSpace)), number)


def _chart_rows(chart: Any) -> Iterator[str]:
    """A native chart as words: it holds numbers, not a picture. From its XML, as python-pptx refuses 3-D charts and others."""
    for title in chart.xpath("c:chart/c:title"):
        yield " ".join(_lines(title))
    for series in chart.iter(qn("c:ser")):
        name = " ".join(value.text or "" for value in series.xpath("c:tx//c:v"))
        names = _points(series.xpath("c:cat//c:lvl[1]/c:pt") or series.xpath("c:cat//c:pt | c:xVal//c:pt"))
        values = _points(series.xpath("c:val//c:pt | c:yVal//c:pt"))
        pairs = ", ".join(f"{names.get(at, '')} {value}".strip() for at, value in values.items())
        yield ": ".join(filter(None, (name, pairs)))


def _points(points: list[Any]) -> dict[str, str]:
    """Index -> what stands there, numbers as people write them: 4.3 for 4.2999999999999998."""
    found = {}
    for point in points:
        text = point.findtext(qn("c:v")) or ""
        if point.getparent().tag in (qn("c:numCache"), qn("c:numLit")):
            with suppress(ValueError):  # "#N/A"
                text = f"{float(text):.10g}"
        found[point.get("idx", "")] = text
    return found


def _lines(element: Any) -> list[str]:
    """The words of each paragraph under an element."""
    lines = ("".join(part.text or "" for part in p.iter(qn("a:t"))).strip() for p in element.iter(qn("a:p")))
    return [line for line in lines if line]


def _cut(shape: Any) -> Cut:
    return shape.crop_left, shape.crop_top, shape.crop_right, shape.crop_bottom


def _box(shape: Any) -> Box:
    """Its place on the slide in points, however many groups it is in: each has a scale of its own."""
    left, top, width, height = (value or 0 for value in (shape.left, shape.top, shape.width, shape.height))
    right, bottom = left + width, top + height
    for group in shape._element.iterancestors(qn("p:grpSp")):
        place = group.find(f"{qn('p:grpSpPr')}/{qn('a:xfrm')}")
        sides = [] if place is None else [place.find(qn(f"a:{name}")) for name in ("off", "ext", "chOff", "chExt")]
        if not sides or any(side is None for side in sides):
            continue
        off, ext, inner, inner_ext = sides
        left, right = (_moved(x, inner.x, inner_ext.cx, off.x, ext.cx) for x in (left, right))
        top, bottom = (_moved(y, inner.y, inner_ext.cy, off.y, ext.cy) for y in (top, bottom))
    return tuple(round(side / _EMU, 2) for side in (left, top, right, bottom))  # type: ignore[return-value]


def _moved(at: float, start: float, length: float, new_start: float, new_length: float) -> float:
    """A place along `length` from `start`, along `new_length` from `new_start`."""
    return new_start + (at - start) * (new_length / length if length else 1)
