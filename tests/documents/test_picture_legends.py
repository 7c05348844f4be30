"""Legends of charts that are pictures: what a caption would list, read by OCR, or nothing where it is in doubt."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from mmsum.config import Figures, Limits
from mmsum.data.synthetic.render import render_report
from mmsum.documents import ocr, read
from mmsum.documents.page import Page
from mmsum.documents.parse import Parser
from mmsum.documents.picture_legends import legend_of_picture, may_be_chart
from mmsum.legend import caption_with_lists, listed
from mmsum.records import Document, Figure, ObjectRef
from tests.documents.charts import drawn_reports, full_names

pytest.importorskip("rapidocr")

KINDS = ("line", "grouped_bar", "stacked_bar", "pie", "box", "heat_map")
PIE = "Slices clockwise from the top: (blue) Market, (orange) Station, (green) Old Mill."
BLUE, ORANGE, GREEN = "#1f77b4", "#ff7f0e", "#2ca02c"


def encoded(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def pie() -> Image.Image:
    """Three slices with their names beside them, as most programs draw them."""
    picture = Image.new("RGB", (640, 420), "white")
    draw = ImageDraw.Draw(picture)
    for start, end, colour in ((-90, 60, BLUE), (60, 170, ORANGE), (170, 270, GREEN)):
        draw.pieslice((190, 80, 450, 340), start, end, fill=colour, outline="white", width=2)
    font = ImageFont.load_default(20)
    for place, text in (((455, 170), "Market"), (((240, 345)), "Station"), ((100, 150), "Old Mill")):
        draw.text(place, text, fill="black", font=font)
    return picture


def lines(*swatches: tuple[str, str], line_swatch: bool = False) -> Image.Image:
    """Lines of these colours that cross, with a legend of these names."""
    picture = Image.new("RGB", (660, 440), "white")
    draw = ImageDraw.Draw(picture)
    draw.line((60, 20, 60, 380, 480, 380), fill="black", width=2)
    font = ImageFont.load_default(18)
    for row, (name, colour) in enumerate(swatches):
        y = 60 + 40 * row
        draw.line(
            [(70 + 50 * step, 350 - 30 * (step if row % 2 else 8 - step) - 9 * row) for step in range(9)], colour, 4
        )
        draw.rectangle((500, y + 8, 524, y + 11) if line_swatch else (508, y + 3, 522, y + 17), fill=colour)
        draw.text((532, y), name, fill="#222222", font=font)
    return picture


def parse(data: bytes, name: str, read_legends: int) -> Document:
    with Parser(Limits(), Figures(read_legends=read_legends)) as parser:
        return parser.parse(ObjectRef(f"mem://{name}", len(data), ""), data)


@pytest.mark.parametrize("library", ["pillow", "vega-lite"])
def test_what_captions_list_is_read_in_the_charts(library: str) -> None:
    """In most charts everything, and what is told never contradicts the caption."""
    verdicts = Counter[str]()
    for plan in drawn_reports(library, 4, KINDS):
        example = render_report(plan)
        for planned, figure in zip(plan.figures, example.figures, strict=True):
            if planned.plot is None:
                continue
            told = listed(caption_with_lists(planned.label, planned.caption, plan.text.split("\n\n")))
            with Image.open(io.BytesIO(figure.image)) as small:  # as large as the crops that documents give
                large = small.convert("RGB").resize(
                    (634, round(634 * small.height / small.width)), Image.Resampling.BICUBIC
                )
            found, expected = (full_names(names) for names in (listed(legend_of_picture(encoded(large))), told))
            if expected:
                verdicts["same" if found == expected else "part" if found else "none"] += 1
                wrong = {name for name, key in found.items() if expected.get(name, key) != key}
                assert not wrong, (plan.id, found, expected)
    assert verdicts["same"] >= 0.6 * verdicts.total() > 3, verdicts


def test_slices_are_named_by_what_stands_beside_them() -> None:
    assert legend_of_picture(encoded(pie())) == PIE


@pytest.mark.parametrize("line_swatch", [False, True])
def test_swatches_tell_the_colours_of_lines(line_swatch: bool) -> None:
    picture = lines(("Market", BLUE), ("Station Road", "#d62728"), line_swatch=line_swatch)
    assert legend_of_picture(encoded(picture)) == "Lines: (blue) Market, (red) Station Road."


@pytest.mark.parametrize(
    "picture",
    [
        lines(("Market", BLUE), ("Station", "#1a6fae")),  # both blue
        lines(("Market", BLUE)),
        Image.new("RGB", (400, 300), "white"),
        Image.effect_noise((400, 300), 80).convert("RGB"),
        Image.new("RGB", (3, 2), "navy"),
    ],
    ids=["one word for both", "one line", "blank", "noise", "tiny"],
)
def test_what_is_in_doubt_is_not_listed(picture: Image.Image) -> None:
    assert legend_of_picture(encoded(picture)) == ""


def test_documents_have_the_legends_of_as_many_pictures_as_asked_for() -> None:
    shown = [base64.b64encode(encoded(chart)).decode() for chart in (pie(), lines(("Fir", BLUE), ("Oak", ORANGE)))]
    body = "".join(
        f'<figure><img src="data:image/png;base64,{data}"><figcaption>Figure {number}: Loans.</figcaption></figure>'
        for number, data in enumerate(shown, start=1)
    )
    page = f"<html><body><h1>Loans</h1><p>The library lent books.</p>{body}</body></html>".encode()
    assert [figure.legend for figure in parse(page, "a.html", 1).figures] == [PIE, ""]


def test_captions_and_letters_that_tell_as_much_are_enough() -> None:
    figure = Figure("Figure 1", 1, (0, 0, 9, 9), "Figure 1: Loans.", "figure", 640, 420, image=encoded(pie()))
    assert may_be_chart(figure)
    listing = replace(figure, caption="Figure 1: Loans. Slices: (blue) Market, (orange) Station.")
    for other in (listing, replace(figure, text="Market"), replace(figure, kind="photo"), replace(figure, image=b"")):
        assert not may_be_chart(other)


def test_an_image_file_has_its_legend() -> None:
    (figure,) = parse(encoded(pie()), "a.png", 1).figures
    assert (figure.legend, "Old Mill" in figure.text) == (PIE, True)


def test_without_the_extra_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package asks for it once a document, and does without."""

    def page() -> Page:
        return Page(
            1, 600.0, 800.0, figures=[Figure("", 1, (0, 0, 9, 9), "", "figure", 640, 420, image=encoded(pie()))]
        )

    monkeypatch.setattr(ocr, "is_available", lambda: False)
    (piece,) = read._with_legends([page()], Figures(read_legends=1))
    assert isinstance(piece, Page) and piece.figures[0].legend == ""
    monkeypatch.undo()
    (piece,) = read._with_legends([page()], Figures(read_legends=1))
    assert isinstance(piece, Page) and piece.figures[0].legend == PIE


@pytest.mark.parametrize("answer", [None, (("", 1.0, None),), ((),), IndexError("tuple index out of range")])
def test_lines_without_words_are_no_words(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """What RapidOCR gives where nothing, or nothing sure, was read."""

    class Engine:
        def __call__(self, seen: object, return_word_box: bool) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return type("Output", (), {"word_results": answer})

    monkeypatch.setattr(ocr, "_engine", lambda enlarged: Engine())
    assert [word for line in ocr.read_words(None) for word in line] == []  # type: ignore[arg-type]


def test_a_page_of_many_pictures_does_not_run_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure("", 1, (0, 0, 9, 9), "", "figure", 640, 420, image=b"a picture")
    pages = [Page(number, 600.0, 800.0, figures=[replace(figure) for _ in range(9)]) for number in (1, 2)]
    monkeypatch.setattr(read, "legend_of_picture", lambda image: "Lines: (blue) A, (red) B.")
    for page in read._with_legends(pages, Figures(read_legends=10)):
        assert isinstance(page, Page) and sum(bool(one.legend) for one in page.figures) == {1: 6, 2: 4}[page.number]
