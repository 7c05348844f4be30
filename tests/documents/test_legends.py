"""Legends of vector charts: what a caption would list, found in lines and letters, or nothing where it is in doubt."""

from __future__ import annotations

from collections import Counter

import pymupdf
import pytest

from mmsum.config import Figures, Limits
from mmsum.data.synthetic.pdf import with_pdf
from mmsum.documents.inspect import inspect_json
from mmsum.documents.parse import Parser
from mmsum.documents.vector_legends import legend_of
from mmsum.legend import caption_with_lists, listed
from mmsum.records import ObjectRef
from tests.documents.charts import drawn_reports, full_names

KINDS = ("line", "grouped_bar", "stacked_bar", "pie", "box", "heat_map", "flow")
BLUE, RED, GREY = (0.12, 0.47, 0.71), (0.84, 0.15, 0.16), (0.5, 0.5, 0.5)
BARS = "Bars from the left: (1) spring, (2) fall."
BOX = (100.0, 100.0, 400.0, 300.0)


@pytest.mark.parametrize("library", ["vega-lite", "matplotlib"])
def test_what_captions_list_is_found_in_the_charts(library: str) -> None:
    found = Counter[str]()
    for plan in drawn_reports(library, 10, KINDS):
        example, pages = with_pdf(plan)
        with pymupdf.open("pdf", pages) as document:
            for figure in example.figures:
                if not figure.text:
                    continue  # a photograph
                legend = listed(legend_of(document[figure.page - 1], (*figure.bbox,)))  # type: ignore[arg-type]
                told = listed(caption_with_lists(figure.label, figure.caption, example.text.split("\n\n")))
                # A heat map of matplotlib's is an image; boxes of a diagram stand in no row.
                if figure.kind == "flow" or (library == "matplotlib" and figure.kind == "heat_map"):
                    assert legend == {}
                    continue
                assert full_names(legend) == full_names(told), plan.id
                found[figure.kind] += bool(legend)
    assert found["line"] > 0 and found["grouped_bar"] + found["stacked_bar"] > 1


def chart(*swatches: tuple[str, tuple[float, float, float]]) -> pymupdf.Document:
    """A page with two bars of each colour, and a legend of these swatches with their labels."""
    document = pymupdf.open()
    page = document.new_page()
    for row, (text, colour) in enumerate(swatches):
        y = 110.0 + 14 * row
        page.draw_rect((320, y - 8, 330, y), color=None, fill=colour)
        page.insert_text((334, y), text, fontsize=9)
        for bar in (0, 1):
            left = 120.0 + 60 * bar + 20 * row
            page.draw_rect((left, 150 + 20 * row + 10 * bar, left + 16, 290), color=None, fill=colour)
    for value in range(5):
        page.insert_text((102, 290 - 30 * value), str(value), fontsize=9)
    page.insert_text((136, 299), "spring", fontsize=8)
    page.insert_text((202, 299), "fall", fontsize=8)
    return document


def test_slices_are_named_by_what_stands_beside_them() -> None:
    page = pymupdf.open().new_page()
    shape = page.new_shape()
    for angle, start, colour in ((150, (250, 120), BLUE), (110, (290, 269.3), RED), (100, (171.2, 213.9), GREY)):
        shape.draw_sector((250, 200), start, -angle)
        shape.finish(color=(1, 1, 1), fill=colour)
    shape.commit()
    for place, text in (((332, 180), "Market"), ((200, 296), "Station"), ((130, 150), "Old Mill")):
        page.insert_text(place, text, fontsize=9)
    told = "Slices clockwise from the top: (blue) Market, (red) Station, (grey) Old Mill."
    assert legend_of(page, BOX) == told
    page.insert_text((290, 200), "55 %", fontsize=9)  # inside a slice
    assert legend_of(page, BOX) == told
    page.draw_rect((120, 140, 190, 155), color=None, fill=(1, 1, 1), overlay=True)
    assert legend_of(bars({}), BOX) == ""


def test_a_row_that_goes_on_names_other_bars() -> None:
    """The first bar was not found: the second would be told for it."""
    assert legend_of(bars({125: "oak", 185: "elm", 245: "yew", 305: "ash", 365: "fir"}), (*BOX[:2], 460.0, 300.0)) == ""


def test_colours_have_the_word_for_the_nearest_shade() -> None:
    page = chart(("Market", BLUE), ("Station Road", RED), ("the mill (old)", GREY))[0]
    assert legend_of(page, BOX) == f"{BARS} Colours: (blue) Market, (red) Station Road, (grey) the mill old."


