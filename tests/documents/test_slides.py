"""What people do in PowerPoint that the plainest deck does not show: nothing of it is lost in silence."""

from __future__ import annotations

import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pptx
import pymupdf
from lxml import etree
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Pt

from mmsum.documents.parse import Parser
from mmsum.records import Document
from tests.documents.test_office import MC, TALL, WIDE, read


def read_slide(parser: Parser, fill: Callable[[Any], None]) -> Document:
    """A slide filled by `fill`, with a text below what it put there, and a slide after it."""
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    fill(slide)
    slide.shapes.add_textbox(Pt(50), Pt(450), Pt(500), Pt(40)).text_frame.text = "Below."
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "The next slide"
    document = read(parser, deck)
    assert "Below." in document.text and document.sections[-1].heading == "The next slide"
    return document


PLACE = Pt(50), Pt(50), Pt(300), Pt(200)


def test_charts_of_any_type_are_read(parser: Parser) -> None:
    kinds = [XL_CHART_TYPE.COLUMN_CLUSTERED, XL_CHART_TYPE.THREE_D_COLUMN, XL_CHART_TYPE.XY_SCATTER]

    def fill(slide: Any) -> None:
        for kind in kinds:
            scattered = kind == XL_CHART_TYPE.XY_SCATTER
            data: Any = XyChartData() if scattered else CategoryChartData()
            series = data.add_series("rye") if scattered else None
            if series is None:
                data.categories = ["2020", "north"]
                data.add_series("rye", (4.2999999999999998, 1_234_567))
            else:
                series.add_data_point(1.5, 7)
            # python-pptx writes no 3-D charts; PowerPoint's differ from flat ones in the name of the plot.
            flat = XL_CHART_TYPE.COLUMN_CLUSTERED if kind == XL_CHART_TYPE.THREE_D_COLUMN else kind
            chart = slide.shapes.add_chart(flat, *PLACE, data).chart
            chart.chart_title.text_frame.text = f"Yields {kind.name}"
            if flat != kind:
                (plot,) = chart._chartSpace.xpath("c:chart/c:plotArea/c:barChart")
                plot.tag = plot.tag.replace("barChart", "bar3DChart")

    text = read_slide(parser, fill).text
    for kind in kinds[:2]:
        assert f"Yields {kind.name}\nrye: 2020 4.3, north 1234567" in text
    assert "Yields XY_SCATTER\nrye: 1.5 7" in text


def test_a_linked_picture_costs_nothing_else(parser: Parser) -> None:
    def fill(slide: Any) -> None:
        for data in (WIDE, TALL):
            last = slide.shapes.add_picture(io.BytesIO(data), *PLACE)
        (blip,) = last._element.xpath(".//a:blip")
        names = dict(blip.attrib)
        blip.attrib.clear()
        blip.attrib.update({name.replace("embed", "link"): value for name, value in names.items()})
        last._element._nvXxPr.cNvPr.set("descr", "A field in autumn")

    document = read_slide(parser, fill)
    assert [figure.width for figure in document.figures] == [160] and "A field in autumn" in document.text


def test_shapes_without_a_known_form_keep_their_words(parser: Parser) -> None:
    def fill(slide: Any) -> None:
        for number, broken in enumerate(["geometry", "place"]):
            shape = slide.shapes.add_shape(1, Pt(50), Pt(50 + 60 * number), Pt(90), Pt(50))
            shape.text_frame.text = f"Without {broken}."
            properties = shape._element.spPr
            if broken == "geometry":
                properties.remove(properties.find("{*}prstGeom"))
            else:
                properties.find("{*}xfrm/{*}off").set("x", "far left")
        group = slide.shapes.add_group_shape()
        group.shapes.add_picture(io.BytesIO(WIDE), *PLACE)
        group.shapes.add_textbox(*PLACE).text_frame.text = "In a group."

    document = read_slide(parser, fill)
    assert all(words in document.text for words in ("Without geometry.", "Without place.", "In a group."))
    assert [figure.width for figure in document.figures] == [160]


