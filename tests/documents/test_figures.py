"""Figures of drawn pages, where the exact place is known."""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from pathlib import Path

import pymupdf
import pytest

from mmsum.config import Figures, Limits
from mmsum.documents import evidence
from mmsum.documents.inspect import inspect_json
from mmsum.documents.parse import Parser
from mmsum.documents.pdf import open_pdf, read_pages
from mmsum.documents.read import finish
from tests.documents import papers
from tests.documents.conftest import REF


def test_vector_chart_with_caption(parser: Parser) -> None:
    place = (120, 220, 408, 400)
    caption = "Figure 1: Yield of two fields over a year, in tonnes."
    document = parser.parse(REF, papers.report([("line", place, caption)]))
    (figure,) = document.figures
    assert papers.iou(figure.bbox, place) > 0.75  # matplotlib leaves white margins that are no ink
    assert figure.bbox[3] < 403  # the caption is not in it
    assert (figure.label, figure.caption, figure.page, figure.kind) == ("Figure 1", caption, 1, "chart")
    assert "tonnes" in figure.text and "north" in figure.text
    assert figure.mentions == ["As Figure 1 shows, the yield grew."]
    (shown,) = inspect_json(document)["figures"]
    assert (shown["label"], shown["mentions"], shown["text"]) == ("Figure 1", figure.mentions, figure.text)
    assert document.sections[figure.section].heading == "Results"
    pixels = pymupdf.Pixmap(figure.image)
    assert (pixels.width, pixels.height) == (figure.width, figure.height)
    assert 250 < figure.width <= 672
    assert caption not in document.text and "tonnes" not in document.text
    assert document.title == "Harvest of the northern fields"


def test_two_charts_side_by_side_stay_apart(parser: Parser) -> None:
    left, right = (60, 220, 300, 370), (312, 220, 552, 370)
    document = parser.parse(
        REF, papers.report([("line", left, "Figure 1: Yield of fields."), ("bar", right, "Figure 2: Yield of crops.")])
    )
    assert [f.label for f in document.figures] == ["Figure 1", "Figure 2"]
    assert papers.iou(document.figures[0].bbox, left) > 0.7
    assert papers.iou(document.figures[1].bbox, right) > 0.7


def test_panels_under_one_caption_are_one_figure(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 190), papers.LOREM * 4)
    for box in ((100, 200, 290, 340), (302, 200, 492, 340), (100, 352, 290, 492), (302, 352, 492, 492)):
        page.insert_image(pymupdf.Rect(box), stream=papers.photo(190, 140))
    papers.paragraph(
        page, (100, 500, 492, 540), "Fig. 4. Four views of the same (noisy) field, from north to south.", 9
    )
    (figure,) = parser.parse(REF, document.tobytes()).figures
    assert figure.label == "Figure 4"
    assert papers.iou(figure.bbox, (100, 200, 492, 492)) > 0.95


def test_captions_side_by_side_part_what_almost_touches(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 190), papers.LOREM * 4)
    boxes = ((72, 200, 300, 360), (304, 200, 532, 360))  # closer than panels of one figure would be
    for number, box in enumerate(boxes, start=1):
        page.insert_image(pymupdf.Rect(box), stream=papers.photo(228, 160))
        papers.paragraph(page, (box[0], 366, box[2] - 8, 400), f"Figure {number}: The field from its side {number}.", 9)
    figures = parser.parse(REF, document.tobytes()).figures
    assert [figure.label for figure in figures] == ["Figure 1", "Figure 2"]
    assert all(papers.iou(figure.bbox, box) > 0.95 for figure, box in zip(figures, boxes, strict=True))


def test_a_diagram_of_boxes_with_words_is_a_figure_and_its_caption_follows_a_mark(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 160), papers.LOREM * 3)
    for row in range(3):
        for column in range(3):
            box = pymupdf.Rect(90 + 160 * column, 190 + 70 * row, 200 + 160 * column, 225 + 70 * row)
            page.draw_rect(box, color=(0, 0, 0), fill=(0.9, 0.95, 1))
            page.insert_text((box.x0 + 14, box.y0 + 20), f"collect part {row}{column}", fontsize=9)
            if column < 2:
                page.draw_line((box.x1, box.y0 + 17), (box.x1 + 50, box.y0 + 17))
                page.draw_line((box.x1 + 44, box.y0 + 13), (box.x1 + 50, box.y0 + 17))
    page.insert_text((300, 386), "(a)", fontsize=9)
    papers.paragraph(page, (72, 388, 540, 412), "Figure 1. Nine parts are collected, row by row.", 9)
    (figure,) = parser.parse(REF, document.tobytes()).figures
    assert figure.label == "Figure 1"
    assert papers.iou(figure.bbox, (90, 190, 520, 387)) > 0.9