@pytest.mark.parametrize(
    "swatches",
    [
        [("Market", BLUE), ("", RED)],
        [("Market", BLUE), ("Station", (0.14, 0.45, 0.7))],  # both blue
        [("Market", BLUE), ("Station", BLUE)],
        [("", BLUE), ("", RED)],
    ],
)
def test_colours_in_doubt_are_not_listed(swatches: list[tuple[str, tuple[float, float, float]]]) -> None:
    assert legend_of(chart(*swatches)[0], BOX) == BARS


def bars(labels: dict[float, str], count: int = 4) -> pymupdf.Page:
    """Bars of one colour at every 60 points from 120, and labels under the axis at those places."""
    page = pymupdf.open().new_page()
    for bar in range(count):
        page.draw_rect((120 + 60 * bar, 200 - 15 * bar, 150 + 60 * bar, 280), color=None, fill=BLUE)
    for x, text in labels.items():
        page.insert_text((x, 292), text, fontsize=8)
    return page


def test_bars_are_counted_where_each_has_its_label() -> None:
    page = bars({125: "oak", 185: "elm", 240: "red cedar", 305: "ash"})
    assert legend_of(page, BOX) == "Bars from the left: (1) oak, (2) elm, (3) red cedar, (4) ash."
    assert legend_of(bars({125: "oak", 185: "elm", 245: "ash"}), BOX) == ""  # one has none
    assert legend_of(bars({125: "2010", 185: "2011", 245: "2012", 305: "2013"}), BOX) == ""  # a scale
    assert legend_of(bars({125: "oak", 185: "elm", 245: "oak", 305: "ash"}), BOX) == ""
    assert legend_of(bars({125: "oak", 185: "elm"}, count=2), BOX) == ""


def test_nodes_of_a_network_are_no_bars() -> None:
    page = pymupdf.open().new_page()
    places = [(130, 250), (190, 250), (250, 250), (160, 150), (220, 130), (280, 190)]
    for x, y in places:  # three stand on one level, by chance, over the names of the lowest
        page.draw_rect((x, y, x + 18, y + 18), color=None, fill=BLUE)
    for x, text in ((128, "survey"), (188, "budget"), (250, "plan")):
        page.insert_text((x, 280), text, fontsize=8)
    assert legend_of(page, BOX) == ""


@pytest.mark.parametrize("angle", [35, 45, 90])
def test_names_under_bars_may_be_slanted(angle: int) -> None:
    page = bars({})
    for x, text in ((135, "oak"), (195, "elm"), (255, "red cedar"), (315, "ash")):
        end, length = pymupdf.Point(x + 4, 287), pymupdf.get_text_length(text, fontsize=8)
        page.insert_text((end.x - length, end.y), text, fontsize=8, morph=(end, pymupdf.Matrix(angle)))
    assert legend_of(page, (*BOX[:3], 340.0)) == "Bars from the left: (1) oak, (2) elm, (3) red cedar, (4) ash."


def test_colours_of_bars_without_names_are_not_told() -> None:
    page = bars({})
    for x, text, colour in ((200, "2011", BLUE), (260, "2018", RED)):
        page.draw_rect((x - 12, 112, x - 4, 120), color=None, fill=colour)
        page.insert_text((x, 120), text, fontsize=9)
    page.draw_rect((160, 260, 175, 280), color=None, fill=RED)
    assert legend_of(page, BOX) == ""


@pytest.mark.parametrize("turned", [0, 90])
def test_documents_have_the_legend_of_a_chart_however_its_page_lies(turned: int) -> None:
    document = chart(("Market", BLUE), ("Station", RED), ("Mill", GREY))
    page = document[0]
    page.insert_text((100, 320), "Figure 1: Takings by shop and year.", fontsize=10)
    page.draw_rect((116, 140, 300, 292), color=GREY)
    page.set_rotation(turned)
    with Parser(Limits(), Figures()) as parser:
        parsed = parser.parse(ObjectRef("mem://chart", 0, ""), document.tobytes())
    (figure,) = parsed.figures
    assert figure.legend == f"{BARS} Colours: (blue) Market, (red) Station, (grey) Mill."
    assert inspect_json(parsed)["figures"][0]["legend"] == figure.legend


def test_a_page_of_many_strokes_is_no_chart_with_a_legend() -> None:
    page = chart(("Market", BLUE), ("Station", RED))[0]
    shape = page.new_shape()
    for number in range(1100):
        shape.draw_line((120 + number % 200, 160), (121 + number % 200, 170 + number % 90))
        shape.finish(color=GREY)
    shape.commit()
    assert legend_of(page, BOX) == ""
