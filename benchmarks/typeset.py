"""Typesets reports with vector charts and diagrams in one or two columns, and knows exactly where each figure stands.

    python benchmarks/typeset.py FOLDER [N]      writes N reports and truth.jsonl

Around the figures stands what must not be taken for one: running heads with rules, a logo, shaded boxes, ruled tables.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pymupdf
from drawings import LIBRARIES, draw

from mmsum.data.synthetic.report import plan_report
from mmsum.records import Box

_STYLES = ("Figure {}: ", "Fig. {}. ", "Figure {}. ", "FIGURE {} | ", "Fig. {} ", "Abb. {}: ", "Chart {}: ")
_SHADE = (0.92, 0.94, 0.97)


@dataclass(slots=True)
class Placed:
    """A figure as it was set: page from 1, box of its ink in points from the top left, its whole caption."""

    page: int
    bbox: Box
    caption: str


def reports(count: int, seed: int = 0) -> Iterator[tuple[bytes, list[Placed]]]:
    """PDFs with their truth. Report i is the same whatever `count` is."""
    for index in range(count):
        plan = plan_report("test", seed, index)
        lines = [line for line in plan.text.splitlines() if line and not line.startswith("#")]
        paragraphs = [" ".join(lines[at : at + 3]) for at in range(0, len(lines), 3)]
        yield _Sheet(Random(f"typeset {seed} {index}"), plan.title, paragraphs).set_report()


class _Sheet:
    """One report in the making: text runs down columns, figures stand between paragraphs."""

    def __init__(self, rng: Random, title: str, paragraphs: list[str]) -> None:
        self.rng, self.title, self.paragraphs = rng, title, paragraphs
        self.width, self.height = rng.choice(((595.0, 842.0), (612.0, 792.0)))
        self.columns = rng.choice((1, 2))
        self.margin = rng.choice((48.0, 56.0)) if self.columns == 2 else rng.choice((64.0, 80.0, 96.0))
        serif = rng.random() < 0.5
        self.font, self.bold = pymupdf.Font("tiro" if serif else "helv"), pymupdf.Font("tibo" if serif else "hebo")
        self.size = rng.choice((9.0, 9.5)) if self.columns == 2 else rng.choice((10.0, 11.0))
        self.style = rng.choice(_STYLES)
        self.caption_above = rng.random() < 0.15
        self.caption_size = self.size * rng.choice((0.85, 0.9, 1.0))
        self.head, self.logo = rng.random() < 0.5, rng.random() < 0.3
        self.column_width = (self.width - 2 * self.margin - 18 * (self.columns - 1)) / self.columns
        self.document, self.number = pymupdf.open(), 0
        self.placed: list[Placed] = []
        self.y = 0.0

    def set_report(self) -> tuple[bytes, list[Placed]]:
        self._new_page()
        self._lines(self.title, self.bold, self.size * 1.8, self.width - 2 * self.margin)
        self.top = self.y = self.y + 14
        texts = cycle(self.paragraphs)
        kinds = ["figure"] * self.rng.randint(3, 5) + self.rng.sample(("shade", "table", "pair", "wide", "grid"), 3)
        self.rng.shuffle(kinds)
        for kind in kinds:
            if self.rng.random() < 0.5:
                self._heading(self.rng.choice(("Methods", "Results", "2.1 Data", "Discussion", "Findings")))
            for _ in range(self.rng.randint(1, 2) * self.columns):
                self._paragraph(next(texts))
            getattr(self, f"_{kind}")()
        self._paragraph(next(texts))
        return self.document.tobytes(deflate=True, garbage=3), self.placed

    def _new_page(self) -> None:
        self.page = self.document.new_page(width=self.width, height=self.height)
        self.top = self.y = self.margin + 8
        self.column = 0
        if self.head:
            words = f"{self.title}   {self.document.page_count}"
            self.page.insert_text((self.margin, self.margin - 10), words, fontsize=8)
            self.page.draw_line((self.margin, self.margin - 5), (self.width - self.margin, self.margin - 5), width=0.5)
        if self.logo:
            place = pymupdf.Rect(self.width - 90, 10, self.width - 40, 34)
            self.page.draw_rect(place, fill=(0.2, 0.4, 0.6), color=None)
            self.page.draw_circle(place.tl + pymupdf.Point(12, 12), 9, fill=(1, 0.8, 0.2), color=None)
            self.page.insert_text(place.tl + pymupdf.Point(24, 15), "ACME", fontsize=8, color=(1, 1, 1))

    @property
    def x(self) -> float:
        return self.margin + self.column * (self.column_width + 18)

    def _need(self, height: float) -> None:
        """Go to the next column or page where `height` points are not left."""
        if self.y + height <= self.height - self.margin:
            return
        if self.column + 1 < self.columns:
            self.column, self.y = self.column + 1, self.top
        else:
            self._new_page()

    def _wrap(self, text: str, font: Any, size: float, width: float) -> list[str]:
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if font.text_length(longer, size) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def _lines(self, text: str, font: Any, size: float, width: float, x: float | None = None) -> None:
        writer = pymupdf.TextWriter(self.page.rect)
        for line in self._wrap(text, font, size, width):
            self.y += 1.2 * size
            writer.append((self.x if x is None else x, self.y), line, font=font, fontsize=size)
        writer.write_text(self.page)

    def _heading(self, words: str) -> None:
        self._need(60)
        self.y += 8
        self._lines(words, self.bold, self.size * 1.2, self.column_width)
        self.y += 3

    def _paragraph(self, text: str) -> None:
        for line in self._wrap(text, self.font, self.size, self.column_width):
            self._need(1.3 * self.size)
            self._lines(line, self.font, self.size, self.column_width + 50)
        self.y += 6

    def _caption(self) -> str:
        self.number += 1
        words = " ".join(self.rng.choice(self.paragraphs).split()[: self.rng.randint(4, 45)]).rstrip(".,") + "."
        return self.style.format(self.number) + words[0].upper() + words[1:]

    def _place(self, pdf: bytes, x: float, width: float, most: float = 300.0) -> float:
        """Draw a figure with its top at self.y; returns its height. Its ink is measured on a rendering of it alone."""
        drawn = pymupdf.open("pdf", pdf)
        page = drawn[0]
        zoom = min(width / page.rect.width, most / page.rect.height, 1.25)
        left = x + (width - page.rect.width * zoom) / 2
        box = pymupdf.Rect(left, self.y, left + page.rect.width * zoom, self.y + page.rect.height * zoom)
        self.page.show_pdf_page(box, drawn, 0)
        ink = _ink(page)
        placed = tuple(ink * zoom + (box.x0, box.y0, box.x0, box.y0))
        self.placed.append(Placed(self.document.page_count, placed, ""))
        return float(box.height)

    def _figure(self) -> None:
        self._one(self.column_width)

    def _one(self, width: float) -> None:
        library = self.rng.choice(list(LIBRARIES))
        pdf = draw(library, self.rng, self.rng.uniform(0.7, 1.0) * width, self.rng.uniform(120, 230))
        caption = self._caption()
        lines = len(self._wrap(caption, self.font, self.caption_size, width))
        room = min(300.0, pymupdf.open("pdf", pdf)[0].rect.height * 1.25)
        self._need(room + 1.2 * self.caption_size * lines + 24)
        self.y += 6
        if self.caption_above:
            self._lines(caption, self.font, self.caption_size, width)
            self.y += 6
        self.y += self._place(pdf, self.x, width) + 4
        if not self.caption_above:
            self._lines(caption, self.font, self.caption_size, width)
        self.y += 10
        self.placed[-1].caption = caption

    def _wide(self) -> None:
        """A figure over the whole width, at the top of a page of its own."""
        self._new_page()
        self._one(self.width - 2 * self.margin)
        self.top = self.y

    def _row(self, width: float, high: float) -> list[Placed]:
        """Two figures beside each other; their boxes."""
        before, start = len(self.placed), self.y
        heights = []
        for side in (0, 1):
            library = self.rng.choice(list(LIBRARIES))
            pdf = draw(library, self.rng, width, high)
            self.y = start
            heights.append(self._place(pdf, self.x + side * (width + 16), width, high))
        self.y = start + max(heights)
        return self.placed[before:]

    def _pair(self) -> None:
        """Two figures side by side, each with its own caption beneath."""
        width = (self.column_width - 16) / 2
        if width < 180:
            return self._figure()
        self._need(250)
        pair = self._row(width, 120.0)
        bottoms, start = [], self.y + 4
        for side, figure in enumerate(pair):
            figure.caption = self._caption()
            self.y = start
            self._lines(figure.caption, self.font, self.caption_size, width, self.x + side * (width + 16))
            bottoms.append(self.y)
        self.y = max(bottoms) + 10

    def _grid(self) -> None:
        """Panels (a) and (b) in a row under one caption: one figure."""
        width = (self.column_width - 16) / 2
        if width < 140:
            return self._figure()
        high = 0.7 * width
        self._need(high + 100)
        pair = self._row(width, high)
        self.y += 10
        for side, mark in enumerate("ab"):
            self.page.insert_text((self.x + side * (width + 16) + width / 2 - 5, self.y), f"({mark})", fontsize=8)
        caption = self._caption()
        boxes = [figure.bbox for figure in pair]
        del self.placed[-2:]
        x0, y0, x1, _ = (f(v) for f, v in zip((min, min, max, max), zip(*boxes, strict=True), strict=True))
        self.placed.append(Placed(self.document.page_count, (x0, y0, x1, self.y + 1), caption))
        self.y += 2
        self._lines(caption, self.font, self.caption_size, self.column_width)
        self.y += 10

    def _shade(self) -> None:
        """A shaded box of running text: no figure."""
        text = self.rng.choice(self.paragraphs)
        high = 1.2 * self.size * len(self._wrap(text, self.font, self.size, self.column_width - 12)) + 14
        self._need(high + 10)
        box = pymupdf.Rect(self.x, self.y, self.x + self.column_width, self.y + high)
        self.page.draw_rect(box, fill=_SHADE, color=(0.4, 0.5, 0.6))
        self._lines(text, self.font, self.size, self.column_width - 12, self.x + 6)
        self.y = box.y1 + 10

    def _table(self) -> None:
        """A ruled table with its title above: no figure."""
        self._need(130)
        self._lines(
            f"Table 1: {self.rng.choice(self.paragraphs)[:50]}", self.font, self.caption_size, self.column_width
        )
        self.y += 6
        for row in range(6):
            if row in (0, 1):
                self.page.draw_line((self.x, self.y), (self.x + self.column_width, self.y), width=0.7)
            self.y += 13
            for cell in range(4):
                word = str(self.rng.randint(1, 999)) if row and cell else self.rng.choice(("place", "year", "yield"))
                self.page.insert_text((self.x + cell * self.column_width / 4 + 2, self.y - 3), word, fontsize=8)
        self.page.draw_line((self.x, self.y), (self.x + self.column_width, self.y), width=0.7)
        self.y += 12


def _ink(page: pymupdf.Page) -> pymupdf.Rect:
    """What is not white on a page, to a third of a point."""
    zoom = 3
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY)
    rows = [pixels.samples[i : i + pixels.width] for i in range(0, pixels.stride * pixels.height, pixels.stride)]
    dark = [y for y, row in enumerate(rows) if min(row) < 245]
    left = min(next(x for x, value in enumerate(rows[y]) if value < 245) for y in dark)
    right = max(pixels.width - next(x for x, value in enumerate(reversed(rows[y])) if value < 245) for y in dark)
    return pymupdf.Rect(left, dark[0], right, dark[-1] + 1) / zoom


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (data, placed) in enumerate(reports(int(sys.argv[2]) if len(sys.argv) > 2 else 10)):
        (folder / f"{index:03d}.pdf").write_bytes(data)
        rows += [json.dumps({"pdf": f"{index:03d}.pdf", **asdict(figure)}) for figure in placed]
    (folder / "truth.jsonl").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
