"""Several pictures under one caption are one figure that shows them all."""

from __future__ import annotations

import base64
import io

import docx
import pytest
from PIL import Image, ImageColor

from mmsum.documents.panels import join_panels
from mmsum.documents.parse import Parser
from mmsum.records import Document, Figure
from tests.documents.conftest import REF
from tests.tiny import png

COLOURS = ("red", "green", "blue", "orange")


def panel(colour: str, width: int, height: int, pixels: int = 1) -> Figure:
    """A picture of one colour, `width` x `height` points, with `pixels` a point."""
    image = png(colour, (width * pixels, height * pixels))
    return Figure("", 1, (0, 0, width, height), "", "figure", width * pixels, height * pixels, image=image)


def colour_at(figure: Figure, across: float, down: float) -> str:
    """The colour at shares of a figure's width and height."""
    with Image.open(io.BytesIO(figure.image)) as image:
        assert image.size == (figure.width, figure.height)
        found = image.convert("RGB").getpixel((int(across * image.width), int(down * image.height)))
    assert isinstance(found, tuple)
    return min(
        (*COLOURS, "white"),
        key=lambda name: sum(abs(a - b) for a, b in zip(ImageColor.getrgb(name), found, strict=True)),
    )


def corners(figure: Figure) -> list[str]:
    return [colour_at(figure, across, down) for down in (0.2, 0.8) for across in (0.2, 0.8)]


def test_four_panels_are_two_rows() -> None:
    figure = join_panels([panel(colour, 120, 90, pixels=2) for colour in COLOURS], longest_side=800)
    assert corners(figure) == list(COLOURS)
    assert figure.bbox == pytest.approx((0, 0, 243.12, 183.12))  # points, whatever the pixels
    assert figure.width == pytest.approx(486, abs=1)  # as fine as they were
    smaller = join_panels([panel(colour, 120, 90, pixels=2) for colour in COLOURS], longest_side=200)
    assert (smaller.bbox, smaller.width, corners(smaller)) == (figure.bbox, 200, list(COLOURS))


@pytest.mark.parametrize(
    ("width", "height", "places"), [(300, 60, [(0.5, 0.2), (0.5, 0.8)]), (60, 160, [(0.2, 0.5), (0.8, 0.5)])]
)
def test_wide_panels_stand_one_below_the_other(width: int, height: int, places: list[tuple[float, float]]) -> None:
    figure = join_panels([panel("red", width, height), panel("blue", width, height)], longest_side=800)
    assert [colour_at(figure, *place) for place in places] == ["red", "blue"]


def test_the_rest_of_the_last_row_is_white_and_sizes_may_differ() -> None:
    figure = join_panels([panel("red", 120, 90), panel("green", 60, 45), panel("blue", 120, 60)], longest_side=800)
    assert corners(figure) == ["red", "green", "blue", "white"]


def test_one_picture_twice_or_without_pixels_is_no_panel() -> None:
    red, broken = panel("red", 120, 90), Figure("", 1, (0, 0, 0, 0), "", "figure", 0, 0)
    assert join_panels([broken, red, panel("red", 120, 90)], longest_side=800) is red
    assert join_panels([broken, broken], longest_side=800) is broken


def test_what_is_known_of_panels_is_known_of_the_figure() -> None:
    first, second = panel("red", 120, 90), panel("blue", 120, 90)
    first.text, second.text = "oak", "elm"
    first.legend, second.legend = "Lines: (red) oak.", "Lines: (blue) elm."
    first.kind = second.kind = "photo"
    figure = join_panels([first, second], longest_side=800)
    assert (figure.text, figure.legend, figure.kind) == ("oak elm", "Lines: (red) oak. Lines: (blue) elm.", "photo")
    first.kind = "figure"
    assert join_panels([first, second], longest_side=800).kind == "figure"


def _link(colour: str) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(colour)).decode()}"


def web_page() -> bytes:
    panels = "".join(
        f"<figure><img src='{_link(colour)}' alt='Refer to caption'><figcaption>({letter}) {colour}.</figcaption></figure>"
        for letter, colour in zip("abcd", COLOURS, strict=True)
    )
    figure = f"<figure><div>{panels}</div><figcaption>Figure 1: Colours.</figcaption></figure>"
    return f"<html><body>{figure}<p>Figure 1 shows all. <img src='{_link('white')}'></p></body></html>".encode()


def markdown() -> bytes:
    pictures = " ".join(f"![{colour}]({_link(colour)})" for colour in COLOURS)
    return f"# Colours\n\nFigure 1 shows all.\n\n{pictures}\n\nFigure 1: Colours.\n\nThe end.\n".encode()


def word(caption: str = "below") -> bytes:
    """Pictures in the four cells of a table; its caption in a row as wide as the table, or below."""
    written = docx.Document()
    written.add_paragraph("Figure 1 shows all.")
    table = written.add_table(rows=3 if caption == "in the table" else 2, cols=2)
    for number, colour in enumerate(COLOURS):
        cell = table.cell(number // 2, number % 2)
        cell.paragraphs[0].add_run().add_picture(io.BytesIO(png(colour)))
        cell.add_paragraph(f"({'abcd'[number]})")
    if caption == "in the table":
        table.cell(2, 0).merge(table.cell(2, 1)).text = "Figure 1: Colours."
    else:
        written.add_paragraph("Figure 1: Colours.", style="Caption")
    written.add_paragraph("The end.")
    out = io.BytesIO()
    written.save(out)
    return out.getvalue()


CASES = {"html": web_page, "markdown": markdown, "docx": word, "docx, merged row": lambda: word("in the table")}


@pytest.mark.parametrize("case", CASES)
def test_documents_have_one_figure(parser: Parser, case: str) -> None:
    data = CASES[case]()
    document = parser.parse(REF, data)
    assert document.status == "ok", document.failure_message
    figure = next(figure for figure in document.figures if figure.label)
    assert len(document.figures) == (2 if case == "html" else 1)
    assert figure.label == "Figure 1" and figure.caption.startswith("Figure 1: Colours.")
    assert figure.mentions == ["Figure 1 shows all."]
    assert corners(figure) == list(COLOURS)
    assert "(a)" not in document.text
    if case == "html":
        assert figure.caption == "Figure 1: Colours. (a) red. (b) green. (c) blue. (d) orange."
    assert crop_colours(parser, document, data) == list(COLOURS)


def crop_colours(parser: Parser, document: Document, data: bytes) -> list[str]:
    """Of the labelled figure, made again from its place at another size."""
    figure = next(figure for figure in document.figures if figure.label)
    (image,) = parser.render(REF, data, [(figure.page, figure.bbox)], 150)
    with Image.open(io.BytesIO(image)) as opened:
        size = opened.size
    assert max(size) == 150
    return corners(Figure("", 1, figure.bbox, "", "figure", *size, image=image))
