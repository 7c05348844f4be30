"""Scanned pages -> lines of text, where the extra `mmsum[ocr]` (RapidOCR, its models inside the package) is installed."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import pymupdf

from mmsum.documents.page import Line

_DPI = 150
_LONGEST = 2000
"""Pixels; larger pages are scaled down, as the engine would do itself."""
HINT = "install mmsum[ocr], or run OCR on the file first"


@cache
def is_available() -> bool:
    return importlib.util.find_spec("rapidocr") is not None


def read_scan(page: pymupdf.Page) -> list[Line]:
    """The lines of a page by its looks, boxes in points as displayed, in the order of the engine (top to bottom)."""
    import numpy as np

    longest = max(page.rect.width, page.rect.height, 1.0)
    zoom = min(_DPI / 72, _LONGEST / longest)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace="rgb", alpha=False)
    found = _engine()(np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3))
    lines = []
    for corners, text in zip(() if found.boxes is None else found.boxes, found.txts or (), strict=False):
        x0, y0 = (float(v) / zoom for v in corners.min(axis=0))
        x1, y1 = (float(v) / zoom for v in corners.max(axis=0))
        if text.strip():
            lines.append(Line(text.strip(), (x0, y0, x1, y1), round(0.75 * min(x1 - x0, y1 - y0), 1), False, 0))
    return lines


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    # One thread: a parsing task asks for one CPU. No upside-down text: that would be a third model.
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