def test_shapes_written_for_new_and_old_programs_are_read_once(parser: Parser) -> None:
    """A box with a formula, and a 3-D model, of which old programs get a picture."""

    def fill(slide: Any) -> None:
        for number, words in enumerate(["The mean is", "A model"]):
            box = slide.shapes.add_textbox(Pt(50), Pt(50), Pt(300), Pt(40))
            box.text_frame.text = words
            other: Any = slide.shapes.add_picture(io.BytesIO(WIDE), *PLACE) if number else deepcopy(box)
            either = etree.Element(f"{{{MC}}}AlternateContent")
            box._element.addprevious(either)
            for way, shape in (("Choice", box), ("Fallback", other)):
                etree.SubElement(either, f"{{{MC}}}{way}").append(shape._element)

    document = read_slide(parser, fill)
    assert document.text.count("The mean is") == 1 and "A model" not in document.text
    assert [figure.width for figure in document.figures] == [160]


def test_a_hidden_slide_keeps_its_number_and_is_not_read(parser: Parser) -> None:
    deck = pptx.Presentation()
    for number in (1, 2, 3):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = f"Slide number {number}"
    deck.slides[1]._element.set("show", "0")
    document = read(parser, deck)
    assert [(section.heading, section.page) for section in document.sections] == [
        ("Slide number 1", 1),
        ("Slide number 3", 3),
    ]
    assert (document.status, document.pages_total, document.pages_read) == ("ok", 3, 3)


def test_a_description_that_is_a_file_name_is_no_caption(parser: Parser) -> None:
    def fill(slide: Any) -> None:
        for number, words in enumerate(("a chart (2).png", "Loans by month")):
            shape: Any = slide.shapes.add_picture(io.BytesIO(WIDE), Pt(20 + 300 * number), Pt(20), Pt(200), Pt(150))
            shape._element._nvXxPr.cNvPr.set("descr", words)

    assert [figure.caption for figure in read_slide(parser, fill).figures] == ["", "Loans by month"]


def test_what_is_cut_off_a_picture_is_not_shown(parser: Parser) -> None:
    def fill(slide: Any) -> None:
        shape = slide.shapes.add_picture(io.BytesIO(WIDE), *PLACE)
        shape.crop_left, shape.crop_bottom, shape.crop_top = 0.25, 0.5, -0.2  # a margin above

    (figure,) = read_slide(parser, fill).figures
    assert (figure.width, figure.height) == (120, 60)
    kept = pymupdf.Pixmap(pymupdf.Pixmap(WIDE), 0)
    seen = pymupdf.Pixmap(figure.image)
    assert [seen.pixel(0, 0), seen.pixel(119, 59)] == [kept.pixel(40, 0), kept.pixel(159, 59)]


def test_a_picture_in_groups_stands_where_they_put_it(parser: Parser) -> None:
    """Both groups show what is in them at half its size; the outer one stands at (100, 100)."""

    def fill(slide: Any) -> None:
        outer = slide.shapes.add_group_shape()
        inner = outer.shapes.add_group_shape()
        inner.shapes.add_picture(io.BytesIO(WIDE), Pt(0), Pt(0), Pt(400), Pt(200))
        for group, at in ((inner, 0), (outer, 100)):
            place = group._element.grpSpPr.xfrm
            side = 400 if group is inner else 200
            place.chOff.x = place.chOff.y = 0
            place.chExt.cx, place.chExt.cy = Pt(side), Pt(side // 2)
            place.off.x = place.off.y = Pt(at)
            place.ext.cx, place.ext.cy = Pt(side // 2), Pt(side // 4)

    (figure,) = read_slide(parser, fill).figures
    assert figure.bbox == (100, 100, 200, 150)


def test_columns_set_by_hand_are_read_from_the_left(parser: Parser) -> None:
    """The right one begins a hundredth of an inch higher; the rows below it are rows."""

    def fill(slide: Any) -> None:
        for words, left, top in (
            ("Fourth.", 50, 135),
            ("Third.", 350, 120),
            ("Second.", 350, 49.28),
            ("First.", 50, 50),
        ):
            slide.shapes.add_textbox(Pt(left), Pt(top), Pt(250), Pt(12)).text_frame.text = words

    assert read_slide(parser, fill).sections[0].text.split() == ["First.", "Second.", "Third.", "Fourth.", "Below."]


def test_a_line_that_is_broken_in_a_paragraph(parser: Parser) -> None:
    def fill(slide: Any) -> None:
        slide.shapes.add_textbox(*PLACE).text_frame.text = "Costs\vrose in sum\u00admer."

    assert read_slide(parser, fill).sections[0].text.split("\n\n")[0] == "Costs rose in summer."
