"""Scanned pages -> lines of text, where the extra `mmsum[ocr]` (RapidOCR, its models inside the package) is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pymupdf

from mmsum.documents.page import Line
from mmsum.records import Box

_DPI = 150
_LONGEST = 2000
"""Pixels; larger pages are scaled down, as the engine would do itself."""
HINT = "install mmsum[ocr], or run OCR on the file first"


@cache
def is_available() -> bool:
    return importlib.util.find_spec("rapidocr") is not None


@dataclass(slots=True)
class Scan:
    """What a scanned page says. Boxes, width and height are in points, of the page as its text stands upright."""

    lines: list[Line]
    width: float
    height: float
    told: float = 0.0  # letters, each as sure as the engine is of it


def read_scan(page: pymupdf.Page) -> Scan:
    """The page by its looks, lines in the order of the engine (top to bottom); one on its side or its head is turned."""
    longest = max(page.rect.width, page.rect.height, 1.0)
    zoom = min(_DPI / 72, _LONGEST / longest)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace="rgb", alpha=False)
    seen = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, 3)
    scan = _read(seen, zoom)
    if _lies_on_its_side(scan.lines):
        turns, least = [1, 3], _AS_MUCH * scan.told  # what tells less turned is written downwards, as Japanese may be
    elif scan.told < _SURE * sum(len(line.text) for line in scan.lines):
        turns, least = [2], scan.told
    else:
        return scan
    turned = [_read(np.ascontiguousarray(np.rot90(seen, quarters)), zoom) for quarters in turns]
    best = max(turned, key=lambda one: one.told)
    return best if best.told > least else scan


_AS_MUCH = 0.9
"""The engine turns lines that run downwards itself, and reads them as well as upright ones, but not in their order."""
_SURE = 0.85
"""How sure the engine is of upright print is 0.9 and more, of the same on its head 0.75."""


def _lies_on_its_side(lines: list[Line]) -> bool:
    long = [line.box for line in lines if len(line.text) > 3]
    return 2 * sum(y1 - y0 > 1.5 * (x1 - x0) for x0, y0, x1, y1 in long) > len(long)


def _read(seen: np.ndarray[Any, np.dtype[np.uint8]], zoom: float) -> Scan:
    """seen: [H, W, 3], `zoom` pixels to a point."""
    found = _engine(enlarged=True)(seen)
    scan = Scan([], seen.shape[1] / zoom, seen.shape[0] / zoom)
    if found.boxes is None:
        return scan
    for corners, text, sure in zip(found.boxes, found.txts or (), found.scores or (), strict=False):
        x0, y0 = (float(v) / zoom for v in corners.min(axis=0))
        x1, y1 = (float(v) / zoom for v in corners.max(axis=0))
        if text.strip():
            size = round(0.75 * min(x1 - x0, y1 - y0), 1)
            scan.lines.append(Line(text.strip(), (x0, y0, x1, y1), size, False, 0))
            scan.told += len(text) * float(sure)
    return scan


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a picture. box: in pixels."""

    text: str
    box: Box


def read_words(seen: np.ndarray[Any, np.dtype[np.uint8]]) -> list[list[Word]]:
    """The lines of a picture, upright, each as its words. seen: [H, W, 3], sRGB."""
    try:
        found = _engine(enlarged=False)(seen, return_word_box=True).word_results or ()
    except IndexError:  # RapidOCR 3 drops lines in which it found no word, and then looks for them
        return []
    lines = []
    for line in found:
        if not isinstance(line, list | tuple):  # where nothing was read, or only lines without words
            continue
        words = [word for word in line if isinstance(word, tuple) and word[-1] is not None]
        corners = [np.asarray(box, float) for _, _, box in words]
        boxes = [(*places.min(axis=0).tolist(), *places.max(axis=0).tolist()) for places in corners]
        lines.append([Word(text.strip(), box) for (text, _, _), box in zip(words, boxes, strict=True) if text.strip()])
    return lines


@cache
def _engine(enlarged: bool) -> Any:
    """enlarged: a picture with a side below 736 pixels is made so large first, which takes twice as long on figures."""
    from rapidocr import RapidOCR

    # One thread: a parsing task asks for one CPU. Lines on their head would be a third model; pages are turned whole.
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Det.limit_type": "min" if enlarged else "max",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
