"""Let a report's blocks flow through columns and pages, reserving a box for each figure.

Paragraphs break between columns but never leave a single line behind; a heading stays with the text under it; a figure
that does not fit waits for the top of the next column (a wide one: of the next page), as floats do in print.
"""

from __future__ import annotations

import html
import io
from dataclasses import dataclass, replace
from typing import Any

import pymupdf

from mmsum.data.spec import FigureSpec, ReportSpec
from mmsum.records import Box

_GUTTER = 20.0  # points between two columns
_LEADING = 1.32


@dataclass(frozen=True, slots=True)
class Slot:
    """The box kept free for a figure's chart, and that of its printed caption."""

    figure: FigureSpec
    page: int
    box: Box
    caption_box: Box


@dataclass(frozen=True, slots=True)
class Layout:
    """Pages with text and empty boxes."""

    pdf: bytes
    slots: list[Slot]
    pages: int
    rule: float  # y of the rule under the title on page 1
    last_fill: float  # share of the last page that is used, 0..1
    late: int  # figures that had to wait until all text was set
    gaps: float  # blank ends of columns before the last, summed, in column heights


def lay_out(spec: ReportSpec, scale: float = 1.0, figure_scale: float = 1.0) -> Layout:
    """Set the report in type `scale` times the size of its look, figures narrowed by `figure_scale`."""
    flow = _Flow(spec, scale)
    rule = flow.title()
    for number, section in enumerate(spec.sections, start=1):
        prefix = f"{number}  " if spec.look.numbered_sections else ""
        flow.heading(prefix + section.heading)
        for block in section.blocks:
            if isinstance(block, FigureSpec):
                flow.figure(replace(block, width=block.width * figure_scale))
            else:
                flow.paragraph(block)
    return flow.finish(rule)


