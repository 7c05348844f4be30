"""Flow diagrams, gauges, maps of square fields and colour keys, drawn with Pillow."""

from __future__ import annotations

import math

from mmsum.data.synthetic.canvas import Canvas, from_ramp
from mmsum.data.synthetic.frame import value_ticks
from mmsum.data.synthetic.layouts import Point, flow_layout, luminance
from mmsum.data.synthetic.plot import Look, Plot


def draw_flow(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    """Boxes with arrows; one is filled in a strong colour, one is a diamond."""
    flow = flow_layout(plot, look)
    top = _title(canvas, look, title)
    wide, high = look.width * 0.94, (look.height - top) * 0.96

    def at(x: float, y: float) -> Point:
        return look.width * 0.03 + x * wide, top + y * high

    for path in flow.arrows:
        points = [at(x, y) for x, y in path]
        canvas.line(points, look.ink, 1.3)
        _head(canvas, points[-2], points[-1], look.ink)
    half_w, half_h = flow.width / 2, flow.height / 2
    size = min(look.size, wide * flow.width / (0.62 * max(map(len, plot.labels))))
    for i, ((x, y), label) in enumerate(zip(flow.centres, plot.labels, strict=True)):
        strong = i == plot.marks[0]
        fill = look.colours[0].code if strong else look.ground
        corners = [at(x + dx * half_w, y + dy * half_h) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        if i == plot.marks[1]:
            corners = [at(x + dx * half_w, y + dy * half_h * 1.25) for dx, dy in ((-1, 0), (0, -1), (1, 0), (0, 1))]
        canvas.polygon(corners, fill, look.ink, 1.3)
        ink = look.ink if not strong else "#ffffff" if luminance(fill) < 0.55 else "#000000"
        canvas.text(at(x, y), label, ink, size=size)


def _head(canvas: Canvas, start: Point, end: Point, colour: str) -> None:
    """An arrow's head at `end`."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    sides = [(end[0] - 8 * math.cos(angle + turn), end[1] - 8 * math.sin(angle + turn)) for turn in (0.42, -0.42)]
    canvas.polygon([end, *sides], colour)


def draw_gauge(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    """Half a ring in three colours, a needle, and a mark at the target."""
    top, em = _title(canvas, look, title), look.size
    radius = min((look.height - top - 2.6 * em) / 1.2, look.width * 0.34)
    centre = (look.width / 2, top + radius * 1.2)
    for i, colour in enumerate(look.colours[:3]):
        canvas.slice(centre, radius, 180 + 60 * i, 240 + 60 * i, colour.code, look.paper)
    canvas.disc(centre, radius * (0.62 + 0.1 * look.gap), look.paper)

    def ray(share: float, length: float) -> Point:
        angle = math.pi * (1 - share)
        return centre[0] + length * radius * math.cos(angle), centre[1] - length * radius * math.sin(angle)

    value, target = plot.series[0].values[0], plot.marks[0]
    canvas.line([centre, ray(value, 0.86)], look.ink, 1.5 + look.line_width)
    canvas.disc(centre, 6, look.ink)
    canvas.line([ray(target, 0.62), ray(target, 1.1)], look.ink, 3)
    canvas.text(ray(target, 1.14), "target", look.ink, "rb" if target < 0.5 else "lb")
    canvas.text((look.width / 2, centre[1] + 1.5 * em), f"{plot.quantity} ({plot.unit})", look.ink)


def draw_grid_map(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    """Square fields coloured by value, north up, with a star in one of them."""
    top, em = _title(canvas, look, title), look.size
    size = len(plot.series)
    side = min((look.height - top - em) / size, (look.width - 6 * em) / size)
    left, top = (look.width - 5 * em - side * size) / 2 + em * 0.5, top + em * 0.3
    values = [value for series in plot.series for value in series.values if not math.isnan(value)]
    low, high = min(values), max(values)
    for r, series in enumerate(plot.series):
        for c, value in enumerate(series.values):
            if not math.isnan(value):
                box = (left + c * side, top + r * side, left + (c + 1) * side, top + (r + 1) * side)
                canvas.rectangle(box, from_ramp(look.ramp, (value - low) / (high - low)), look.paper, 0.8)
    row, column = plot.marks
    middle, reach = (left + (column + 0.5) * side, top + (row + 0.5) * side), side * 0.46
    points = []
    for i in range(10):
        angle, length = math.pi * (i / 5 - 0.5), reach * (1.0 if i % 2 == 0 else 0.42)
        points.append((middle[0] + length * math.cos(angle), middle[1] + length * math.sin(angle)))
    canvas.polygon(points, "#ffffff", "#000000", 1.2)
    draw_ramp(canvas, look, left + size * side + em * 0.7, top, top + size * side, (low, high))


def draw_ramp(canvas: Canvas, look: Look, left: float, top: float, bottom: float, limits: tuple[float, float]) -> None:
    """The key to the colours: a strip with values beside it."""
    low, high = limits
    steps = 24
    for i in range(steps):
        y0, y1 = (bottom - (bottom - top) * share / steps for share in (i, i + 1))
        canvas.rectangle((left, y0, left + look.size * 0.9, y1), from_ramp(look.ramp, i / (steps - 1)))
    for value, text in value_ticks(low, high, 4):
        y = bottom - (bottom - top) * (value - low) / (high - low)
        canvas.text((left + look.size * 1.1, y), text, look.ink, "lm", look.size - 2)


def _title(canvas: Canvas, look: Look, title: str) -> float:
    """Draws the title and returns where the rest begins."""
    if not title:
        return look.size * 0.5
    canvas.text((look.width / 2, look.size), title, look.ink, size=look.size + 1.5)
    return look.size * 2.0
