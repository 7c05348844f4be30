"""Draw a Plot with Pillow: ten times as fast as a plotting library, so that training sees many figures."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image

from mmsum.data.synthetic.canvas import Canvas, blend, from_ramp
from mmsum.data.synthetic.frame import Frame, Ticks, draw_frame, fold, value_ticks
from mmsum.data.synthetic.plot import Colour, Look, Plot
from mmsum.data.synthetic.raster_diagrams import draw_flow, draw_gauge, draw_grid_map, draw_ramp


def draw(plot: Plot, look: Look, title: str) -> Image.Image:
    """The figure, look.width x look.height pixels, RGB. The same arguments give the same pixels."""
    canvas = Canvas(look.width, look.height, look.paper, look.font, look.size)
    _DRAW[plot.kind](canvas, plot, look, title if look.titled else "")
    return canvas.finish()


def _value_title(plot: Plot, look: Look, room: float) -> str:
    """The value axis's title, or its unit where the whole does not fit into `room` pixels."""
    whole = f"{plot.quantity.capitalize()} ({plot.unit})"
    return (whole if len(whole) * look.size * 0.55 < room else plot.unit) if look.axis_titles else ""


def _time_ticks(plot: Plot, look: Look) -> list[tuple[float, str]]:
    letters = max(map(len, plot.labels)) + 1.5
    step = max(1, math.ceil(len(plot.labels) * letters * look.size * 0.55 / (look.width * 0.75)))
    return [(float(i), plot.labels[i]) for i in range(0, len(plot.labels), step)]


def _entries(plot: Plot, look: Look) -> list[tuple[str, Colour]]:
    names = [series.name for series in plot.series]
    return list(zip(names, look.colours, strict=False)) if len(names) > 1 else []


