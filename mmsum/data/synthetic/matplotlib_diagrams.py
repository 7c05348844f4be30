"""Flow diagrams, gauges and maps of square fields, drawn on matplotlib's axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmsum.data.synthetic.layouts import flow_layout, luminance
from mmsum.data.synthetic.plot import Look, Plot


def draw_flow(axes: Any, plot: Plot, look: Look) -> None:
    """Boxes with arrows; one is filled in a strong colour, one is a diamond."""
    from matplotlib.patches import FancyArrowPatch, Polygon

    flow = flow_layout(plot, look)
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    pixels = look.width * 0.92 * flow.width
    size = min(look.size, pixels / (0.6 * max(map(len, plot.labels)))) * 0.72
    strong, plain = look.colours[0].code, look.ground
    for path in flow.arrows:
        xs, ys = zip(*path[:-1], strict=True)
        axes.plot(xs, ys, color=look.ink, linewidth=1.4)
        axes.add_patch(
            FancyArrowPatch(
                path[-2], path[-1], arrowstyle="-|>", mutation_scale=11, color=look.ink, shrinkA=0, shrinkB=0
            )
        )
    for i, ((x, y), label) in enumerate(zip(flow.centres, plot.labels, strict=True)):
        half_w, half_h = flow.width / 2, flow.height / 2
        corners = [
            (x - half_w, y - half_h),
            (x + half_w, y - half_h),
            (x + half_w, y + half_h),
            (x - half_w, y + half_h),
        ]
        if i == plot.marks[1]:
            corners = [(x - half_w, y), (x, y - half_h * 1.25), (x + half_w, y), (x, y + half_h * 1.25)]
        fill = strong if i == plot.marks[0] else plain
        axes.add_patch(Polygon(corners, closed=True, facecolor=fill, edgecolor=look.ink, linewidth=1.3))
        ink = (
            "#ffffff"
            if i == plot.marks[0] and luminance(strong) < 0.55
            else look.ink
            if i != plot.marks[0]
            else "#000000"
        )
        axes.text(x, y, label, ha="center", va="center", fontsize=size, color=ink)


def draw_gauge(axes: Any, plot: Plot, look: Look) -> None:
    """Half a ring in three colours, a needle, and a mark at the target."""
    from matplotlib.patches import Polygon, Wedge

    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-0.35, 1.25)
    axes.set_aspect("equal")
    for i, colour in enumerate(look.colours[:3]):
        axes.add_patch(Wedge((0, 0), 1.0, 180 - 60 * (i + 1), 180 - 60 * i, width=0.3, color=colour.code))
    angle = math.pi * (1 - plot.series[0].values[0])
    tip = (0.85 * math.cos(angle), 0.85 * math.sin(angle))
    across = (0.06 * math.sin(angle), -0.06 * math.cos(angle))
    axes.add_patch(Polygon([tip, across, (-across[0], -across[1])], closed=True, color=look.ink))
    axes.plot([0], [0], "o", color=look.ink, markersize=9)
    goal = math.pi * (1 - plot.marks[0])
    across_ring = [0.66 * math.cos(goal), 1.1 * math.cos(goal)], [0.66 * math.sin(goal), 1.1 * math.sin(goal)]
    axes.plot(*across_ring, color=look.ink, linewidth=3)
    axes.text(
        1.13 * math.cos(goal),
        1.13 * math.sin(goal),
        "target",
        ha="right" if math.cos(goal) < 0 else "left",
        va="bottom",
    )
    axes.text(0, -0.27, f"{plot.quantity} ({plot.unit})", ha="center", va="bottom")


def draw_grid_map(axes: Any, plot: Plot, look: Look) -> None:
    """Square fields coloured by value, north up, with a star in one of them."""
    from matplotlib.colors import LinearSegmentedColormap

    rows = np.array([series.values for series in plot.series])
    ramp = LinearSegmentedColormap.from_list("ramp", look.ramp)
    mesh = axes.pcolormesh(np.ma.masked_invalid(rows), cmap=ramp, edgecolors=look.paper, linewidth=1.2)
    axes.invert_yaxis()
    axes.set_aspect("equal", adjustable="datalim")
    row, column = plot.marks
    star = {"color": "#ffffff", "markeredgecolor": "#000000", "markersize": 15, "markeredgewidth": 1.2}
    axes.plot([column + 0.5], [row + 0.5], marker="*", **star)
    box = axes.get_position()
    key = axes.figure.add_axes((box.x1 + 0.02, box.y0 + 0.05, 0.035, box.height - 0.1))
    axes.figure.colorbar(mesh, cax=key)
    key.tick_params(length=1.5, pad=1, labelsize=(look.size - 2) * 0.72)
    key.locator_params(nbins=4)
