"""Crops: how large they are rendered, and what kind of figure their colours and strokes make of them."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageFilter

from mmsum.config import Figures, Limits
from mmsum.documents.crops import encode_pixmap, is_photo, render_region
from mmsum.documents.flow import picture
from mmsum.documents.parse import Parser
from mmsum.images import on_white
from tests.documents import papers
from tests.documents.conftest import REF


def photograph(width: int, height: int) -> bytes:
    """Noise of many colours, smoothed a little: papers.photo is a pattern of few."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("dpi", "longest_side", "width"), [(72, 672, 288), (144, 672, 576), (300, 672, 672), (300, 100, 100)]
)
def test_a_crop_has_its_resolution_until_its_longest_side(dpi: int, longest_side: int, width: int) -> None:
    page = pymupdf.open("pdf", papers.chart())[0]
    pixels = render_region(page, (0, 0, 288, 180), Figures(dpi=dpi, longest_side=longest_side))
    assert width - 2 <= pixels.width <= longest_side  # whole pixels, and never more
    assert abs(pixels.height - pixels.width * 180 / 288) <= 1


def test_charts_stay_sharp_and_photos_stay_small() -> None:
    page = pymupdf.open("pdf", papers.chart())[0]
    chart, photo = render_region(page, (0, 0, 288, 180), Figures()), pymupdf.Pixmap(photograph(300, 225))
    assert not is_photo(chart) and encode_pixmap(chart).startswith(b"\x89PNG")
    assert is_photo(photo) and encode_pixmap(photo).startswith(b"\xff\xd8")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_photo_that_was_taken_on_its_side_stands_upright(kind: str) -> None:
    taken = Image.new("RGB", (300, 200), "white")
    taken.paste("red", (0, 0, 300, 60))
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn to the right: what is at its top belongs at the right
    out = io.BytesIO()
    taken.save(out, kind, exif=turned)
    figure = picture(out.getvalue(), Limits(), Figures())
    assert figure is not None and (figure.width, figure.height) == (200, 300)
    for seen in (Image.open(io.BytesIO(figure.image)).convert("RGB"), on_white(Image.open(out))):
        sides = [sum(seen.getpixel((x, 150))) for x in (5, 194)]  # type: ignore[arg-type]
        assert seen.size == (200, 300) and sides[0] > 700 and sides[1] < 300


def test_kinds_of_figures(parser: Parser) -> None:
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    papers.paragraph(page, (72, 60, 540, 150), papers.LOREM * 2)
    page.insert_image(pymupdf.Rect(72, 170, 292, 290), stream=photograph(220, 120))
    papers.paragraph(page, (72, 294, 292, 320), "Photo 1: The field in June.", 9)
    for x in (330, 400, 470):
        page.draw_rect((x, 190, x + 55, 225))
        page.insert_text((x + 8, 210), "mow", fontsize=9)
        page.draw_line((x + 55, 207), (x + 70, 207))
    papers.paragraph(page, (330, 294, 540, 320), "Diagram 2: How the field is mown.", 9)
    # A photograph with a few strokes drawn over it stays one.
    page.insert_image(pymupdf.Rect(72, 360, 372, 560), stream=photograph(300, 200))
    for y in (400, 430, 460, 490, 520):
        page.draw_line((90, y), (350, y), color=(1, 0, 0), width=2)
    papers.paragraph(page, (72, 564, 372, 590), "Figure 3: Where the rows of trees will stand.", 9)
    papers.paragraph(page, (72, 640, 540, 740), papers.LOREM * 3)
    figures = parser.parse(REF, document.tobytes()).figures
    assert [(f.label, f.kind) for f in figures] == [
        ("Photo 1", "photo"),
        ("Diagram 2", "diagram"),
        ("Figure 3", "photo"),
    ]
