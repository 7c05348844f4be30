"""Small DOCX, PPTX, ODT and EPUB files, written with the libraries that write such files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import docx
import odfdo
import pptx
from pptx.util import Pt

from tests.documents import papers

WORDS = "Every measurement was taken three times, and the mean of the three is what Figure 1 shows of the field."
CAPTION = "Figure 1: The field in spring."


def word() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Harvest of the northern fields"
    document.add_heading("Results", 1)
    document.add_paragraph(WORDS)
    document.add_picture(io.BytesIO(papers.photo(160, 120)))
    document.add_paragraph(CAPTION, style="Caption")
    table = document.add_table(rows=2, cols=2)
    for number, cell in enumerate(c for row in table.rows for c in row.cells):
        cell.text = f"cell {number}"
    document.add_heading("Outlook", 1)
    document.add_paragraph("It will rain.")
    return _saved(document)


def slides() -> bytes:
    deck = pptx.Presentation()
    deck.core_properties.title = "Harvest"
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide number {number}"
        box = slide.shapes.add_textbox(Pt(50), Pt(400), Pt(500), Pt(60))
        box.text_frame.text = CAPTION if number == 1 else "It will rain."
        if number == 1:
            slide.shapes.add_picture(io.BytesIO(papers.photo(160, 120)), Pt(50), Pt(150), Pt(320), Pt(240))
    return _saved(deck)


def odt() -> bytes:
    document = odfdo.Document("text")
    body = document.body
    body.clear()
    body.append(odfdo.Header(1, "Results"))
    body.append(odfdo.Paragraph(WORDS))
    frame = odfdo.Frame.image_frame("Pictures/photo.png", size=("6cm", "4cm"), anchor_type="paragraph")
    holder = odfdo.Paragraph("")
    holder.append(frame)
    body.append(holder)
    body.append(odfdo.Paragraph(CAPTION, style="Caption"))
    document.set_part("Pictures/photo.png", papers.photo(160, 120))
    return _saved(document)


def book() -> bytes:
    chapter = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>x</title></head><body>{}</body></html>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container' version='1.0'><rootfiles>"
            "<rootfile full-path='OEBPS/book.opf'/></rootfiles></container>",
        )
        archive.writestr(
            "OEBPS/book.opf",
            "<package xmlns='http://www.idpf.org/2007/opf' xmlns:dc='http://purl.org/dc/elements/1.1/'>"
            "<metadata><dc:title>Harvest</dc:title><dc:language>en-GB</dc:language></metadata><manifest>"
            "<item id='b' href='text/b.xhtml'/><item id='a' href='text/a.xhtml'/></manifest>"
            "<spine><itemref idref='a'/><itemref idref='b'/></spine></package>",
        )
        figure = f"<figure><img src='../images/field.png'/><figcaption>{CAPTION}</figcaption></figure>"
        archive.writestr("OEBPS/text/a.xhtml", chapter.format(f"<h1>Results</h1><p>{WORDS}</p>{figure}"))
        archive.writestr("OEBPS/text/b.xhtml", chapter.format("<h1>Outlook</h1><p>It will rain.</p>"))
        archive.writestr("OEBPS/images/field.png", papers.photo(160, 120))
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def rewritten(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A package with one member changed, or added where it has none of that name."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {member: source.read(member) for member in source.namelist()}
    return zipped(members | {name: change(members.get(name, b""))})


def without(data: bytes, name: str) -> bytes:
    """A package without one of its members; a manifest, where it has one, does not name it either."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {member: source.read(member) for member in source.namelist() if member != name}
    listed = re.compile(rb"<[^<>]*full-path=\"" + re.escape(name.encode()) + rb"\"[^<>]*/>")
    return zipped({member: listed.sub(b"", content) for member, content in members.items()})
