"""Axes on a canvas: margins from the length of the texts, ticks, grid, titles and legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmsum.data.synthetic.canvas import Canvas, blend
from mmsum.data.synthetic.plot import Colour, Look

Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle between the axes (pixels), and the values at its borders."""

    left: float
    top: float
    right: float
    bottom: float
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_limits
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.y_limits
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def value_ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Round values between low and high."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most)
    digits = max(0, -math.floor(math.log10(step)))
    first = math.ceil(low / step)
    return [(i * step, f"{i * step:.{digits}f}") for i in range(first, math.floor(high / step) + 1)]


def draw_frame(
    canvas: Canvas,
    look: Look,
    x_limits: tuple[float, float],
    y_limits: tuple[float, float],
    x_ticks: Ticks,
    y_ticks: Ticks,
    title: str = "",
    x_title: str = "",
    y_title: str = "",
    legend: Sequence[tuple[str, Colour]] = (),
    room_right: float = 0.0,
) -> Frame:
    """Draws what stands around the data and returns where the data go. room_right: pixels kept free there."""
    em, small = canvas.size, canvas.size - 1
    left = max((canvas.length(text, small) for _, text in y_ticks), default=0.0) + em * 0.9
    right, top, bottom = em * 0.9 + room_right, em * 0.8, em * 0.7
    rows = max((text.count("\n") + 1 for _, text in x_ticks), default=0)
    bottom += rows * em * 1.15
    top += em * 1.5 if title else 0
    left += em * 1.3 if y_title else 0
    bottom += em * 1.25 if x_title else 0
    wide = max((canvas.length(name, small) for name, _ in legend), default=0.0) + em * 1.6
    if legend:
        right += wide if look.legend in ("right", "direct") else 0
        bottom += em * 1.5 if look.legend == "bottom" else 0
        top += em * 1.5 if look.legend == "top" else 0
    frame = Frame(left, top, canvas.width - right, canvas.height - bottom, x_limits, y_limits)
    _ground(canvas, look, frame, x_ticks, y_ticks)
    for value, text in x_ticks:
        for row, line in enumerate(text.split("\n")):
            canvas.text((frame.x(value), frame.bottom + em * (0.45 + 1.1 * row)), line, look.ink, "mt", small)
    for value, text in y_ticks:
        canvas.text((frame.left - em * 0.45, frame.y(value)), text, look.ink, "rm", small)
    if title:
        canvas.text((canvas.width / 2, em * 1.0), title, look.ink, "mm", em + 1.5)
    if x_title:
        below = em * 1.5 if legend and look.legend == "bottom" else 0
        canvas.text(((frame.left + frame.right) / 2, canvas.height - below - em * 0.9), x_title, look.ink)
    if y_title:
        canvas.text_up((em * 0.85, (frame.top + frame.bottom) / 2), y_title, look.ink)
    if legend:
        _legend(canvas, look, frame, legend)
    return frame


def _ground(canvas: Canvas, look: Look, frame: Frame, x_ticks: Ticks, y_ticks: Ticks) -> None:
    canvas.rectangle((frame.left, frame.top, frame.right, frame.bottom), look.ground)
    faint = blend(look.ground, look.ink, 0.16)
    if look.grid in ("x", "both"):
        for value, _ in x_ticks:
            canvas.line([(frame.x(value), frame.top), (frame.x(value), frame.bottom)], faint)
    if look.grid in ("y", "both"):
        for value, _ in y_ticks:
            canvas.line([(frame.left, frame.y(value)), (frame.right, frame.y(value))], faint)
    corners = {
        "left": [(frame.left, frame.top), (frame.left, frame.bottom)],
        "bottom": [(frame.left, frame.bottom), (frame.right, frame.bottom)],
        "top": [(frame.left, frame.top), (frame.right, frame.top)],
        "right": [(frame.right, frame.top), (frame.right, frame.bottom)],
    }
    kept = {"all": tuple(corners), "corner": ("left", "bottom"), "bottom": ("bottom",), "none": ()}[look.spines]
    for side in kept:
        canvas.line(corners[side], look.ink)


def _legend(canvas: Canvas, look: Look, frame: Frame, entries: Sequence[tuple[str, Colour]]) -> None:
    """A row above or below, or a column at the right; the first entry first."""
    em, small = canvas.size, canvas.size - 1
    widths = [canvas.length(name, small) + em * 1.9 for name, _ in entries]
    x, y = (canvas.width - sum(widths)) / 2, canvas.height - em * 0.9
    if look.legend == "top":
        y = frame.top - em * 0.85
    column = look.legend in ("right", "direct")
    if column:
        x, y = frame.right + em * 0.5, (frame.top + frame.bottom) / 2 - em * 0.75 * (len(entries) - 1)
    for (name, colour), width in zip(entries, widths, strict=True):
        half = em * 0.38
        canvas.rectangle((x, y - half, x + 2 * half, y + half), colour.code)
        canvas.text((x + em * 1.05, y), name, look.ink, "lm", small)
        x, y = (x, y + em * 1.5) if column else (x + width, y)


def fold(name: str, room: float) -> str:
    """The name on two lines, each shortened, where `room` letters are too few for it."""
    lines = [name] if len(name) <= room else name.split(" ", 1)
    return "\n".join(line if len(line) <= room + 1 else line[: max(3, int(room))] + "." for line in lines)