class _Flow:
    """A cursor that moves down columns and over pages of a PDF being written."""

    def __init__(self, spec: ReportSpec, scale: float) -> None:
        look = spec.look
        self.spec, self.look = spec, look
        self.size = look.size * scale
        self.line = self.size * _LEADING
        self.paper = pymupdf.paper_rect(look.paper)
        self.left, self.right = look.margin, self.paper.width - look.margin
        self.bottom = self.paper.height - look.margin
        self.column_width = (self.right - self.left - _GUTTER * (look.columns - 1)) / look.columns
        self.buffer = io.BytesIO()
        self.writer = pymupdf.DocumentWriter(self.buffer)
        self.device: Any = None
        self.page = 0
        self.column = 0
        self.gaps = 0.0
        self.top = self.y = 0.0
        self.waiting: list[FigureSpec] = []
        self.slots: list[Slot] = []
        self._new_page()

    # --- where we are

    @property
    def x(self) -> float:
        return float(self.left + self.column * (self.column_width + _GUTTER))

    @property
    def room(self) -> float:
        return float(self.bottom - self.y)

    def _new_page(self) -> None:
        if self.device is not None:
            self.writer.end_page()
        self.device = self.writer.begin_page(self.paper)
        self.page += 1
        self.column = 0
        self.top = self.y = self.look.margin + (8 if self.look.running_head else 0)
        if self.waiting and self.waiting[0].wide:  # one at most: text should follow
            self._place(self.waiting.pop(0), self.left, self.right - self.left)
            self.top = self.y

    def _next_column(self) -> None:
        self.gaps += self.room / (self.bottom - self.look.margin)
        if self.column + 1 < self.look.columns:
            self.column += 1
            self.y = self.top
        else:
            self._new_page()
        while self.waiting and not self.waiting[0].wide and self._height(self.waiting[0]) <= self.room:
            self._place(self.waiting.pop(0), self.x, self.column_width)

    # --- blocks

    def title(self) -> float:
        """Title and byline over the full width; returns y for the rule beneath."""
        align = "center" if self.look.centred_title else "left"
        css = f"text-align:{align};color:{self.look.accent};font-family:{self.look.heading_font}"
        width = self.right - self.left
        self._set(
            _story(f'<p style="{css};font-size:{self.size * 1.95}px;font-weight:bold">{_e(self.spec.title)}</p>'), width
        )
        self.y += 5
        style = f"text-align:{align};font-family:{self.look.body_font};font-size:{self.size * 0.95}px;color:#444444"
        self._set(_story(f'<p style="{style}">{_e(self.spec.byline)}</p>'), width)
        rule = self.y + 7
        self.y = self.top = rule + 8
        return rule

    def heading(self, text: str) -> None:
        size = self.size * (1.22 if self.look.columns == 1 else 1.15)
        if self.y > self.top:
            self.y += self.line * 0.75
        if self.room < size * _LEADING + 3.5 * self.line:
            self._next_column()
        css = f"font-family:{self.look.heading_font};color:{self.look.accent};font-size:{size}px;font-weight:bold"
        self._set(_story(f'<p style="{css}">{_e(text)}</p>'), self.column_width)
        self.y += self.line * 0.2

    def paragraph(self, text: str) -> None:
        align = "justify" if self.look.justify else "left"
        css = f"font-family:{self.look.body_font};font-size:{self.size}px;line-height:{_LEADING};text-align:{align}"
        markup = f'<p style="{css}">{_e(text)}</p>'
        total = _measure(markup, self.column_width)
        story = _story(markup)
        done = 0.0
        while True:
            height = self._fit(total - done)
            if height <= 0:
                self._next_column()
                continue
            more, filled = story.place((self.x, self.y, self.x + self.column_width, self.y + height))
            story.draw(self.device)
            done += filled[3] - filled[1]
            self.y = filled[3]
            if not more:
                break
            self._next_column()
        self.y += self.line * 0.45

    def _fit(self, height: float) -> float:
        """How much of a paragraph of `height` goes here: all, or whole lines with two or more on either side, or 0."""
        if height <= self.room + 0.5:
            return height + 1
        lines, total = int(self.room / self.line + 0.01), round(height / self.line)
        lines = min(lines, total - 2)
        return lines * self.line + 1 if lines >= 2 else 0.0

    def figure(self, figure: FigureSpec) -> None:
        if self.waiting or figure.wide or self._height(figure) > self.room:
            self.waiting.append(figure)
        else:
            self._place(figure, self.x, self.column_width)

    def finish(self, rule: float) -> Layout:
        late = len(self.waiting)
        while self.waiting:
            figure = self.waiting[0]
            if figure.wide:  # no page follows by itself: set it in the column, in its upright shape
                look = replace(figure.look, aspect=figure.look.aspect / 0.62)
                figure = self.waiting[0] = replace(figure, wide=False, look=look)
            if self._height(figure) <= self.room:
                self._place(self.waiting.pop(0), self.x, self.column_width)
            else:
                self._next_column()
        used = self.column * (self.bottom - self.top) + self.y - self.top
        fill = used / (self.look.columns * (self.bottom - self.look.margin))
        self.writer.end_page()
        self.writer.close()
        return Layout(self.buffer.getvalue(), self.slots, self.page, rule, fill, late, self.gaps)

    # --- figures

    def _height(self, figure: FigureSpec) -> float:
        width = self.column_width * figure.width
        caption = _measure(self._caption(figure), self.column_width)
        return float(width * figure.look.aspect + caption + 4 + 1.4 * self.line)

    def _place(self, figure: FigureSpec, x: float, column_width: float) -> None:
        width = column_width * figure.width
        height = width * figure.look.aspect
        if self.y > self.top:
            self.y += self.line * 0.4
        at = x + (column_width - width) / 2
        box = (at, self.y, at + width, self.y + height)
        self.y += height + 4
        caption = (x, self.y, x + column_width, self.y + _measure(self._caption(figure), column_width))
        self._set(_story(self._caption(figure)), column_width, x)
        self.slots.append(Slot(figure, self.page, box, caption))
        self.y += self.line

    def _caption(self, figure: FigureSpec) -> str:
        label, colon, rest = figure.caption.partition(":")
        css = f"font-family:{self.look.body_font};font-size:{self.size * 0.9}px;line-height:1.25"
        css += ";text-align:center" if figure.width < 1 or self.look.centred_title else ";text-align:left"
        if self.look.caption_style == "italic":
            css += ";font-style:italic"
        if self.look.caption_style == "bold_label":
            return f'<p style="{css}"><b>{_e(label)}{colon}</b>{_e(rest)}</p>'
        return f'<p style="{css}">{_e(figure.caption)}</p>'

    def _set(self, story: Any, width: float, x: float | None = None) -> None:
        """Draw a short story whole at the cursor."""
        x = self.x if x is None else x
        _, filled = story.place((x, self.y, x + width, self.paper.height))
        story.draw(self.device)
        self.y = filled[3]


def _story(markup: str) -> Any:
    return pymupdf.Story(markup, user_css="body,p{margin:0;padding:0}")


def _measure(markup: str, width: float) -> float:
    """Height of the markup set in one piece, in points."""
    _, filled = _story(markup).place((0, 0, width, 10_000))
    return float(filled[3] - filled[1])


def _e(text: str) -> str:
    return html.escape(text, quote=False)
