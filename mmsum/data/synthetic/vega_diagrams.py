"""Flow diagrams, gauges and maps of square fields as Vega-Lite layers."""

from __future__ import annotations

import math
from typing import Any

from mmsum.data.synthetic.layouts import flow_layout, luminance
from mmsum.data.synthetic.plot import Look, Plot

Spec = dict[str, Any]


def _free(low: float, high: float, name: str = "x") -> Spec:
    """A bare axis from low to high for field `name`."""
    scale = {"domain": [low, high], "nice": False, "zero": False}
    return {"field": name, "type": "quantitative", "axis": None, "scale": scale}


def flow_layers(plot: Plot, look: Look) -> Spec:
    """Boxes with arrows; one is filled in a strong colour, one is a diamond."""
    flow = flow_layout(plot, look)
    wide, high = look.width * 0.9, look.height * 0.85
    x, y = _free(0, 1), _free(1, 0, "y")
    layers: list[Spec] = []
    for path in flow.arrows:
        points = [{"x": px, "y": py, "i": i} for i, (px, py) in enumerate(path)]
        stroke = {"type": "line", "color": look.ink, "strokeWidth": 1.4}
        layers.append(
            {"data": {"values": points}, "mark": stroke, "encoding": {"x": x, "y": y, "order": {"field": "i"}}}
        )
        (x0, y0), (x1, y1) = path[-2:]
        angle = math.degrees(math.atan2((x1 - x0) * wide, (y0 - y1) * high))
        back = 4 / math.hypot((x1 - x0) * wide, (y1 - y0) * high)
        tip = {"x": x1 - (x1 - x0) * back, "y": y1 - (y1 - y0) * back}
        head = {"type": "point", "shape": "triangle-up", "filled": True, "size": 60, "angle": angle, "color": look.ink}
        layers.append({"data": {"values": [tip]}, "mark": {**head, "opacity": 1}, "encoding": {"x": x, "y": y}})
    size = min(look.size, wide * flow.width / (0.6 * max(map(len, plot.labels))))
    for i, ((cx, cy), label) in enumerate(zip(flow.centres, plot.labels, strict=True)):
        strong = i == plot.marks[0]
        fill = look.colours[0].code if strong else look.ground
        half_w, half_h = flow.width / 2, flow.height / 2
        if i == plot.marks[1]:
            shape = f"M {-half_w * wide} 0 L 0 {-half_h * 1.25 * high} L {half_w * wide} 0 L 0 {half_h * 1.25 * high} Z"
            mark: Spec = {"type": "point", "shape": shape, "size": 4, "filled": True, "fill": fill, "opacity": 1}
            box: Spec = {"data": {"values": [{"x": cx, "y": cy}]}, "encoding": {"x": x, "y": y}}
        else:
            edges = {"x": cx - half_w, "x2": cx + half_w, "y": cy - half_h, "y2": cy + half_h}
            mark = {"type": "rect", "fill": fill, "cornerRadius": 4}
            box = {
                "data": {"values": [edges]},
                "encoding": {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}},
            }
        layers.append({**box, "mark": {**mark, "stroke": look.ink, "strokeWidth": 1.3}})
        ink = look.ink if not strong else "#ffffff" if luminance(fill) < 0.55 else "#000000"
        text = {"type": "text", "text": label, "fontSize": size, "color": ink}
        layers.append({"data": {"values": [{"x": cx, "y": cy}]}, "mark": text, "encoding": {"x": x, "y": y}})
    return {"width": wide, "height": high, "layer": layers, "view": {"stroke": None, "fill": look.paper}}


def gauge_layers(plot: Plot, look: Look) -> Spec:
    """Half a ring in three colours, a needle, and a mark at the target."""
    wide = look.width * 0.8
    outer = wide * 0.36
    high = outer * 1.7
    x, y = _free(-wide / 2, wide / 2), _free(-outer * 0.35, outer * 1.35, "y")
    centre_y = high - outer * 0.35
    layers: list[Spec] = []
    for i, colour in enumerate(look.colours[:3]):
        arc = {
            "type": "arc",
            "theta": math.pi * (i / 3 - 0.5),
            "theta2": math.pi * ((i + 1) / 3 - 0.5),
            "color": colour.code,
        }
        place = {"x": {"value": wide / 2}, "y": {"value": centre_y}}
        ring = {**arc, "innerRadius": outer * 0.66, "outerRadius": outer}
        layers.append({"data": {"values": [{}]}, "mark": ring, "encoding": place})

    def ray(share: float, start: float, end: float, width: float) -> Spec:
        angle = math.pi * (1 - share)
        row = {"x": start * math.cos(angle), "y": start * math.sin(angle)}
        row |= {"x2": end * math.cos(angle), "y2": end * math.sin(angle)}
        encoding = {"x": x, "y": y, "x2": {"field": "x2"}, "y2": {"field": "y2"}}
        mark = {"type": "rule", "color": look.ink, "strokeWidth": width}
        return {"data": {"values": [row]}, "mark": mark, "encoding": encoding}

    layers.append(ray(plot.series[0].values[0], 0, outer * 0.86, 4))
    layers.append(ray(plot.marks[0], outer * 0.62, outer * 1.1, 3))
    goal = math.pi * (1 - plot.marks[0])
    words = [
        {"x": 1.2 * outer * math.cos(goal), "y": 1.2 * outer * math.sin(goal), "t": "target"},
        {"x": 0, "y": -0.25 * outer, "t": f"{plot.quantity} ({plot.unit})"},
    ]
    dot = {"type": "point", "filled": True, "color": look.ink, "size": 120, "opacity": 1}
    layers.append({"data": {"values": [{"x": 0, "y": 0}]}, "mark": dot, "encoding": {"x": x, "y": y}})
    text = {"type": "text", "color": look.ink, "fontSize": look.size}
    layers.append({"data": {"values": words}, "mark": text, "encoding": {"x": x, "y": y, "text": {"field": "t"}}})
    return {"width": wide, "height": high, "layer": layers, "view": {"stroke": None, "fill": look.paper}}


def grid_map_layers(plot: Plot, look: Look) -> Spec:
    """Square fields coloured by value, north up, with a star in one of them."""
    size = len(plot.series)
    rows = [
        {"x": c, "y": r, "v": value}
        for r, series in enumerate(plot.series)
        for c, value in enumerate(series.values)
        if not math.isnan(value)
    ]
    x: Spec = {"field": "x", "type": "ordinal", "axis": None, "scale": {"domain": list(range(size)), "padding": 0}}
    y: Spec = {**x, "field": "y"}
    colour: Spec = {"field": "v", "type": "quantitative", "scale": {"range": list(look.ramp)}, "title": None}
    colour["legend"] = {"orient": "right", "gradientLength": look.height * 0.5}
    fields = {"type": "rect", "stroke": look.paper, "strokeWidth": 1}
    star = "M0,-1L0.24,-0.31L0.95,-0.31L0.38,0.12L0.59,0.81L0,0.38L-0.59,0.81L-0.38,0.12L-0.95,-0.31L-0.24,-0.31Z"
    place = [{"x": int(plot.marks[1]), "y": int(plot.marks[0])}]
    mark = {"type": "point", "shape": star, "size": 220, "fill": "#ffffff", "stroke": "#000000", "opacity": 1}
    layers = [
        {"data": {"values": rows}, "mark": fields, "encoding": {"x": x, "y": y, "color": colour}},
        {"data": {"values": place}, "mark": mark, "encoding": {"x": x, "y": y}},
    ]
    side = look.height * 0.9
    return {"width": side, "height": side, "layer": layers, "view": {"stroke": None, "fill": look.paper}}