def test_drawn_logos_that_repeat_are_left_out(parser: Parser) -> None:
    document = pymupdf.open()
    for number in range(2):
        page = document.new_page(width=612, height=792)
        page.draw_circle((540, 30), 18, fill=(0.2, 0.4, 0.6))
        page.draw_circle((560, 30), 18, fill=(0.8, 0.4, 0.6))
        papers.paragraph(page, (72, 300, 540, 500), f"{number} " + papers.LOREM * 4)
        page.show_pdf_page(pymupdf.Rect(252, 60, 540, 240), pymupdf.open("pdf", papers.chart()), 0)
        papers.paragraph(page, (252, 246, 540, 270), f"Figure {number + 1}: Yield of two fields.", 9)
    figures = parser.parse(REF, document.tobytes()).figures
    assert [figure.label for figure in figures] == ["Figure 1", "Figure 2"]
    assert all(figure.bbox[1] > 60 for figure in figures)


def test_photo_without_caption_is_kept_and_logos_are_not(parser: Parser) -> None:
    document = pymupdf.open()
    place = (150, 300, 450, 525)
    for number in range(3):
        page = document.new_page(width=612, height=792)
        page.insert_image(pymupdf.Rect(72, 20, 172, 60), stream=papers.photo(100, 40))  # a logo on every page
        page.draw_line((72, 66), (540, 66))
        papers.paragraph(page, (72, 80, 540, 280), papers.LOREM * 5)
        if number == 1:
            page.insert_image(pymupdf.Rect(place), stream=papers.photo(300, 225))
    (figure,) = parser.parse(REF, document.tobytes()).figures
    assert (figure.page, figure.label, figure.caption) == (2, "", "")
    assert papers.iou(figure.bbox, place) > 0.95


@pytest.mark.parametrize("alike", [True, False])
def test_pictures_at_one_place_repeat_only_where_they_show_the_same(parser: Parser, alike: bool) -> None:
    document = pymupdf.open()
    place = (60, 350, 280, 496)
    for number in range(1, 4):
        single = pymupdf.open()
        page = single.new_page(width=612, height=792)
        papers.paragraph(page, (60, 60, 540, 300), papers.LOREM * 5)
        page.insert_image(pymupdf.Rect(place), stream=noise(1 if alike else number))
        papers.paragraph(page, (60, 502, 540, 530), f"Figure {number}: The field in year {number}.", 9)
        document.insert_pdf(single)
    # Each page has an object of its own, as where a program writes its logo anew.
    assert len({image[0] for page in document for image in page.get_images()}) == 3
    figures = parser.parse(REF, document.tobytes()).figures
    assert [figure.label for figure in figures] == ([] if alike else ["Figure 1", "Figure 2", "Figure 3"])
    assert all(papers.iou(figure.bbox, place) > 0.9 for figure in figures)


def test_a_picture_under_a_title_is_a_figure_not_a_scan(parser: Parser) -> None:
    slides = pymupdf.open()
    for title, size in (("Results", 32), ("AB-00123", 9)):
        slide = slides.new_page(width=960, height=540)
        slide.insert_text((60, 60), title, fontsize=size)
        slide.insert_image(pymupdf.Rect(90, 90, 870, 530), stream=noise(size), keep_proportion=False)
    with Parser(Limits(ocr_pages=0), Figures()) as blind:
        document = blind.parse(REF, slides.tobytes())
    assert [figure.page for figure in document.figures] == [1] and document.title == "Results"
    assert document.failure_kind == "needs_ocr" and "first: 2" in document.failure_message


