"""Parser as a whole: every kind of file gives one Document, whatever is wrong with it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pymupdf
import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.inspect import inspect_json
from mmsum.documents.parse import Parser
from tests.documents import papers
from tests.documents.conftest import REF


def test_text_and_hash(parser: Parser) -> None:
    data = papers.pages_of_text(2)
    document = parser.parse(REF, data)
    assert (document.status, document.format, document.pages_total, document.pages_read) == ("ok", "pdf", 2, 2)
    assert document.content_hash == hashlib.sha256(data).hexdigest()
    assert document.seconds_parse > 0
    assert "seven wizards vex a bold sphinx" in document.text


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("no bytes", b"", "empty"),
        ("blank page", None, "empty"),
        ("garbage with a header", b"%PDF-1.7\n" + b"\x00\x01 nothing here" * 50, "corrupt"),
        ("a program", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4, "unsupported"),
        ("half a PNG", papers.photo()[:60], "corrupt"),
    ],
)
def test_failures_are_named(parser: Parser, name: str, data: bytes | None, kind: str) -> None:
    if data is None:
        blank = pymupdf.open()
        blank.new_page()
        data = blank.tobytes()
    document = parser.parse(REF, data)
    assert (document.status, document.failure_kind) == ("failed", kind), document.failure_message
    assert document.failure_message and not document.figures
    assert "/tmp" not in document.failure_message
    assert inspect_json(document)["failure"]["kind"] == kind


def test_password(parser: Parser) -> None:
    plain = pymupdf.open("pdf", papers.pages_of_text(1))
    locked = plain.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", user_pw="secret")
    unlocked = plain.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", user_pw="")
    assert parser.parse(REF, locked).failure_kind == "encrypted"
    document = parser.parse(REF, unlocked)
    assert document.status == "ok" and "wizards" in document.text


def test_scanned_pages_without_ocr() -> None:
    with Parser(Limits(ocr_pages=0), Figures()) as blind:
        document = blind.parse(REF, papers.scan())
        assert (document.status, document.failure_kind) == ("failed", "needs_ocr")
        assert not document.figures
        document = blind.parse(REF, papers.scan(pages=2, text_page=True))
    assert (document.status, document.failure_kind) == ("partial", "needs_ocr")
    assert "wizards" in document.text and not document.figures


def test_scanned_pages_with_ocr(parser: Parser) -> None:
    pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")
    scanned = pymupdf.open()
    part = pymupdf.Rect(60, 90, 560, 190)  # a few lines: OCR takes seconds for a page
    text = pymupdf.open("pdf", papers.pages_of_text(1))[0].get_pixmap(dpi=150, clip=part)
    page = scanned.new_page(width=part.width, height=part.height)
    page.insert_image(page.rect, pixmap=text)
    document = parser.parse(REF, scanned.tobytes())
    assert (document.status, document.format) == ("ok", "pdf"), document.failure_message
    assert "seven wizards vex a bold sphinx near the quartz quarry" in document.text and not document.figures
    document = parser.parse(REF, text.tobytes("png"))
    assert (document.status, document.format) == ("ok", "png")
    assert "seven wizards vex a bold sphinx" in document.text and not document.figures
    assert parser.parse(REF, papers.scan()).failure_kind == "empty"


def test_a_photo_that_fills_its_page_is_a_figure_where_no_letters_are_read_in_it(parser: Parser) -> None:
    pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")
    book = pymupdf.open("pdf", papers.pages_of_text(1))
    plate = book.new_page(width=200, height=150)
    colours = bytes(channel for y in range(150) for x in range(200) for channel in (x, y, 255 - (x + y) // 2))
    plate.insert_image(plate.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, 200, 150, colours, False))
    pages = book.tobytes()
    document = parser.parse(REF, pages)
    assert [(figure.page, figure.kind) for figure in document.figures] == [(2, "photo")]
    assert document.status == "ok" and "wizards" in document.text
    assert parser.render(REF, pages, [(2, document.figures[0].bbox)], 64)[0]


@pytest.mark.parametrize("turn", [90, 180])
def test_a_page_that_was_scanned_in_another_direction_is_turned(parser: Parser, turn: int) -> None:
    pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")
    column = pymupdf.open().new_page(width=260, height=150)
    column.insert_textbox((20, 20, 240, 140), papers.LOREM[:110], fontsize=14)
    scanned = pymupdf.open()
    sides = (column.rect.height, column.rect.width) if turn == 90 else column.rect[2:]
    page = scanned.new_page(width=sides[0], height=sides[1])
    page.insert_image(page.rect, pixmap=column.get_pixmap(dpi=150), rotate=turn)
    read = parser.parse(REF, scanned.tobytes()).text
    assert "jumps over the lazy dog while seven wizards vex a bold sphinx" in read


def test_a_page_whose_content_was_cut_off_is_not_read(parser: Parser) -> None:
    document = pymupdf.open()
    for text in ("The first page has words.", "The second page had words."):
        document.new_page().insert_text((72, 72), text)
    document.xref_set_key(document[1].xref, "Contents", f"{document.xref_length() + 5} 0 R")
    parsed = parser.parse(REF, document.tobytes(garbage=0))
    assert (parsed.status, parsed.failure_kind, parsed.pages_read) == ("partial", "corrupt", 1)
    assert "page 2: its content is not in the file" in parsed.failure_message


def test_a_file_that_ends_in_a_page_is_not_read_as_whole(parser: Parser) -> None:
    document = pymupdf.open()
    for number in range(3):
        document.new_page().insert_text((72, 72), [f"Page {number} tells of line {line}." for line in range(40)])
    data = document.tobytes()
    last = data.rfind(b"endstream")
    parsed = parser.parse(REF, data[: last - 100])
    assert (parsed.status, parsed.failure_kind) == ("partial", "corrupt")
    assert "page 3" in parsed.failure_message and "cut short" in parsed.failure_message
    assert "Page 1 tells of line 39" in parsed.text
    assert parser.parse(REF, data[: data.rfind(b"xref")]).status == "ok", "only its table is missing"


def test_truncated_file_keeps_its_pages(parser: Parser) -> None:
    data = papers.pages_of_text(8)
    document = parser.parse(REF, data[: int(0.9 * len(data))])
    assert document.status in ("ok", "partial") and "wizards" in document.text


def test_plain_text_and_markdown(parser: Parser) -> None:
    document = parser.parse(REF, "# Grüße\n\nIntro.\n\n## Method\n\n```\n# not a heading\n```\nWe did it.\n".encode())
    assert (document.format, document.title) == ("markdown", "Grüße")
    assert [s.heading for s in document.sections] == ["", "Method"]
    assert "# not a heading" in document.sections[1].text


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_lone_image_is_one_figure(parser: Parser, kind: str) -> None:
    data = pymupdf.Pixmap(papers.photo(320, 200)).tobytes(kind)
    document = parser.parse(REF, data)
    (figure,) = document.figures
    assert (document.status, document.format, document.text) == ("ok", kind, "")
    assert (figure.width, figure.height) == (320, 200)  # never enlarged
    pixels = pymupdf.Pixmap(figure.image)
    assert (pixels.width, pixels.height) == (320, 200)


def test_half_a_jpeg_is_partial(parser: Parser) -> None:
    data = pymupdf.Pixmap(papers.photo(320, 200)).tobytes("jpeg")
    document = parser.parse(REF, data[: len(data) // 2])
    assert (document.status, document.failure_kind, len(document.figures)) == ("partial", "corrupt", 1)


def test_limits() -> None:
    figures = Figures(longest_side=200)
    with Parser(Limits(pages=3, bytes=100_000, pixels=10_000, memory_mb=2048), figures) as small:
        document = small.parse(REF, papers.pages_of_text(5))
        assert (document.status, document.failure_kind) == ("partial", "too_large")
        assert (document.pages_total, document.pages_read) == (5, 3)
        assert "Page 3 begins" in document.text and "Page 4 begins" not in document.text
        assert small.parse(REF, papers.photo(160, 120)).failure_kind == "too_large"
        assert small.parse(REF, b"a" * 100_001).failure_kind == "too_large"
        (figure,) = small.parse(REF, papers.photo(80, 60)).figures
        assert max(figure.width, figure.height) == 80


def test_render_and_draw_boxes(parser: Parser) -> None:
    data = papers.report([("line", (120, 220, 408, 400), "Figure 1: Yield of two fields over a year.")])
    document = parser.parse(REF, data)
    crop, missing = parser.render(REF, data, [(1, document.figures[0].bbox), (99, (0, 0, 10, 10))], longest_side=120)
    pixels = pymupdf.Pixmap(crop)
    assert 115 <= max(pixels.width, pixels.height) <= 121
    assert missing == b""
    drawn = pymupdf.Pixmap(parser.draw_boxes(data, document))
    assert drawn.width > 400
    reds = sum(
        drawn.pixel(x, y)[0] > 180 and drawn.pixel(x, y)[1] < 60
        for x in range(0, drawn.width, 3)
        for y in range(0, drawn.height, 3)
    )
    assert reds > 50
    assert pymupdf.Pixmap(parser.draw_boxes(b"%PDF-1.7 broken", document)).width > 100  # a note instead
    assert parser.render(REF, b"not a document", [(1, (0, 0, 5, 5))], 64) == [b""]


DATA = os.environ.get("MMSUM_DATA")


@pytest.mark.skipif(not DATA, reason="MMSUM_DATA is not set")
def test_every_damaged_file_gives_one_document(parser: Parser) -> None:
    paths = sorted(Path(str(DATA), "pdfs", "malformed").glob("*"))
    assert len(paths) > 30
    for path in paths:
        document = parser.parse(REF, path.read_bytes())
        assert document.status in ("ok", "partial", "failed"), path.name
        assert (document.status == "ok") == (document.failure_kind == ""), path.name
        assert document.status == "failed" or document.text or document.figures, path.name
