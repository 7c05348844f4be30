"""Draw a Plot with Vega-Lite, for held-out figures: another library than training's. It comes with the extra `data`."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

from PIL import Image

from mmsum.data.synthetic.plot import Look, Plot
from mmsum.data.synthetic.vega_diagrams import flow_layers, gauge_layers, grid_map_layers
from mmsum.errors import PresetError

Spec = dict[str, Any]


def draw(plot: Plot, look: Look, title: str) -> Image.Image:
    """The figure, RGB, about look.width x look.height pixels (Vega-Lite adds what its axes and legends need)."""
    png = _converter().vegalite_to_png(_spec(plot, look, title), scale=1.0)
    return Image.open(io.BytesIO(png)).convert("RGB")


def draw_pdf(plot: Plot, look: Look, title: str) -> bytes:
    """The same figure as a PDF page of lines and letters."""
    return bytes(_converter().vegalite_to_pdf(_spec(plot, look, title)))


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise PresetError("Vega-Lite is missing: pip install 'mmsum[data]'") from error
    return vl_convert


def _spec(plot: Plot, look: Look, title: str) -> Spec:
    spec: Spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": round(look.width * 0.72),
        "height": round(look.height * 0.68),
        "background": look.paper,
        "config": _config(look),
        **_SPECS[plot.kind](plot, look),
    }
    if look.titled and title:
        spec["title"] = title
    return spec


def _config(look: Look) -> Spec:
    axis = {
        "labelColor": look.ink,
        "titleColor": look.ink,
        "domainColor": look.ink,
        "tickColor": look.ink,
        "labelFontSize": look.size - 1,
        "titleFontSize": look.size,
        "labelFont": look.font,
        "titleFont": look.font,
        "domain": look.spines != "none",
        "ticks": look.spines != "none",
        "gridOpacity": 0.6,
    }
    return {
        "font": look.font,
        "axis": axis,
        "axisX": {"grid": look.grid in ("x", "both")},
        "axisY": {"grid": look.grid in ("y", "both")},
        "legend": {
            "labelColor": look.ink,
            "titleColor": look.ink,
            "labelFontSize": look.size - 1,
            "orient": look.legend,
        },
        "title": {"color": look.ink, "fontSize": look.size + 2},
        "view": {"fill": look.ground, "stroke": look.ink if look.spines == "all" else None},
    }


def _value_title(plot: Plot, look: Look) -> str | None:
    return f"{plot.quantity.capitalize()} ({plot.unit})" if look.axis_titles else None


def _colours(names: list[str], look: Look) -> Spec:
    codes = [colour.code for colour in look.colours[: len(names)]]
    return {"domain": names, "range": codes}


def _lines(plot: Plot, look: Look) -> Spec:
    names = [series.name for series in plot.series]
    rows = [{"x": i, "y": y, "s": series.name} for series in plot.series for i, y in enumerate(series.values)]
    axis = {"values": list(range(len(plot.labels))), "labelExpr": _by_number(plot.labels), "labelOverlap": True}
    x = {"field": "x", "type": "quantitative", "axis": {**axis, "title": plot.x_label if look.axis_titles else None}}
    y = {
        "field": "y",
        "type": "quantitative",
        "title": _value_title(plot, look),
        "scale": {"domain": list(plot.limits), "zero": False, "nice": False},
    }
    colour: Spec = {"field": "s", "type": "nominal", "scale": _colours(names, look), "title": None, "sort": names}
    if len(names) == 1:
        colour["legend"] = None
    mark: Spec = {"type": "line", "strokeWidth": look.line_width, "point": look.markers, "clip": True}
    if plot.kind == "area":
        line = {"color": look.colours[0].code, "strokeWidth": look.line_width}
        mark = {"type": "area", "opacity": 0.6, "line": line, "clip": True}
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, "color": colour}}


def _by_number(labels: tuple[str, ...]) -> str:
    return "[" + ",".join(f"'{label}'" for label in labels) + "][datum.value]"


def _bars(plot: Plot, look: Look) -> Spec:
    stacked, names = plot.kind == "stacked_bar", [series.name for series in plot.series]
    rows = [
        {"c": label, "v": value, "s": series.name, "o": order}
        for order, series in enumerate(plot.series)
        for label, value in zip(plot.labels, series.values, strict=True)
    ]
    category: Spec = {"field": "c", "type": "nominal", "sort": list(plot.labels), "title": None}
    category["axis"] = {"labelAngle": 0 if look.horizontal or len("".join(plot.labels)) < 40 else -35, "title": None}
    category["scale"] = {"paddingInner": look.gap}
    value: Spec = {"field": "v", "type": "quantitative", "title": _value_title(plot, look)}
    offset: Spec = {"field": "s", "sort": names}
    colour: Spec = {"field": "s", "type": "nominal", "scale": _colours(names, look), "title": None, "sort": names}
    if len(names) == 1:
        colour["legend"] = None
        if look.many_colours:
            colour = {"field": "c", "type": "nominal", "scale": _colours(list(plot.labels), look), "legend": None}
    x, y = (value, category) if look.horizontal else (category, value)
    encoding: Spec = {"x": x, "y": y, "color": colour}
    if stacked:
        encoding["order"] = {"field": "o"}
    elif len(names) > 1:
        encoding["yOffset" if look.horizontal else "xOffset"] = offset
    return {"data": {"values": rows}, "mark": {"type": "bar"}, "encoding": encoding}


def _pie(plot: Plot, look: Look) -> Spec:
    rows = [{"c": c, "v": v, "o": i} for i, (c, v) in enumerate(zip(plot.labels, plot.series[0].values, strict=True))]
    colour = {"field": "c", "type": "nominal", "scale": _colours(list(plot.labels), look), "sort": list(plot.labels)}
    radius = min(look.width * 0.72, look.height * 0.68) / 2
    mark = {"type": "arc", "innerRadius": radius * look.hole, "outerRadius": radius, "stroke": look.paper}
    theta = {"field": "v", "type": "quantitative", "stack": True}
    encoding = {"theta": theta, "order": {"field": "o"}, "color": {**colour, "title": None}}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _scatter(plot: Plot, look: Look) -> Spec:
    xs, ys = (series.values for series in plot.series)
    mark = {"type": "point", "filled": look.many_colours, "size": 14 * look.line_width, "color": look.colours[0].code}
    x_title = plot.x_label if look.axis_titles else None
    y_scale = {"zero": False, "domain": list(plot.limits), "nice": False}
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": x_title, "scale": {"zero": False}},
        "y": {"field": "y", "type": "quantitative", "title": _value_title(plot, look), "scale": y_scale},
    }
    return {
        "data": {"values": [{"x": x, "y": y} for x, y in zip(xs, ys, strict=True)]},
        "mark": mark,
        "encoding": encoding,
    }


def _histogram(plot: Plot, look: Look) -> Spec:
    rows = [{"a": i, "b": i + 1, "v": count} for i, count in enumerate(plot.series[0].values)]
    axis = {"values": list(range(0, len(plot.labels), 3)), "labelExpr": _by_number(plot.labels)}
    x = {"field": "a", "type": "quantitative", "axis": {**axis, "title": plot.x_label}, "scale": {"nice": False}}
    y = {"field": "v", "type": "quantitative", "title": "Number"}
    mark = {"type": "rect", "color": look.colours[0].code, "stroke": look.paper, "strokeWidth": 1}
    encoding = {"x": x, "x2": {"field": "b"}, "y": y, "y2": {"datum": 0}}
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def _boxes(plot: Plot, look: Look) -> Spec:
    keys = ("w0", "q0", "m", "q1", "w1")
    rows = [{"c": s.name, **dict(zip(keys, s.values, strict=True))} for s in plot.series]
    names = [series.name for series in plot.series]
    x = {"field": "c", "type": "nominal", "sort": names, "title": None, "axis": {"labelAngle": 0, "labelLimit": 70}}
    scale = {"zero": False, "domain": list(plot.limits), "nice": False}

    def from_to(low: str, high: str) -> Spec:
        y = {"field": low, "type": "quantitative", "title": _value_title(plot, look), "scale": scale}
        return {"x": x, "y": y, "y2": {"field": high}}

    width = look.width * 0.72 / len(names) * (1 - look.gap)
    fill: Spec = {"value": look.colours[0].code}
    if look.many_colours:
        fill = {"field": "c", "type": "nominal", "scale": _colours(names, look), "legend": None}
    layers = [
        {"mark": {"type": "rule", "color": look.ink}, "encoding": from_to("w0", "w1")},
        {"mark": {"type": "bar", "size": width}, "encoding": {**from_to("q0", "q1"), "color": fill}},
        {
            "mark": {"type": "tick", "color": look.paper, "size": width, "thickness": 2},
            "encoding": {"x": x, "y": {"field": "m", "type": "quantitative", "scale": scale}},
        },
    ]
    return {"data": {"values": rows}, "layer": layers}


def _heat_map(plot: Plot, look: Look) -> Spec:
    rows = [
        {"r": series.name, "c": label, "v": value}
        for series in plot.series
        for label, value in zip(plot.labels, series.values, strict=True)
        if not math.isnan(value)
    ]
    x = {"field": "c", "type": "ordinal", "sort": list(plot.labels), "title": None, "axis": {"labelAngle": 0}}
    y = {"field": "r", "type": "ordinal", "sort": [series.name for series in plot.series], "title": None}
    colour: Spec = {"field": "v", "type": "quantitative", "scale": {"range": list(look.ramp)}, "title": None}
    colour["legend"] = {"orient": "right", "gradientLength": look.height * 0.5}
    return {"data": {"values": rows}, "mark": "rect", "encoding": {"x": x, "y": y, "color": colour}}


_SPECS: dict[str, Callable[[Plot, Look], Spec]] = {
    "line": _lines,
    "area": _lines,
    "grouped_bar": _bars,
    "stacked_bar": _bars,
    "pie": _pie,
    "scatter": _scatter,
    "histogram": _histogram,
    "box": _boxes,
    "heat_map": _heat_map,
    "flow": flow_layers,
    "gauge": gauge_layers,
    "grid_map": grid_map_layers,
}