def test_pictures_that_differ_in_their_masks_alone_do_not_repeat(parser: Parser) -> None:
    document = pymupdf.open()
    black = bytes(pymupdf.Pixmap(pymupdf.csRGB, 300, 200, bytes(300 * 200 * 3), False).tobytes("png"))
    for number in range(1, 3):
        page = document.new_page(width=612, height=792)
        papers.paragraph(page, (60, 60, 540, 300), papers.LOREM * 5)
        shape = pymupdf.Pixmap(pymupdf.csGRAY, 300, 200, bytes((x * number) % 256 for x in range(60_000)), False)
        page.insert_image(pymupdf.Rect(60, 350, 280, 496), stream=black, mask=shape.tobytes("png"))
        papers.paragraph(page, (60, 502, 540, 530), f"Figure {number}: The field in year {number}.", 9)
    figures = parser.parse(REF, document.tobytes()).figures
    assert [figure.label for figure in figures] == ["Figure 1", "Figure 2"]


def test_a_banner_of_all_pages_uses_up_no_limit(tmp_path: Path) -> None:
    document, banner = pymupdf.open(), noise(1)
    for _ in range(8):
        page = document.new_page(width=612, height=792)
        page.insert_image(pymupdf.Rect(72, 100, 540, 280), stream=banner)
        papers.paragraph(page, (72, 300, 540, 500), papers.LOREM * 4)
    page.insert_image(pymupdf.Rect(100, 520, 320, 666), stream=noise(2))
    papers.paragraph(page, (100, 672, 540, 700), "Figure 1: The field in spring.", 9)
    document.save(tmp_path / "file")
    opened, info = open_pdf(str(tmp_path / "file"))
    pages = list(read_pages(opened, Limits(figures=3), Figures()))
    assert [len(page.figures) for page in pages] == [1, 1, 1, 0, 0, 0, 0, 1]
    read = finish(REF, info, pages, Limits(figures=3))
    assert (read.status, [figure.label for figure in read.figures]) == ("ok", ["Figure 1"])


def test_a_picture_in_the_content_of_its_page_is_a_figure(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 190), papers.LOREM * 4)
    papers.paragraph(page, (100, 412, 492, 440), "Figure 1: The field in spring.", 9)
    pixels = random.Random(3).randbytes(60 * 40).hex().encode()
    picture = b"q 300 0 0 200 100 392 cm BI /W 60 /H 40 /BPC 8 /CS /G /F /AHx ID " + pixels + b"> EI Q"
    content = page.get_contents()[0]
    document.update_stream(content, document.xref_stream(content) + b"\n" + picture)
    (figure,) = parser.parse(REF, document.tobytes()).figures
    assert figure.label == "Figure 1" and papers.iou(figure.bbox, (100, 200, 400, 400)) > 0.95


def test_evidence_of_pages_read_before_is_let_go() -> None:
    document = pymupdf.open()
    for number in range(9):
        page = document.new_page()
        if number % 4 == 0:  # a page without pictures behind each with one
            page.draw_circle((200, 200), 50)
    window = evidence.EvidenceWindow(document)
    for number in range(9):
        assert len(window.of_page(number).drawings) == (number % 4 == 0)
    assert set(window._known) <= {7, 8, 9}


def noise(seed: int) -> bytes:
    """A PNG of 300 x 200 pixels that no other seed gives."""
    samples = random.Random(seed).randbytes(300 * 200 * 3)
    return bytes(pymupdf.Pixmap(pymupdf.csRGB, 300, 200, samples, False).tobytes("png"))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_boxes_of_rotated_pages_are_as_displayed(parser: Parser, rotation: int) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    place = pymupdf.Rect(150, 300, 450, 500)
    papers.paragraph(page, (72, 80, 540, 280), papers.LOREM * 5)
    page.insert_image(place, stream=papers.photo(300, 200))
    papers.paragraph(page, (150, 506, 450, 530), "Figure 9: A field.", 9)
    page.set_rotation(rotation)
    shown = tuple(place * page.rotation_matrix)
    found = parser.parse(REF, document.tobytes())
    (figure,) = found.figures
    assert figure.label == "Figure 9" and papers.iou(figure.bbox, shown) > 0.95
    assert "seven wizards vex a bold sphinx" in found.text  # read upright


