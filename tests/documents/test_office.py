"""What people do in Word and Writer that the plainest file does not show: nothing of it is lost in silence."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import docx
import odfdo
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from mmsum.documents.parse import Parser
from mmsum.records import Document
from tests.documents import packages, papers
from tests.documents.conftest import REF

MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
WIDE, TALL = papers.photo(160, 120), papers.photo(120, 160)


def read_word(parser: Parser, fill: Callable[[Any], None]) -> Document:
    word = docx.Document()
    fill(word)
    return read(parser, word)


def read(parser: Parser, written: Any) -> Document:
    out = io.BytesIO()
    written.save(out)
    document = parser.parse(REF, out.getvalue())
    assert document.status == "ok", document.failure_message
    return document


def shown(document: Document) -> list[tuple[str, str, int]]:
    return [(figure.label, figure.caption, figure.width) for figure in document.figures]


def put(word: Any, xml: str) -> None:
    """Append an element to the body, before its settings."""
    namespaces = nsdecls("w", "wp", "a", "pic", "r") + (
        f' xmlns:mc="{MC}" xmlns:v="urn:schemas-microsoft-com:vml"'
        ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    )
    word.element.body.sectPr.addprevious(parse_xml(xml.replace(">", f" {namespaces}>", 1)))


MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def run(words: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{words}</w:t></w:r>'


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (
            f"{run('Yields did ')}<w:ins>{run('not ')}</w:ins><w:del><w:r><w:delText>soon </w:delText><w:tab/></w:r>"
            f"</w:del><w:moveFrom>{run('Ever. ')}</w:moveFrom>{run('fall.')}",
            "Yields did not fall.",
        ),
        (
            f"{run('Yields of ')}<w:sdt><w:sdtContent>{run('rye')}</w:sdtContent></w:sdt>{run(' fell.')}",
            "Yields of rye fell.",
        ),
        (
            f"{run('Rye.')}<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{run('Click to enter text.')}"
            "</w:sdtContent></w:sdt>",
            "Rye.",
        ),
        (
            "<w:pPr><w:tabs><w:tab w:val='left' w:pos='90'/></w:tabs></w:pPr>"
            f"{run('rye')}<w:r><w:tab/><w:t>7</w:t><w:br/></w:r>{run('oats')}",
            "rye\t7\noats",
        ),
        (
            f"{run('Rye.')}<w:r><w:rPr><w:vanish/></w:rPr><w:t>Hidden.</w:t></w:r>"
            "<w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t xml:space='preserve'> Oats.</w:t></w:r>",
            "Rye. Oats.",
        ),
        (f"{run('With ')}<m:oMath {MATH}><m:r><m:t>E=m</m:t></m:r></m:oMath>{run(' it grows.')}", "With E=m it grows."),
    ],
    ids=["tracked changes", "content control", "prompt", "tabs", "hidden", "formula"],
)
def test_words_of_a_paragraph(parser: Parser, inner: str, words: str) -> None:
    assert read_word(parser, lambda word: put(word, f"<w:p>{inner}</w:p>")).text == words


def test_content_controls_around_paragraphs_rows_and_cells(parser: Parser) -> None:
    def held(inner: str) -> str:
        return f"<w:sdt><w:sdtContent>{inner}</w:sdtContent></w:sdt>"

    def cell(words: str) -> str:
        return f"<w:tc><w:p>{run(words)}</w:p></w:tc>"

    def fill(word: Any) -> None:
        put(word, held(f"<w:p>{run('Held.')}</w:p>" + held(f"<w:p>{run('Held twice.')}</w:p>")))
        put(word, f"<w:tbl>{held('<w:tr>' + cell('rye') + held(cell('7')) + '</w:tr>')}</w:tbl>")
        gallery = '<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
        put(word, f"<w:sdt>{gallery}<w:sdtContent><w:p>{run('Yields 2')}</w:p></w:sdtContent></w:sdt>")

    assert read_word(parser, fill).text == "Held.\n\nHeld twice.\n\nrye | 7"


def test_a_number_that_word_counts_is_part_of_its_caption(parser: Parser) -> None:
    def fill(word: Any) -> None:
        word.add_picture(io.BytesIO(WIDE))
        number = f'<w:fldSimple w:instr=" SEQ Figure ">{run("1")}</w:fldSimple>'
        put(word, f'<w:p><w:pPr><w:pStyle w:val="Caption"/></w:pPr>{run("Figure ")}{number}{run(": Sales")}</w:p>')

    assert shown(read_word(parser, fill)) == [("Figure 1", "Figure 1: Sales", 160)]


@pytest.mark.parametrize("layout", ["in the cell", "in the row below", "in the next cell", "below the table"])
def test_pictures_set_in_a_table(parser: Parser, layout: str) -> None:
    captions = ["Figure 1: The field in spring.", "Figure 2: The field in autumn."]

    def fill(word: Any) -> None:
        table = word.add_table(rows=2, cols=2)
        for number, (data, caption) in enumerate(zip((WIDE, TALL), captions, strict=True)):
            at = (number, 0) if layout == "in the next cell" else (0, number)
            cell = table.cell(*at)
            cell.paragraphs[0].add_run().add_picture(io.BytesIO(data))
            if layout == "in the cell":
                cell.add_paragraph(caption, style="Caption")
            elif layout == "in the row below":
                table.cell(1, number).text = caption
            elif layout == "in the next cell":
                table.cell(number, 1).text = caption
        if layout == "below the table":
            word.add_paragraph(captions[0], style="Caption")
        word.add_paragraph("It rained in spring.")

    document = read_word(parser, fill)
    if layout == "below the table":
        assert shown(document) == [("Figure 1", captions[0], 285)]  # of both
    else:
        assert shown(document) == [("Figure 1", captions[0], 160), ("Figure 2", captions[1], 120)]
    assert document.text == "It rained in spring."


def test_a_caption_over_the_picture_of_a_table(parser: Parser) -> None:
    caption = "Figure 1: The field in spring."

    def fill(word: Any) -> None:
        table = word.add_table(rows=2, cols=1)
        table.cell(0, 0).text = caption
        table.cell(1, 0).paragraphs[0].add_run().add_picture(io.BytesIO(WIDE))
        word.add_paragraph("It rai\u00adned in\u200b spring.")

    document = read_word(parser, fill)
    assert shown(document) == [("Figure 1", caption, 160)] and document.text == "It rained in spring."


def test_a_table_is_no_caption_of_the_picture_above_it(parser: Parser) -> None:
    def fill(word: Any) -> None:
        word.add_picture(io.BytesIO(WIDE))
        word.add_table(rows=1, cols=1).cell(0, 0).text = "Table 1: Yields"

    document = read_word(parser, fill)
    assert shown(document) == [("", "", 160)] and document.text == "Table 1: Yields"


def test_merged_cells_are_taken_once(parser: Parser) -> None:
    def fill(word: Any) -> None:
        table = word.add_table(rows=3, cols=3)
        table.cell(0, 0).merge(table.cell(0, 2)).text = "header"
        table.cell(1, 0).merge(table.cell(2, 0)).text = "rye"
        for row in (1, 2):
            table.cell(row, 1).text, table.cell(row, 2).text = f"year {row}", f"{row} t"

    assert read_word(parser, fill).text == "header\nrye | year 1 | 1 t\n | year 2 | 2 t"


def test_a_text_box_is_read_once_and_may_be_a_caption(parser: Parser) -> None:
    def fill(word: Any) -> None:
        word.add_picture(io.BytesIO(WIDE))
        box = f"<w:txbxContent><w:p>{run('Figure 1: Sales')}</w:p></w:txbxContent>"
        put(
            word,
            f"<w:p><w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing>"
            f"</mc:Choice><mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent>"
            f"</w:r>{run('They fell.')}</w:p>",
        )

    document = read_word(parser, fill)
    assert shown(document) == [("Figure 1", "Figure 1: Sales", 160)] and document.text == "They fell."


def test_writer_tables_with_pictures_and_text_boxes_without(parser: Parser) -> None:
    document = odfdo.Document("text")
    body = document.body
    body.clear()
    table = odfdo.Table("Fields", width=2, height=3)
    for column, data in enumerate((WIDE, TALL)):
        document.set_part(f"Pictures/{column}.png", data)
        cell = odfdo.Cell()
        holder = odfdo.Paragraph("")
        holder.append(odfdo.Frame.image_frame(f"Pictures/{column}.png", size=("6cm", "4cm"), anchor_type="paragraph"))
        cell.append(holder)
        table.set_cell((column, 0), cell)
        table.set_value((column, 1), f"Figure {column + 1}: Field {column + 1}.")
        table.set_value((column, 2), f"{column}.50 t", cell_type="string")
    body.append(table)
    holder = odfdo.Paragraph("It rained.")
    holder.append(odfdo.Frame.text_frame("Set in a box.", size=("6cm", "4cm"), anchor_type="paragraph"))
    body.append(holder)
    found = read(parser, document)
    assert shown(found) == [("Figure 1", "Figure 1: Field 1.", 160), ("Figure 2", "Figure 2: Field 2.", 120)]
    assert found.text == "0.50 t | 1.50 t\n\nSet in a box.\n\nIt rained."


def test_a_captioned_frame_of_writer_is_one_figure(parser: Parser) -> None:
    document = odfdo.Document("text")
    document.body.clear()
    inner = odfdo.Paragraph("Figure 1: The field.", style="Illustration")
    inner.append(odfdo.Frame.image_frame("Pictures/a.png", size=("6cm", "4cm"), anchor_type="paragraph"))
    document.set_part("Pictures/a.png", WIDE)
    holder = odfdo.Paragraph("It rained.")
    holder.append(odfdo.Frame.text_frame(inner, size=("6cm", "5cm"), anchor_type="paragraph"))
    lost = odfdo.Frame.image_frame("Pictures/none.png", size=("6cm", "4cm"), anchor_type="paragraph")
    holder.append(lost)
    document.body.append(holder)
    found = read(parser, document)
    assert shown(found) == [("Figure 1", "Figure 1: The field.", 160)] and found.text == "It rained."


@pytest.mark.parametrize("name", ["Pictures/a.png", "./Pictures/a.png", "media/image1.png"])
def test_writer_files_of_other_programs(parser: Parser, name: str) -> None:
    """Where their pictures lie is theirs to say, and what is told about the file may be left out."""
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Paragraph("It rained."))
    holder = odfdo.Paragraph("")
    holder.append(odfdo.Frame.image_frame(name, size=("6cm", "4cm"), anchor_type="paragraph"))
    document.body.append(holder)
    document.set_part(name.removeprefix("./"), WIDE)
    out = io.BytesIO()
    document.save(out)
    bare = packages.without(out.getvalue(), "meta.xml")
    found = parser.parse(REF, bare)
    assert (found.status, found.text, len(found.figures)) == ("ok", "It rained.", 1), found.failure_message


def test_rows_whose_deletion_is_tracked_are_not_read(parser: Parser) -> None:
    row = "<w:tr>{}<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc></w:tr>"
    deleted = row.format("<w:trPr><w:del w:id='1' w:author='a'/></w:trPr>", "gone")
    document = read_word(parser, lambda word: put(word, f"<w:tbl>{row.format('', 'kept')}{deleted}</w:tbl>"))
    assert document.text == "kept"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("openxmlformats-officedocument.wordprocessingml.document.main", "ms-word.document.macroEnabled.main"),
        ("wordprocessingml.document.main", "wordprocessingml.template.main"),
        ("presentationml.presentation.main", "presentationml.slideshow.main"),
    ],
    ids=["docm", "dotx", "ppsx"],
)
def test_kinds_of_office_files_are_read_alike(parser: Parser, old: str, new: str) -> None:
    whole = packages.slides() if "presentation" in old else packages.word()
    types = "[Content_Types].xml"
    data = packages.rewritten(whole, types, lambda xml: xml.replace(old.encode(), new.encode()))
    assert data != whole
    document = parser.parse(REF, data)
    assert (document.status, len(document.figures)) == ("ok", 1), document.failure_message


def test_what_is_cut_off_a_picture_of_word_is_not_shown(parser: Parser) -> None:
    def fill(word: Any) -> None:
        word.add_picture(io.BytesIO(WIDE))
        word.add_picture(io.BytesIO(WIDE))
        for blip, shares in zip(word.element.body.iter(qn("a:blip")), ("25000", "25%"), strict=True):
            blip.addnext(parse_xml(f'<a:srcRect l="{shares}" b="50000" {nsdecls("a")}/>'))

    shares = [(figure.width, figure.height) for figure in read_word(parser, fill).figures]
    assert shares == [(120, 60), (120, 60)]


@pytest.mark.parametrize("make", [packages.word, packages.slides])
def test_strict_files_are_read_like_others(parser: Parser, make: Callable[[], bytes]) -> None:
    plain = make()
    names = re.compile(
        rb"http://schemas\.openxmlformats\.org/(wordprocessingml|drawingml|presentationml|officeDocument)/2006/"
    )
    with zipfile.ZipFile(io.BytesIO(plain)) as package:
        members = {
            name: names.sub(rb"http://purl.oclc.org/ooxml/\1/", package.read(name)) for name in package.namelist()
        }
    strict = parser.parse(REF, packages.zipped(members))
    expected = parser.parse(REF, plain)
    assert (strict.status, strict.text, shown(strict)) == ("ok", expected.text, shown(expected)), strict.failure_message
    assert len(strict.figures) == 1


def put_metafile(paragraph: Any) -> None:
    """A picture that nothing here decodes, as Windows programs draw them."""
    paragraph.add_run().add_picture(io.BytesIO(WIDE))
    (*_, blip) = paragraph._p.iter(qn("a:blip"))
    part = paragraph.part.related_parts[blip.get(qn("r:embed"))]
    name = PackURI(f"/word/media/drawn{len(paragraph.part.rels)}.wmf")
    blip.set(qn("r:embed"), paragraph.part.relate_to(Part(name, "image/x-wmf", METAFILE, part.package), RT.IMAGE))


METAFILE = bytes.fromhex("d7cdc69a") + bytes(200)


def test_formulas_that_are_pictures_are_no_figures(parser: Parser) -> None:
    """Neither among words nor in a line of their own, and none costs a figure its place among limits.figures."""

    def fill(word: Any) -> None:
        for _ in range(70):
            paragraph = word.add_paragraph("The mean ")
            put_metafile(paragraph)
            paragraph.add_run(" of the yields.")
            put_metafile(word.add_paragraph())
            word.add_paragraph("So they fell.")
        word.add_picture(io.BytesIO(WIDE))
        word.add_paragraph("Figure 1: The field.")

    assert shown(read_word(parser, fill)) == [("Figure 1", "Figure 1: The field.", 160)]


@pytest.mark.parametrize("apart", [True, False])
def test_a_labelled_picture_that_cannot_be_decoded_is_a_figure_without_pixels(parser: Parser, apart: bool) -> None:
    def fill(word: Any) -> None:
        word.add_paragraph("It rained.")
        holder = word.add_paragraph()
        put_metafile(holder)
        if not apart:
            holder.add_run().add_break()
        (word.add_paragraph() if apart else holder).add_run("Figure 1: The field.")

    document = read_word(parser, fill)
    assert shown(document) == [("Figure 1", "Figure 1: The field.", 0)] and document.text == "It rained."
