"""Illustrated sample reports made from nothing: for tests and benchmarks.

Each is a short PDF report on an everyday subject. The text tells some facts; others stand only in its charts, and the
spec knows which, so that a summary can be held against them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmsum.data import awkward
from mmsum.data.pages import render_report
from mmsum.data.prose import compose
from mmsum.data.spec import PlacedFigure, ReportSpec


def write_sample_archive(folder: Path, n: int = 12, seed: int = 0, truth: Path | None = None) -> list[Path]:
    """Write `n` illustrated reports and three awkward files into `folder`; returns their paths.

    The awkward ones are encrypted.pdf (password in awkward.PASSWORD), truncated.pdf (its second part is missing) and
    scanned.pdf (page images without a text layer). The same n and seed give the same bytes under the same versions of
    PyMuPDF and matplotlib. With `truth`, one JSON line per file goes there: see report_truth and awkward.TRUTH.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths, lines = [], []
    for index, spec in enumerate(make_specs(n, seed)):
        path = folder / f"{index:03d}-{spec.topic.replace(' ', '-')}.pdf"
        lines.append({"file": path.name, **report_truth(spec, write_report(path, spec))})
        paths.append(path)
    for name, data in awkward.make_all(n, seed):
        path = folder / name
        path.write_bytes(data)
        lines.append({"file": name, "expect": awkward.TRUTH[name]})
        paths.append(path)
    if truth is not None:
        truth.parent.mkdir(parents=True, exist_ok=True)
        truth.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return paths


def make_specs(n: int, seed: int = 0) -> Iterator[ReportSpec]:
    """Specs of reports 0..n-1; number i is the same whatever n is."""
    return (compose(index, seed) for index in range(n))


def write_report(path: Path, spec: ReportSpec) -> list[PlacedFigure]:
    """Typeset one report to `path`; returns where its figures stand, in reading order."""
    data, placed = render_report(spec)
    path.write_bytes(data)
    return placed


def report_truth(spec: ReportSpec, placed: list[PlacedFigure]) -> dict[str, Any]:
    """What is true of a written report, as plain JSON values.

    title, topic, text (the paragraphs), summary (gold), facts ({figure, kind, statement, said}) and figures ({label,
    page from 1, bbox and caption_bbox in points from the top left, caption, mention, kind, vector}).
    """
    where = {figure.label: figure for figure in placed}
    figures = [
        {
            **asdict(where[figure.label]),
            "caption": figure.caption,
            "mention": figure.mention,
            "kind": figure.chart.kind,
            "vector": figure.look.vector,
        }
        for figure in spec.figures
    ]
    return {
        "title": spec.title,
        "topic": spec.topic,
        "text": spec.text,
        "summary": spec.summary,
        "facts": [asdict(fact) for fact in spec.facts],
        "figures": figures,
    }