def test_text_with_rules_and_boxes_has_no_figures(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.draw_rect(pymupdf.Rect(60, 60, 552, 300), color=(0, 0, 1), fill=(0.95, 0.95, 1))
    papers.paragraph(page, (72, 80, 540, 290), papers.LOREM * 5)
    for row in range(6):
        page.draw_line((72, 400 + 20 * row), (540, 400 + 20 * row))
        for column in range(4):
            page.insert_text((80 + 115 * column, 415 + 20 * row), f"cell number {row}.{column}", fontsize=9)
    found = parser.parse(REF, document.tobytes())
    assert found.figures == []
    assert "cell number 3.0 | cell number 3.1" in found.text


def test_panels_far_apart_are_one_figure(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 180), papers.LOREM * 3)
    for x in (72, 400):
        page.insert_image(pymupdf.Rect(x, 200, x + 140, 320), stream=papers.photo(140, 120))
    papers.paragraph(page, (72, 326, 540, 350), "Figure 1: The field, in spring and in autumn.", 9)
    papers.paragraph(page, (72, 380, 540, 480), papers.LOREM * 3)
    (figure,) = parser.parse(REF, document.tobytes()).figures
    assert papers.iou(figure.bbox, (72, 200, 540, 320)) > 0.95


def test_a_captioned_table_is_a_figure_and_its_rows_are_text(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 80, 540, 200), papers.LOREM * 3 + "Table 1 names them.")
    page.insert_text((72, 230), "Table 1: Fields and their yields.", fontsize=9)
    for row in range(5):
        page.draw_line((72, 240 + 18 * row), (540, 240 + 18 * row))
        for column in range(4 if row < 4 else 0):
            page.insert_text((80 + 115 * column, 253 + 18 * row), f"cell {row}.{column}", fontsize=9)
    papers.paragraph(page, (72, 340, 540, 460), papers.LOREM * 3)
    found = parser.parse(REF, document.tobytes())
    (figure,) = found.figures
    assert (figure.label, figure.kind) == ("Table 1", "table") and figure.mentions == ["Table 1 names them."]
    rows = "\n".join(" | ".join(f"cell {row}.{column}" for column in range(4)) for row in range(4))
    assert figure.text == rows and rows in found.text


def test_a_background_behind_text_is_no_figure(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.insert_image(pymupdf.Rect(0, 0, 612, 500), stream=papers.photo(306, 250), keep_proportion=False)
    page.insert_image(pymupdf.Rect(0, 500, 612, 792), stream=papers.photo(306, 146), keep_proportion=False)
    papers.paragraph(page, (72, 60, 540, 480), papers.LOREM * 12)
    papers.paragraph(page, (72, 520, 540, 720), papers.LOREM * 5)
    found = parser.parse(REF, document.tobytes())
    assert found.figures == [] and "wizards" in found.text


def test_the_layout_model_is_asked_only_where_something_is_open() -> None:
    place = (120, 220, 408, 400)
    with Parser(Limits(), Figures()) as fresh:
        fresh.parse(REF, papers.pages_of_text(2))
        assert len(fresh.parse(REF, papers.report([("line", place, "Figure 1: Yield.")])).figures) == 1
        assert not fresh._run(has_layout_model)
        assert len(fresh.parse(REF, papers.report([("line", place, "A chart that has no number.")])).figures) == 1
        assert fresh._run(has_layout_model)


def has_layout_model() -> bool:
    return evidence.load_layout.cache_info().currsize > 0


DATA = os.environ.get("MMSUM_DATA")


@pytest.mark.skipif(not DATA, reason="MMSUM_DATA is not set")
def test_figures_of_typeset_papers(parser: Parser) -> None:
    """F1 at IoU 0.5 over the first 20 papers; all 116 are measured by benchmarks/parse.py."""
    folder = Path(str(DATA), "joss")
    truth: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in map(json.loads, (folder / "figures_truth.jsonl").read_text().splitlines()):
        truth[row["pdf"]].append(row)
    right = found = wanted = captions = 0
    for name, rows in sorted(truth.items())[:20]:
        figures = [f for f in parser.parse(REF, (folder / name).read_bytes()).figures if f.kind != "table"]
        found += len(figures)
        wanted += len(rows)
        for row in rows:
            hits = [f for f in figures if f.page == row["page"] and papers.iou(f.bbox, row["bbox"]) >= 0.5]  # type: ignore[arg-type]
            right += bool(hits)
            captions += bool(hits) and hits[0].caption.split()[:3] == str(row["caption"]).split()[:3]
    assert 2 * right / (found + wanted) >= 0.97
    assert captions >= 0.95 * wanted
