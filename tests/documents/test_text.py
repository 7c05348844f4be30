"""Text of PDFs: order, headings, furniture, paragraphs."""

from __future__ import annotations

import pymupdf

from mmsum.documents.assemble import assemble, split_sentences
from mmsum.documents.detect import decode_text
from mmsum.documents.page import Line, Page
from mmsum.documents.parse import Parser
from tests.documents import papers
from tests.documents.conftest import REF


def test_running_heads_and_page_numbers_are_dropped(parser: Parser) -> None:
    text = parser.parse(REF, papers.pages_of_text(4)).text
    assert "Annals of Testing" not in text
    assert not any(line.strip() in {"1", "2", "3", "4"} for line in text.splitlines())


def test_two_columns_are_read_one_after_the_other(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.insert_text((72, 70), "A title across both columns of the page", fontsize=18)
    # The right column comes first in the file.
    papers.paragraph(page, (316, 100, 560, 400), "Right starts. " + papers.LOREM * 3 + "Right ends.")
    papers.paragraph(page, (52, 100, 296, 400), "Left starts. " + papers.LOREM * 3 + "Left ends.")
    found = parser.parse(REF, document.tobytes())
    marks = ["Left starts", "Left ends", "Right starts", "Right ends"]
    assert [found.text.index(mark) for mark in marks] == sorted(found.text.index(mark) for mark in marks)
    assert found.title == "A title across both columns of the page"


def test_headings_by_size_weight_and_number(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.insert_text((72, 60), "On the Growth of Ferns", fontsize=20)
    for y, heading, font, size in ((100, "1 Introduction", "hebo", 10), (300, "Methods", "helv", 13)):
        page.insert_text((72, y), heading, fontname=font, fontsize=size)
        papers.paragraph(page, (72, y + 8, 540, y + 150), papers.LOREM * 3)
    found = parser.parse(REF, document.tobytes())
    assert [(s.heading, s.page) for s in found.sections] == [("1 Introduction", 1), ("Methods", 1)]
    assert all("wizards" in s.text for s in found.sections)


def test_metadata_title_only_where_it_is_one(parser: Parser) -> None:
    for given, expected in (
        ("Microsoft Word - draft3.docx", "Harvest of the northern fields"),
        ("Harvest of the Northern Fields", "Harvest of the Northern Fields"),
    ):
        document = pymupdf.open("pdf", papers.report([]))
        document.set_metadata({"title": given})
        assert parser.parse(REF, document.tobytes()).title == expected


def test_a_sentence_over_a_page_break_is_one() -> None:
    def page(number: int, text: str, y: float) -> Page:
        return Page(number, 600, 800, [Line(text, (72, y, 500, y + 10), 10, False, 0)])

    _, sections, _ = assemble([page(1, "It was broken over the", 600), page(2, "end of its page.", 200)])
    assert sections[0].text == "It was broken over the end of its page."


def test_no_line_is_lost_or_doubled(parser: Parser) -> None:
    words = [f"token{n:04d}" for n in range(600)]
    document = pymupdf.open()
    for start in range(0, 600, 200):
        papers.paragraph(document.new_page(), (72, 90, 520, 700), " ".join(words[start : start + 200]))
    text = parser.parse(REF, document.tobytes()).text
    assert [word for word in text.split() if word.startswith("token")] == words


def test_sentences() -> None:
    text = "As Fig. 3 shows, it grew. Smith et al. Found more, e.g. Ferns. Did it? Yes."
    assert split_sentences(text)[0] == "As Fig. 3 shows, it grew."
    assert split_sentences(text)[-2:] == ["Did it?", "Yes."]


def test_decoding() -> None:
    assert decode_text("naïve".encode()) == "naïve"
    assert decode_text("naïve".encode("cp1252")) == "naïve"
    assert decode_text("naïve".encode("utf-16")) == "naïve"
    assert decode_text(b"\xef\xbb\xbfplain") == "plain"
