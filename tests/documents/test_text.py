"""Text of PDFs: order, headings, furniture, paragraphs."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pymupdf
import pytest

from mmsum.documents.assemble import assemble
from mmsum.documents.captions import join_lines
from mmsum.documents.detect import decode_text
from mmsum.documents.line_numbers import without_line_numbers
from mmsum.documents.order import reading_order
from mmsum.documents.page import Line, Page
from mmsum.documents.parse import Parser
from mmsum.documents.pdf import read_lines
from tests.documents import papers
from tests.documents.conftest import REF


def test_running_heads_and_page_numbers_are_dropped(parser: Parser) -> None:
    text = parser.parse(REF, papers.pages_of_text(4)).text
    assert "Annals of Testing" not in text
    assert not any(line.strip() in {"1", "2", "3", "4"} for line in text.splitlines())


@pytest.mark.parametrize("numbers", [("1", "2"), ("7-45", "7-46"), ("A-3", "A-4")])
def test_page_numbers_apart_from_the_text_are_dropped(parser: Parser, numbers: tuple[str, str]) -> None:
    document = pymupdf.open()
    for number, words in zip(numbers, ("and the harvest was", "larger than the last."), strict=True):
        page = document.new_page(width=612, height=792)
        page.insert_text((134, 673), words, fontsize=10)
        page.insert_text((303, 703), number, fontsize=10)  # where LaTeX's article class sets it
        papers.paragraph(page, (134, 127, 478, 400), papers.LOREM)
    text = parser.parse(REF, document.tobytes()).text
    assert not any(number in text for number in numbers)


def test_numbers_near_the_foot_of_a_page_stay_where_they_are_no_page_number(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (134, 127, 478, 400), papers.LOREM)
    page.insert_text((134, 688), "Wells, all of them", fontsize=10)
    page.insert_text((134, 702), "417", fontsize=10)  # as near as the next line
    page.insert_text((134, 100), "1984", fontsize=24)  # a title
    text = (found := parser.parse(REF, document.tobytes())).text + found.title
    assert "417" in text
    assert "1984" in text


def pages_with(heads: list[list[Line]]) -> list[Page]:
    words = [Line(papers.LOREM[:90], (72, 110 + 12 * n, 540, 120 + 12 * n), 10, False, 9) for n in range(20)]
    return [Page(number, 612, 792, [*head, *words]) for number, head in enumerate(heads, 1)]


def read_whole(pages: list[Page]) -> list[str]:
    _, sections, _ = assemble(pages)
    return " ".join(f"{section.heading} {section.text}" for section in sections).split()


def test_equal_titles_of_slides_stay_and_large_running_heads_do_not() -> None:
    def titles(*texts: str) -> list[Page]:
        return pages_with([[Line(text, (72, 40, 300, 62), 18, False, 0)] for text in texts])

    words = read_whole(titles("Wells", "Example 1", "Example 2", "Example 3", "Results", "Results", "Results"))
    assert words.count("Example") == words.count("Results") == 3
    assert "Annals" not in read_whole(titles(*["The Annals"] * 7))


def test_rows_of_a_table_in_the_margin_keep_their_numbers() -> None:
    def cell(text: str, x: float, y: float) -> Line:
        return Line(text, (x, y, x + 30, y + 10), 10, False, 0)

    heads, cells = [], []
    for page in range(1, 7):
        if page % 2:
            table = [cell(f"{page}{row}9", 200, 60 + 12 * row) for row in range(4)]
        else:
            table = [cell(f"{page}{column}8", 200 + 50 * column, 60) for column in range(3)]
            table.append(cell(f"1,234.{page}0", 400, 60))
        cells += [line.text for line in table]
        heads.append([cell(f"- {page} -", 72, 30), *table] if page % 2 else table)
    words = read_whole(pages_with(heads))
    assert set(cells) <= set(words)
    assert "-" not in words  # of the pages' numbers


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


def test_a_title_keeps_all_its_lines(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    for y, x, line in (
        (60, 72, "On the growth of ferns in the wet and windy hills of"),
        (86, 220, "the northern fields."),
    ):
        page.insert_text((x, y), line, fontsize=20)
    papers.paragraph(page, (72, 120, 540, 300), papers.LOREM * 3)
    found = parser.parse(REF, document.tobytes())
    assert found.title == "On the growth of ferns in the wet and windy hills of the northern fields."
    assert "On the growth" not in found.text


def test_a_column_soon_ended_is_read_last(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (316, 100, 560, 150), "Right starts. " + papers.LOREM[:90] + "Right ends.")
    papers.paragraph(page, (52, 100, 296, 760), "Left starts. " + papers.LOREM * 10 + "Left ends.")
    text = parser.parse(REF, document.tobytes()).text
    marks = ["Left starts", "Left ends", "Right starts", "Right ends"]
    assert [text.index(mark) for mark in marks] == sorted(text.index(mark) for mark in marks)


def test_three_columns(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=842, height=595)
    for number, x in enumerate((40, 300, 560)):
        papers.paragraph(page, (x, 60, x + 240, 500), f"Start{number}. " + papers.LOREM * 4 + f"End{number}.")
    text = parser.parse(REF, document.tobytes()).text
    marks = ["Start0", "End0", "Start1", "End1", "Start2", "End2"]
    assert [text.index(mark) for mark in marks] == sorted(text.index(mark) for mark in marks)


def test_footnotes_stay_out_of_the_body(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 80, 540, 400), papers.LOREM * 8)
    papers.paragraph(page, (72, 680, 540, 720), "1 The quarry was closed, and what it held moved to the museum.", 8)
    papers.paragraph(page, (72, 500, 540, 540), "2 small steps in the middle of a page are no note.", 8)
    papers.paragraph(page, (72, 560, 540, 660), papers.LOREM)
    text = parser.parse(REF, document.tobytes()).text
    assert "museum" not in text and "2 small steps" in text and text.count("seven wizards") == 9


def test_rows_of_tables_and_small_print_by_itself_are_no_footnotes() -> None:
    def rows(block: int) -> list[Line]:
        texts = [f"{n} wells of {n}" for n in range(1, 9)]
        return [Line(text, (72, 500 + 10 * n, 400, 508 + 10 * n), 8, False, block) for n, text in enumerate(texts)]

    body = [Line(papers.LOREM[:90], (72, 90 + 12 * n, 500, 100 + 12 * n), 10, False, 0) for n in range(20)]
    table = Page(1, 612, 792, body + rows(-1))
    questions = Page(2, 612, 792, [Line("Questions", (72, 90, 200, 104), 13, True, 0), *rows(1)])
    notes = Page(3, 612, 792, body + rows(1))
    _, sections, _ = assemble([table, questions, notes])
    assert "".join(section.text for section in sections).count("8 wells of 8") == 2


def test_right_to_left_rows_start_at_the_right() -> None:
    def piece(text: str, x: float, y: float) -> Line:
        return Line(text, (x, y, x + 100, y + 10), 10, False, 0)

    lines = [piece("שתיים", 100, 50), piece("אחת", 203, 50), piece("שלוש", 203, 65)]
    assert [line.text for line in reading_order(lines)] == ["אחת שתיים", "שלוש"]


def test_lines_set_far_apart_are_one_paragraph(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    lines = textwrap.wrap(papers.LOREM * 3, 60)
    for number in range(10):  # double spaced, each line a block of its own
        text = lines[number] if number != 5 else "Its last line."
        page.insert_textbox((72, 80 + 26 * number, 400, 106 + 26 * number), text, fontsize=11)
    paragraphs = parser.parse(REF, document.tobytes()).sections[0].text.split("\n\n")
    assert len(paragraphs) == 2 and paragraphs[0].endswith("Its last line.")


def test_bullets_are_no_headings(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 200), papers.LOREM * 4, 10)
    page.insert_text((72, 240), "\u2022 Collect all the parts", fontsize=14)
    assert [s.heading for s in parser.parse(REF, document.tobytes()).sections] == [""]


DATA = os.environ.get("MMSUM_DATA")


@pytest.mark.skipif(not DATA, reason="MMSUM_DATA is not set")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("right_to_left_01.pdf", "تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة R وPython"),
        ("issue-336-example.pdf", "应根据项目实际需要设置，其用地指标不宜超过表7.7 的规定。"),
    ],
)
def test_arabic_and_chinese_come_out_readable(parser: Parser, name: str, words: str) -> None:
    assert words in parser.parse(REF, Path(str(DATA), "pdfs", "good", name).read_bytes()).text


def test_accents_join_the_letters_that_they_stand_on() -> None:
    page = pymupdf.open().new_page()
    for y, words in ((72, "J´an Min´a\u02c7c"), (92, "na¨\u0131ve"), (112, "it´s `etc`")):
        x = 72.0
        font = pymupdf.Font("helv")
        writer = pymupdf.TextWriter(page.rect)
        for char in words:
            is_over = char in "´\u02c7¨" and y < 112  # else it stands beside the letters
            writer.append((x + 1 if is_over else x, y), char, font=font)
            x += 0 if is_over else font.text_length(char, 11)
        writer.write_text(page)
    assert [line.text for line in read_lines(page)[0]] == ["Ján Mináč", "naïve", "it´s `etc`"]


def test_letters_that_are_pictures_have_their_size_and_make_lines(parser: Parser) -> None:
    rows = ["the quick brown fox jumps over", "a lazy dog while seven wizards", "vex one"]
    document = papers.bitmap_letters(rows)
    lines, _ = read_lines(document[0])
    assert [line.text for line in lines] == rows
    assert all(9 < line.size < 11 and line.height < 10 for line in lines)
    assert parser.parse(REF, document.tobytes()).text.strip() == " ".join(rows)


def test_characters_that_nobody_sees_are_dropped() -> None:
    page = pymupdf.open().new_page()
    writer = pymupdf.TextWriter(page.rect)
    writer.append((72, 72), "wells\u200b run\ufeff dry", font=pymupdf.Font("helv"))
    writer.append((72, 92), "\u2060", font=pymupdf.Font("helv"))
    writer.write_text(page)
    page.insert_text((72, 112), "de\x02ned p \x03 0.01")
    assert [line.text for line in read_lines(page)[0]] == ["wells run dry", "dened p 0.01"]


def test_lines_of_chinese_join_without_a_space() -> None:
    assert join_lines(["路段的交通量和大型车", "比例与基准值"]) == "路段的交通量和大型车比例与基准值"


def test_metadata_title_only_where_it_is_one(parser: Parser) -> None:
    for given, expected in (
        ("Microsoft Word - draft3.docx", "Harvest of the northern fields"),
        ("Harvest of the Northern Fields", "Harvest of the Northern Fields"),
    ):
        document = pymupdf.open("pdf", papers.report([]))
        document.set_metadata({"title": given})
        assert parser.parse(REF, document.tobytes()).title == expected


@pytest.mark.parametrize(
    ("largest", "title"),
    [
        ("a = u (g s) + v (g s) .", ""),
        ("深度学习", "深度学习"),
        ("हिन्दी में", "हिन्दी में"),
        ("ISO 9001:2015", "ISO 9001:2015"),
    ],
)
def test_an_equation_is_no_title(largest: str, title: str) -> None:
    lines = [Line(largest, (72, 60, 300, 80), 16, False, 0)]
    lines += [Line(papers.LOREM, (72, 100 + 12 * n, 540, 110 + 12 * n), 10, False, 1) for n in range(5)]
    assert assemble([Page(1, 612, 792, lines)])[0] == title


def manuscript(starts: str, step: int = 1, at: float = 56, every: int = 1) -> list[Line]:
    """60 rows of text, of which every so many has a number at `at`, which counts in steps; each begins with one of `starts`."""
    rows = []
    for n in range(60):
        y = 80.0 + 11 * n
        rows.append(Line(starts[n % len(starts)] + papers.LOREM[:70], (72, y, 420, y + 10), 10, False, n))
        if n % every == 0:
            number = str(step * (n // every) + step)
            rows.append(Line(number, (at - 3.5 * len(number), y + 2, at, y + 9), 7, False, n))
    return rows


@pytest.mark.parametrize(("step", "at", "every"), [(1, 56, 1), (1, 450, 1), (5, 56, 5)])
def test_line_numbers_of_a_manuscript_are_dropped(step: int, at: float, every: int) -> None:
    lines = manuscript("Tabc", step, at, every)
    assert without_line_numbers(lines) == [line for line in lines if not line.text.isdigit()]


@pytest.mark.parametrize(
    "lines",
    [
        manuscript("TABC"),  # a list
        manuscript("abc", at=90),  # a table's column inside the text
        manuscript("abc", every=4),  # a list with items of several lines
        manuscript("abc", step=-1),  # a scale
        manuscript("abc")[:18],
        [line for line in manuscript("abc") if line.text.isdigit()],
        [Line(line.text[:12], line.box, 10, False, 0) for line in manuscript("abc")],  # a table
    ],
)
def test_other_numbers_in_a_column_stay(lines: list[Line]) -> None:
    assert without_line_numbers(lines) == lines


def test_sentences_of_a_manuscript_run_on_over_its_line_numbers(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    for n, line in enumerate(rows := textwrap.wrap(papers.LOREM * 5, 80)):
        page.insert_text((60, 80 + 20 * n), str(n + 1), fontsize=7)
        page.insert_text((80, 80 + 20 * n), line, fontsize=11)
    assert parser.parse(REF, document.tobytes()).text.strip() == " ".join(rows)


def test_a_sentence_over_page_breaks_is_one() -> None:
    def page(number: int, text: str, y: float) -> Page:
        return Page(number, 600, 800, [Line(text, (72, y, 500, y + 10), 10, False, 0)])

    pages = [page(1, "It was broken over the", 600), page(2, "end of its page and", 200), page(3, "the next.", 200)]
    _, sections, _ = assemble(pages)
    assert (sections[0].text, sections[0].page) == ("It was broken over the end of its page and the next.", 1)


def test_a_soft_hyphen_alone_is_no_paragraph() -> None:
    words = ["It was broken.", "\u00ad", "It was mended."]
    lines = [Line(text, (72, 100 + 50 * n, 500, 110 + 50 * n), 10, False, n) for n, text in enumerate(words)]
    _, sections, _ = assemble([Page(1, 600, 800, lines)])
    assert sections[0].text == "It was broken.\n\nIt was mended."


def test_no_line_is_lost_or_doubled(parser: Parser) -> None:
    words = [f"token{n:04d}" for n in range(600)]
    document = pymupdf.open()
    for start in range(0, 600, 200):
        papers.paragraph(document.new_page(), (72, 90, 520, 700), " ".join(words[start : start + 200]))
    text = parser.parse(REF, document.tobytes()).text
    assert [word for word in text.split() if word.startswith("token")] == words


def test_decoding() -> None:
    assert decode_text("naïve".encode()) == "naïve"
    assert decode_text("naïve".encode("cp1252")) == "naïve"
    assert decode_text("naïve".encode("utf-16")) == "naïve"
    assert decode_text(b"\xef\xbb\xbfplain") == "plain"
