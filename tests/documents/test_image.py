"""Image files whose warnings tell of no damage, and those whose warnings do."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageCms

from mmsum.config import Figures, Limits
from mmsum.documents.flow import picture
from mmsum.documents.image import read_image
from mmsum.documents.page import Page
from mmsum.errors import DocumentFailure, FailureKind
from tests.documents import papers

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RAMP = np.tile(np.linspace(-0.5, 2.5, 120, dtype=np.float32), (80, 1))


def encoded(mode: str, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(papers.photo(120, 80))).convert(mode).save(out, kind, **options)
    return out.getvalue()


def pages_of(data: bytes, kind: str) -> list[Page]:
    return list(read_image(data, kind, Limits(ocr_pages=0), Figures())[1])


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "png"), ("L", "jpeg"), ("CMYK", "jpeg"), ("CMYK", "tiff"), ("RGB", "png")]
)
def test_a_profile_of_other_colours_is_no_damage(mode: str, kind: str) -> None:
    profile = PROFILE[:200] if mode == "RGB" else PROFILE  # cut off
    (page,) = pages_of(encoded(mode, kind, icc_profile=profile), kind)
    assert (page.damage, page.error, len(page.figures)) == ("", "", 1)


def test_what_is_cut_off_is_damage_beside_a_profile() -> None:
    whole = encoded("L", "jpeg", icc_profile=PROFILE)
    (page,) = pages_of(whole[: len(whole) * 9 // 10], "jpeg")
    assert page.damage == "premature end of file in jpeg"
    (page,) = pages_of(encoded("RGB", "png")[:-12], "png")
    assert "missing IEND chunk" in page.damage


@pytest.mark.parametrize("numbers", [RAMP, (RAMP * 1000).astype(np.int32)])
def test_a_tiff_of_wide_numbers_is_seen_as_grey_tones(numbers: np.ndarray[Any, Any]) -> None:
    out = io.BytesIO()
    frames = [Image.fromarray(numbers), Image.fromarray(numbers[:, ::-1].copy())]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], dpi=(144, 144))
    pages = pages_of(out.getvalue(), "tiff")
    assert [(page.damage, page.error, page.width) for page in pages] == [("", "", 60.0)] * 2
    for page, order in zip(pages, (1, -1), strict=True):
        pixels = pymupdf.Pixmap(page.figures[0].image)
        row = np.frombuffer(pixels.samples, np.uint8).reshape(80, 120, 3)[40, ::order, 0].astype(int)
        assert row[0] < 5 and row[-1] > 250 and (np.diff(row) > -4).all()


def test_a_tiff_of_wide_numbers_that_is_cut_off_is_damaged() -> None:
    out = io.BytesIO()
    Image.fromarray(RAMP).save(out, "TIFF")
    (page,) = pages_of(out.getvalue()[: len(out.getvalue()) // 2], "tiff")
    assert "invalid strip byte count" in page.error


def test_a_page_that_is_too_large_costs_no_other() -> None:
    out = io.BytesIO()
    small, large = (Image.new("RGB", (side, side), "red") for side in (90, 400))
    small.save(out, "TIFF", save_all=True, append_images=[large, small])
    read = list(read_image(out.getvalue(), "tiff", Limits(ocr_pages=0, pixels=90 * 90), Figures())[1])
    assert [len(page.figures) for page in read] == [1, 0, 1]
    assert "400 x 400 pixels" in read[1].error and "limits.pixels=8100" in read[1].error
    with pytest.raises(DocumentFailure, match="90 x 90 pixels") as caught:
        list(read_image(out.getvalue(), "tiff", Limits(ocr_pages=0, pixels=8099), Figures())[1])
    assert caught.value.kind == FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    "raster", ["", "<image x='20' y='20' width='13' height='80' href='data:image/png;base64,{}'/>"]
)
def test_a_drawing_is_as_large_alone_as_in_a_page(raster: str) -> None:
    """Also with a narrow picture in it, as programs set the scale of a heat map."""
    inner = raster.format(base64.b64encode(papers.photo(13, 80)).decode())
    drawing = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 216 144'><rect width='90' height='90'/>{inner}</svg>"
    )
    (page,) = pages_of(drawing.encode(), "svg")
    embedded = picture(drawing.encode(), Limits(), Figures())
    for figure in (embedded, page.figures[0]):
        assert figure is not None and (figure.width, figure.height, figure.bbox) == (672, 448, (0, 0, 216, 144))


@pytest.mark.parametrize("turn", [1, 6])
def test_a_picture_is_no_larger_than_it_is(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    for kind in ("png", "jpeg", "tiff"):
        data = encoded("RGB", kind, exif=exif, dpi=(300, 300))
        (page,) = pages_of(data, kind)
        embedded = picture(data, Limits(), Figures())
        for figure in (embedded, page.figures[0]):
            assert figure is not None and {figure.width, figure.height} == {120, 80}
