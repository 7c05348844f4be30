"""Rows and pictures for the tests of the report, shaped by the real schema."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image

from mmsum.records import Summary, SummaryFigure, document_id, summaries_to_table


def picture(width: int = 64, height: int = 48, *, noise: bool = False, form: str = "PNG", seed: int = 0) -> bytes:
    """An encoded image: one colour, or noise that no encoder can make small."""
    random_ = random.Random(seed)
    if noise:
        image = Image.frombytes("RGB", (width, height), random_.randbytes(width * height * 3))
    else:
        image = Image.new("RGB", (width, height), (40 + seed % 200, 90, 140))
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def figure(
    label: str = "Figure 1", caption: str = "Output by month.", page: int = 1, shown: bool = True
) -> SummaryFigure:
    return SummaryFigure(label, page, (0.0, 0.0, 10.0, 10.0), caption, "chart", shown, 64, 48)


def summary(uri: str, **fields: Any) -> Summary:
    return Summary(document_id(uri), uri, "v1", **{"format": "pdf", "pages_total": 4, "pages_read": 4, **fields})


def failed(uri: str, kind: str, message: str, **fields: Any) -> Summary:
    none = {"pages_total": 0, "pages_read": 0}
    return summary(uri, **{**none, "status": "failed", "failure_kind": kind, "failure_message": message, **fields})


def rows(*summaries: Summary) -> list[dict[str, Any]]:
    """The dicts that a reader of the output gets: through the Arrow schema and back."""
    return summaries_to_table(list(summaries)).to_pylist()
