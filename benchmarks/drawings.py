"""Vector charts and diagrams by several libraries, each a one-page PDF: what benchmarks/typeset.py sets into pages.

matplotlib draws its PDF itself, ReportLab through its graphics package, Vega-Lite and hand-made SVG through vl-convert.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from random import Random
from typing import Any

import vl_convert
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from reportlab.graphics import renderPDF
from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.linecharts import HorizontalLineChart
from reportlab.graphics.charts.piecharts import Pie
from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor

_NAMES = ("north", "south", "river", "harbour", "upper town", "market", "old mill", "station", "campus", "hill")
_COLOURS = ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#3a7d8c", "#b0413e", "#555555")
_STEPS = ("read", "clean", "join", "check", "store", "train", "rank", "report", "review", "publish", "index", "plan")


def draw(library: str, rng: Random, width: float, height: float) -> bytes:
    """One figure by `library` (a key of LIBRARIES), near width x height points, as PDF bytes."""
    return rng.choice(LIBRARIES[library])(rng, width, height)


def _values(rng: Random, count: int) -> list[float]:
    level, values = rng.uniform(10, 60), []
    for _ in range(count):
        level = max(2.0, level + rng.uniform(-8, 10))
        values.append(round(level, 1))
    return values


def _plot(rng: Random, width: float, height: float, fill: Callable[[Any], None], panels: tuple[int, int]) -> bytes:
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    FigureCanvasAgg(figure)
    for axes in figure.subplots(*panels, squeeze=False).flat:
        axes.tick_params(labelsize=7)
        fill(axes)
        if rng.random() < 0.4:
            axes.set_title(rng.choice(_NAMES).title(), fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="pdf")
    return out.getvalue()


def _matplotlib(rng: Random, width: float, height: float, panels: tuple[int, int] = (1, 1)) -> bytes:
    def lines(axes: Any) -> None:
        for name in rng.sample(_NAMES, rng.randint(1, 3)):
            axes.plot(range(12), _values(rng, 12), label=name)
        axes.set_xlabel("month", fontsize=7)
        axes.set_ylabel("tonnes", fontsize=7)
        if panels == (1, 1):
            axes.legend(fontsize=7)

    def bars(axes: Any) -> None:
        axes.bar(rng.sample(_NAMES, 5), _values(rng, 5), color=_COLOURS)
        axes.tick_params(axis="x", rotation=rng.choice((0, 30, 60)))
        axes.spines[["top", "right"]].set_visible(False)

    def dots(axes: Any) -> None:
        axes.scatter(_values(rng, 60), _values(rng, 60), s=6)
        axes.grid(True)

    def heat(axes: Any) -> None:
        axes.imshow([_values(rng, 8) for _ in range(6)], aspect="auto")

    def boxes(axes: Any) -> None:
        axes.boxplot([_values(rng, 20) for _ in range(4)])

    def pie(axes: Any) -> None:
        axes.pie(_values(rng, 4), labels=rng.sample(_NAMES, 4), textprops={"fontsize": 7})

    return _plot(rng, width, height, rng.choice((lines, lines, bars, dots, heat, boxes, pie)), panels)


def _matplotlib_panels(rng: Random, width: float, height: float) -> bytes:
    return _matplotlib(rng, width, height, rng.choice(((1, 2), (2, 2), (1, 3))))


def _reportlab_chart(rng: Random, width: float, height: float) -> bytes:
    drawing = Drawing(width, height)
    names, series = rng.sample(_NAMES, 5), rng.randint(1, 3)
    if rng.random() < 0.25:
        chart: Any = Pie()
        chart.data, chart.labels, side = _values(rng, 5), names, 0.75 * min(width, height)
        chart.x, chart.y, chart.width, chart.height = width / 2 - side / 2, height / 2 - side / 2, side, side
    else:
        chart = rng.choice((VerticalBarChart, HorizontalBarChart, HorizontalLineChart))()
        chart.data = [_values(rng, 5) for _ in range(series)]
        chart.categoryAxis.categoryNames = names
        chart.x, chart.y, chart.width, chart.height = 50, 25, width - 130, height - 40
        chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 7
        legend = Legend()
        legend.x, legend.y, legend.fontSize = width - 70, height - 20, 7
        legend.colorNamePairs = [
            (HexColor(colour), name) for colour, name in zip(_COLOURS[:series], _NAMES, strict=False)
        ]
        lines = chart.lines if isinstance(chart, HorizontalLineChart) else chart.bars
        for number in range(series):
            setattr(lines[number], "strokeColor" if lines is getattr(chart, "lines", None) else "fillColor",
                    HexColor(_COLOURS[number]))  # fmt: skip
        drawing.add(legend)
    drawing.add(chart)
    return bytes(renderPDF.drawToString(drawing))


def _reportlab_network(rng: Random, width: float, height: float) -> bytes:
    drawing = Drawing(width, height)
    count = rng.randint(6, 11)
    places = [
        (width / 2 + 0.42 * width * math.cos(2 * math.pi * n / count),
         height / 2 + 0.38 * height * math.sin(2 * math.pi * n / count))
        for n in range(count)
    ]  # fmt: skip
    for _ in range(2 * count):
        (x0, y0), (x1, y1) = rng.sample(places, 2)
        drawing.add(Line(x0, y0, x1, y1, strokeColor=HexColor("#888888"), strokeWidth=0.7))
    for (x, y), name in zip(places, _STEPS, strict=False):
        drawing.add(Circle(x, y, 13, fillColor=HexColor(rng.choice(_COLOURS)), strokeWidth=0.5))
        drawing.add(String(x, y - 2.5, name, fontSize=6.5, fillColor=HexColor("#ffffff"), textAnchor="middle"))
    return bytes(renderPDF.drawToString(drawing))


def _reportlab_flow(rng: Random, width: float, height: float) -> bytes:
    drawing = Drawing(width, height)
    columns, rows = rng.randint(2, 4), rng.randint(1, 3)
    wide, high = width / columns, height / rows
    for row in range(rows):
        for column in range(columns):
            x, y = column * wide + 0.12 * wide, row * high + 0.25 * high
            drawing.add(
                Rect(x, y, 0.76 * wide, 0.5 * high, fillColor=HexColor("#dde8f0"), strokeColor=HexColor("#333333"))
            )
            drawing.add(
                String(x + 0.38 * wide, y + 0.25 * high - 3, rng.choice(_STEPS), fontSize=8, textAnchor="middle")
            )
            if column + 1 < columns:
                end, middle = x + wide, y + 0.25 * high
                drawing.add(Line(x + 0.76 * wide, middle, end, middle))
                drawing.add(Line(end - 5, middle + 3, end, middle))
                drawing.add(Line(end - 5, middle - 3, end, middle))
            if row:
                drawing.add(Line(x + 0.38 * wide, y, x + 0.38 * wide, y - 0.5 * high))
    return bytes(renderPDF.drawToString(drawing))


def _vega(rng: Random, width: float, height: float) -> bytes:
    groups = rng.sample(_NAMES, 3)
    rows = [{"t": t, "v": v, "g": g} for g in groups for t, v in enumerate(_values(rng, 9))]
    mark = rng.choice(("bar", "area", "line", "point", "tick", "rect"))
    encoding: dict[str, Any] = {
        "x": {"field": "t", "type": "ordinal" if mark in ("bar", "rect") else "quantitative", "title": "week"},
        "y": {"field": "v", "type": "quantitative", "title": "litres a head"},
        "color": {"field": "g", "type": "nominal", "title": "place"},
    }
    if mark == "rect":
        encoding["y"], encoding["color"] = {"field": "g"}, {"field": "v", "type": "quantitative"}
    spec: dict[str, Any] = {"width": width - 120, "height": height - 50}
    if mark in ("line", "point") and rng.random() < 0.5:
        encoding["column"] = {"field": "g", "title": None}
        spec["width"] = (width - 140) / 3
    return bytes(
        vl_convert.vegalite_to_pdf(spec | {"data": {"values": rows}, "mark": mark, "encoding": encoding}, "5.20")
    )


def _svg(width: float, height: float, parts: list[str]) -> bytes:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    return bytes(vl_convert.svg_to_pdf(head + "".join(parts) + "</svg>"))


def _box(x: float, y: float, wide: float, high: float, word: str, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="4" fill="{fill}" stroke="#333"/>'
        f'<text x="{x + wide / 2}" y="{y + high / 2 + 3}" font-size="9" text-anchor="middle">{word}</text>'
    )


def _svg_tree(rng: Random, width: float, height: float) -> bytes:
    parts, fill = [], rng.choice(("#fff", "#eef6ee", "#fdf1dd"))
    levels = rng.randint(2, 3)
    step = height / (levels + 1)
    for level in range(levels + 1):
        count = 2**level
        for n in range(count):
            middle, y = width * (n + 0.5) / count, level * step + 2
            if level:
                above = width * (n // 2 + 0.5) / (count / 2)
                parts.append(f'<path d="M{above} {y - step + 20} L{middle} {y}" stroke="#555" fill="none"/>')
            wide = min(70.0, 0.8 * width / count)
            parts.append(_box(middle - wide / 2, y, wide, 20, rng.choice(_STEPS), fill))
    return _svg(width, height, parts)


def _svg_stack(rng: Random, width: float, height: float) -> bytes:
    """An architecture: labelled layers of boxes in a frame, arrows between the layers."""
    layers = rng.randint(2, 4)
    high = height / layers
    parts = []
    for layer in range(layers):
        y, count = layer * high, rng.randint(2, 4)
        parts.append(
            f'<rect x="1" y="{y + 1}" width="{width - 2}" height="{high - 14}" fill="none" stroke="{_COLOURS[layer]}"/>'
            f'<text x="6" y="{y + 11}" font-size="8">{rng.choice(_NAMES)} layer</text>'
        )
        wide = (width - 20) / count
        for n in range(count):
            word = f"{rng.choice(_STEPS)} and {rng.choice(_STEPS)}"
            parts.append(_box(10 + n * wide + 4, y + 16, wide - 8, max(12.0, high - 36), word, "#e8eef5"))
        if layer:
            parts.append(f'<path d="M{width / 2} {y - 12} V{y} l-3 -4 m3 4 l3 -4" stroke="#000" fill="none"/>')
    return _svg(width, height, parts)


def _svg_venn(rng: Random, width: float, height: float) -> bytes:
    radius = 0.26 * min(width, height)
    parts = []
    for n, name in enumerate(rng.sample(_NAMES, 3)):
        x = width / 2 + 0.7 * radius * math.cos(2.1 * n)
        y = height / 2 + 0.7 * radius * math.sin(2.1 * n)
        parts.append(f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{_COLOURS[n]}" fill-opacity="0.3" stroke="#444"/>')
        parts.append(f'<text x="{x}" y="{y}" font-size="9" text-anchor="middle">{name}</text>')
    return _svg(width, height, parts)


LIBRARIES: dict[str, tuple[Callable[[Random, float, float], bytes], ...]] = {
    "matplotlib": (_matplotlib, _matplotlib, _matplotlib_panels),
    "reportlab": (_reportlab_chart, _reportlab_network, _reportlab_flow),
    "vega": (_vega,),
    "svg": (_svg_tree, _svg_stack, _svg_venn),
}