def _lines(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    direct = look.legend == "direct" and len(plot.series) > 1
    room = max(canvas.length(series.name) for series in plot.series) + 4 if direct else 0.0
    frame = draw_frame(
        canvas,
        look,
        (-0.3, len(plot.labels) - 0.7) if plot.kind == "line" else (0, len(plot.labels) - 1),
        plot.limits,
        _time_ticks(plot, look),
        value_ticks(*plot.limits),
        title,
        plot.x_label if look.axis_titles else "",
        _value_title(plot, look, look.height * 0.75),
        [] if direct else _entries(plot, look),
        room,
    )
    for series, colour in zip(plot.series, look.colours, strict=False):
        points = [(frame.x(i), frame.y(value)) for i, value in enumerate(series.values)]
        if plot.kind == "area":
            ground = [(points[-1][0], frame.bottom), (points[0][0], frame.bottom)]
            canvas.polygon([*points, *ground], blend(look.ground, colour.code, 0.5))
        canvas.line(points, colour.code, look.line_width)
        if look.markers and plot.kind == "line":
            for point in points:
                canvas.disc(point, look.line_width + 1, colour.code)
        if direct:
            canvas.text((frame.right + 3, points[-1][1]), series.name, colour.code, "lm")


def _bar_frame(canvas: Canvas, plot: Plot, look: Look, title: str, top: float) -> Frame:
    """Categories on one axis, values from zero on the other."""
    count = len(plot.labels)
    places, limits = (-0.5, count - 0.5), (0.0, top * (1.14 if look.value_labels else 1.06))
    values = value_ticks(0, limits[1])
    entries = _entries(plot, look)
    if look.horizontal:
        names: Ticks = [(float(i), label) for i, label in enumerate(plot.labels)]
        x_title = _value_title(plot, look, look.width * 0.8)
        return draw_frame(canvas, look, limits, places[::-1], values, names, title, x_title, "", entries)
    letters = look.width * 0.78 / count / (look.size * 0.55)
    names = [(float(i), fold(label, letters)) for i, label in enumerate(plot.labels)]
    y_title = _value_title(plot, look, look.height * 0.75)
    return draw_frame(canvas, look, places, limits, names, values, title, "", y_title, entries)


def _bar(
    canvas: Canvas, frame: Frame, look: Look, place: float, width: float, low: float, high: float, fill: str
) -> None:
    if look.horizontal:
        box = (frame.x(low), frame.y(place - width / 2), frame.x(high), frame.y(place + width / 2))
    else:
        box = (frame.x(place - width / 2), frame.y(low), frame.x(place + width / 2), frame.y(high))
    canvas.rectangle(box, fill)
    if look.hatched:
        x0, x1 = sorted((box[0], box[2]))
        y0, y1 = sorted((box[1], box[3]))
        pale = blend(fill, look.paper, 0.6)
        for y in range(int(y0) + 3, int(y1), 6):
            canvas.line([(x0, y), (x1, y)], pale)


def _grouped_bar(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    count = len(plot.series)
    frame = _bar_frame(canvas, plot, look, title, max(max(series.values) for series in plot.series))
    width = (1 - look.gap) / count
    for i, series in enumerate(plot.series):
        for place, value in enumerate(series.values):
            colour = look.colours[place % 6 if look.many_colours and count == 1 else i]
            at = place + (i - (count - 1) / 2) * width
            _bar(canvas, frame, look, at, width * 0.94, 0, value, colour.code)
            if look.value_labels and count == 1:
                end = (frame.x(value) + 3, frame.y(at)) if look.horizontal else (frame.x(at), frame.y(value) - 3)
                canvas.text(end, f"{value:.3g}", look.ink, "lm" if look.horizontal else "mb", look.size - 2)


def _stacked_bar(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    base = [0.0] * len(plot.labels)
    totals = [sum(column) for column in zip(*(series.values for series in plot.series), strict=True)]
    frame = _bar_frame(canvas, plot, look, title, max(totals))
    for series, colour in zip(plot.series, look.colours, strict=False):
        for place, value in enumerate(series.values):
            _bar(canvas, frame, look, place, 1 - look.gap, base[place], base[place] + value, colour.code)
            base[place] += value


def _pie(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    em = look.size
    beside = look.legend in ("right", "bottom")
    wide = max(canvas.length(label) for label in plot.labels) + 2 * em
    top = em * 2 if title else em * 0.8
    room = (look.width - (wide if beside else 2 * wide - 2 * em), look.height - top - em * (0.8 if beside else 2.4))
    radius = max(min(room) / 2 * 0.96, look.height * 0.22)
    centre = ((look.width - (wide if beside else 0)) / 2, top + (look.height - top) / 2 - em * 0.3)
    if title:
        canvas.text((look.width / 2, em), title, look.ink, size=em + 1.5)
    start = -90.0
    for i, (label, share) in enumerate(zip(plot.labels, plot.series[0].values, strict=True)):
        end = start + 3.6 * share
        canvas.slice(centre, radius, start, end, look.colours[i].code, look.paper)
        middle = math.radians((start + end) / 2)
        start = end
        if beside:
            y = look.height / 2 + (i - (len(plot.labels) - 1) / 2) * em * 1.5
            x = look.width - wide
            canvas.rectangle((x, y - em * 0.4, x + em * 0.8, y + em * 0.4), look.colours[i].code)
            canvas.text((x + em * 1.1, y), label, look.ink, "lm", em - 1)
        else:
            at = (centre[0] + (radius + 5) * math.cos(middle), centre[1] + (radius + 5) * math.sin(middle))
            canvas.text(at, label, look.ink, "lm" if math.cos(middle) > 0 else "rm", em - 1)
    if look.hole:
        canvas.disc(centre, radius * look.hole, look.paper)


def _scatter(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    xs, ys = (series.values for series in plot.series)
    room = 0.06 * (max(xs) - min(xs))
    x_limits = (min(xs) - room, max(xs) + room)
    x_title = plot.x_label if look.axis_titles else ""
    y_title = _value_title(plot, look, look.height * 0.75)
    ticks = (value_ticks(*x_limits), value_ticks(*plot.limits))
    frame = draw_frame(canvas, look, x_limits, plot.limits, *ticks, title, x_title, y_title)
    radius = 1.4 + look.line_width * 0.6
    for x, y in zip(xs, ys, strict=True):
        fill = look.ground if look.many_colours else look.colours[0].code
        canvas.disc((frame.x(x), frame.y(y)), radius, fill, look.colours[0].code)


def _histogram(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    counts = plot.series[0].values
    limits = (0.0, max(counts) * 1.08)
    x_title, y_title = (plot.x_label, "Number") if look.axis_titles else ("", "")
    ticks = (_time_ticks(plot, look), value_ticks(*limits))
    frame = draw_frame(canvas, look, (0, len(counts)), limits, *ticks, title, x_title, y_title)
    for i, count in enumerate(counts):
        box = (frame.x(i), frame.y(count), frame.x(i + 1), frame.bottom)
        canvas.rectangle(box, look.colours[0].code, look.paper, 0.5)


def _boxes(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    count = len(plot.series)
    letters = look.width * 0.78 / count / (look.size * 0.55)
    names = [(float(i), fold(series.name, letters)) for i, series in enumerate(plot.series)]
    y_title = _value_title(plot, look, look.height * 0.75)
    ticks = (names, value_ticks(*plot.limits))
    frame = draw_frame(canvas, look, (-0.5, count - 0.5), plot.limits, *ticks, title, "", y_title)
    half = (1 - look.gap) / 2
    for i, series in enumerate(plot.series):
        low, q1, middle, q3, high = (frame.y(value) for value in series.values)
        x, x0, x1 = frame.x(i), frame.x(i - half), frame.x(i + half)
        canvas.line([(x, low), (x, high)], look.ink, 1.2)
        for end in (low, high):
            canvas.line([((x0 + x) / 2, end), ((x1 + x) / 2, end)], look.ink, 1.2)
        colour = look.colours[i % 6 if look.many_colours else 0].code
        canvas.rectangle((x0, q3, x1, q1), colour, look.ink, 1)
        canvas.line([(x0, middle), (x1, middle)], look.ink, 2)


def _heat_map(canvas: Canvas, plot: Plot, look: Look, title: str) -> None:
    rows, columns = len(plot.series), len(plot.labels)
    x_ticks = [(i + 0.5, label) for i, label in enumerate(plot.labels)]
    y_ticks = [(i + 0.5, series.name) for i, series in enumerate(plot.series)]
    room = look.size * 3.6
    frame = draw_frame(canvas, look, (0, columns), (rows, 0), x_ticks, y_ticks, title, room_right=room)
    values = [value for series in plot.series for value in series.values]
    low, high = min(values), max(values)
    for r, series in enumerate(plot.series):
        for c, value in enumerate(series.values):
            fill = from_ramp(look.ramp, (value - low) / (high - low))
            edge = look.paper if look.markers else fill
            canvas.rectangle((frame.x(c), frame.y(r), frame.x(c + 1), frame.y(r + 1)), fill, edge, 0.5)
    draw_ramp(canvas, look, frame.right + look.size * 0.6, frame.top, frame.bottom, (low, high))


_DRAW: dict[str, Callable[[Canvas, Plot, Look, str], None]] = {
    "line": _lines,
    "area": _lines,
    "grouped_bar": _grouped_bar,
    "stacked_bar": _stacked_bar,
    "pie": _pie,
    "scatter": _scatter,
    "histogram": _histogram,
    "box": _boxes,
    "heat_map": _heat_map,
    "flow": draw_flow,
    "gauge": draw_gauge,
    "grid_map": draw_grid_map,
}
