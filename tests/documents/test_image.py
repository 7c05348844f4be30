"""Image files whose warnings tell of no damage, and those whose warnings do."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageCms

from mmsum.config import Figures, Limits
from mmsum.documents.image import read_image
from mmsum.documents.page import Page
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
