"""Draw a Plot with matplotlib, straight to pixels or as a page of a PDF. Only here, and only when drawing, is it imported.

One canvas is used again and again, and margins are worked out from the length of the texts: laying a figure out, as
matplotlib would, takes longer than drawing it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from mmsum.data.synthetic.frame import fold
from mmsum.data.synthetic.matplotlib_axes import DPI, box, dress, has_legend, points, top
from mmsum.data.synthetic.matplotlib_diagrams import draw_flow, draw_gauge, draw_grid_map
from mmsum.data.synthetic.plot import Look, Plot


def draw(plot: Plot, look: Look, title: str) -> Image.Image:
    """The figure, look.width x look.height pixels, RGB. The same arguments give the same pixels."""
    figure = _laid_out(plot, look, title)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    return Image.fromarray(pixels[..., :3].copy())


def draw_pdf(plot: Plot, look: Look, title: str) -> bytes:
    """The same figure as a PDF page of lines and letters."""
    target = io.BytesIO()
    _laid_out(plot, look, title).savefig(target, format="pdf", metadata={"CreationDate": None})
    return target.getvalue()


def _laid_out(plot: Plot, look: Look, title: str) -> Any:
    import matplotlib as mpl

    figure = _canvas()
    figure.clear()
    figure.set_size_inches(look.width / DPI, look.height / DPI)
    figure.set_facecolor(look.paper)
    mpl.rcParams.update(_settings(look))
    axes = figure.add_axes(box(plot, look, title))
    dress(axes, plot, look)
    _DRAW[plot.kind](axes, plot, look)
    if look.titled and title:
        axes.set_title(title, fontsize=points(look.size + 1.5), color=look.ink, pad=4 if not top(plot, look) else 18)
    return figure


@lru_cache(maxsize=1)
def _canvas() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def _settings(look: Look) -> dict[str, Any]:
    return {
        "font.family": [look.font, "DejaVu Sans"],
        "font.size": points(look.size),
        "text.color": look.ink,
        "axes.edgecolor": look.ink,
        "axes.labelcolor": look.ink,
        "xtick.color": look.ink,
        "ytick.color": look.ink,
        "axes.unicode_minus": False,
        "axes.formatter.use_mathtext": False,
        "hatch.linewidth": 0.8,
    }


def _line(axes: Any, plot: Plot, look: Look) -> None:
    for series, colour, mark in zip(plot.series, look.colours, "osD^v*", strict=False):
        axes.plot(
            series.values,
            color=colour.code,
            linewidth=look.line_width,
            marker=mark if look.markers else None,
            markersize=look.line_width + 2,
            label=series.name,
        )
        if look.legend == "direct" and series.name:
            at = (len(series.values) - 0.8, series.values[-1])
            axes.annotate(series.name, at, color=colour.code, va="center", annotation_clip=False)
    axes.set_ylim(plot.limits)
    _time_ticks(axes, plot, look)
    _legend(axes, plot, look)


def _area(axes: Any, plot: Plot, look: Look) -> None:
    values, colour = plot.series[0].values, look.colours[0].code
    axes.fill_between(range(len(values)), values, alpha=0.5, color=colour, linewidth=0)
    axes.plot(values, color=colour, linewidth=look.line_width)
    axes.set_ylim(plot.limits)
    axes.set_xlim(0, len(values) - 1)
    _time_ticks(axes, plot, look)


def _time_ticks(axes: Any, plot: Plot, look: Look) -> None:
    letters = max(map(len, plot.labels)) + 1.5
    step = max(1, round(0.5 + len(plot.labels) * letters * look.size * 0.55 / (look.width * 0.75)))
    axes.set_xticks(range(0, len(plot.labels), step), plot.labels[::step])


def _grouped_bar(axes: Any, plot: Plot, look: Look) -> None:
    count, places = len(plot.series), np.arange(len(plot.labels))
    width = (1 - look.gap) / count
    draw_bars = axes.barh if look.horizontal else axes.bar
    for i, series in enumerate(plot.series):
        many = look.many_colours and count == 1
        colours = [colour.code for colour in look.colours[: len(places)]] if many else look.colours[i].code
        at = places + (i - (count - 1) / 2) * width
        bars = draw_bars(at, series.values, width * 0.95, color=colours, label=series.name)
        if look.hatched and i == 0:
            for bar in bars:
                bar.set(hatch="//", edgecolor=look.paper)
        if look.value_labels and count == 1:
            axes.bar_label(bars, fmt="%.3g", fontsize=points(look.size - 2), padding=1)
    _category_ticks(axes, plot.labels, look)
    _legend(axes, plot, look)


def _stacked_bar(axes: Any, plot: Plot, look: Look) -> None:
    base, places = np.zeros(len(plot.labels)), np.arange(len(plot.labels))
    for series, colour in zip(plot.series, look.colours, strict=False):
        values = np.array(series.values)
        if look.horizontal:
            axes.barh(places, values, 1 - look.gap, left=base, color=colour.code, label=series.name)
        else:
            axes.bar(places, values, 1 - look.gap, bottom=base, color=colour.code, label=series.name)
        base += values
    _category_ticks(axes, plot.labels, look)
    _legend(axes, plot, look)


def _category_ticks(axes: Any, names: tuple[str, ...], look: Look) -> None:
    places = range(len(names))
    if look.horizontal:
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        return
    room = look.width * 0.8 / len(names) / (look.size * 0.5)
    axes.set_xticks(places, [fold(name, room) for name in names])


def _pie(axes: Any, plot: Plot, look: Look) -> None:
    colours = [colour.code for colour in look.colours[: len(plot.labels)]]
    beside = look.legend == "right"
    names = None if beside else [fold(label, 12) for label in plot.labels]
    edge = {"linewidth": 1.2, "edgecolor": look.paper, "width": 1 - look.hole}
    wedges, *_ = axes.pie(
        plot.series[0].values,
        labels=names,
        colors=colours,
        startangle=90,
        counterclock=False,
        radius=0.95,
        wedgeprops=edge,
        labeldistance=1.06,
        textprops={"fontsize": points(look.size - 1), "color": look.ink},
    )
    if beside:
        axes.legend(wedges, plot.labels, loc="center left", bbox_to_anchor=(0.95, 0.5), frameon=False, handlelength=1)


def _scatter(axes: Any, plot: Plot, look: Look) -> None:
    x, y = plot.series
    axes.scatter(x.values, y.values, s=10 + 8 * look.line_width, alpha=0.85, color=look.colours[0].code, linewidths=0)
    axes.set_ylim(plot.limits)
    axes.locator_params(nbins=5)


def _histogram(axes: Any, plot: Plot, look: Look) -> None:
    counts = plot.series[0].values
    axes.bar(
        range(len(counts)), counts, 1.0, align="edge", color=look.colours[0].code, edgecolor=look.paper, linewidth=0.8
    )
    axes.set_xlim(0, len(counts))
    _time_ticks(axes, plot, look)


def _box_plot(axes: Any, plot: Plot, look: Look) -> None:
    five = [series.values for series in plot.series]
    stats = [
        {"whislo": low, "q1": q1, "med": middle, "q3": q3, "whishi": high, "fliers": []}
        for low, q1, middle, q3, high in five
    ]
    line = {"color": look.ink, "linewidth": 1.1}
    boxes = axes.bxp(
        stats,
        widths=1 - look.gap,
        patch_artist=True,
        showfliers=False,
        medianprops={"color": look.ink, "linewidth": 2},
        boxprops={"edgecolor": look.ink, "linewidth": 1},
        whiskerprops=line,
        capprops=line,
        manage_ticks=False,
    )
    for i, patch in enumerate(boxes["boxes"]):
        patch.set_facecolor(look.colours[i % 6 if look.many_colours else 0].code)
    room = look.width * 0.8 / len(five) / (look.size * 0.5)
    axes.set_xticks(range(1, len(five) + 1), [fold(series.name, room) for series in plot.series])


def _heat_map(axes: Any, plot: Plot, look: Look) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    rows = np.array([series.values for series in plot.series])
    mesh = axes.imshow(rows, cmap=LinearSegmentedColormap.from_list("ramp", look.ramp), aspect="auto")
    axes.set_xticks(range(len(plot.labels)), plot.labels)
    axes.set_yticks(range(len(rows)), [series.name for series in plot.series])
    axes.tick_params(length=0)
    _ramp_bar(axes, mesh, look)


def _ramp_bar(axes: Any, mesh: Any, look: Look) -> None:
    """The key to the colours, right of the axes."""
    place = axes.get_position()
    key = axes.figure.add_axes((place.x1 + 0.015, place.y0, 0.03, place.height))
    axes.figure.colorbar(mesh, cax=key)
    key.tick_params(length=1.5, pad=1, labelsize=points(look.size - 2))
    key.locator_params(nbins=4)


def _legend(axes: Any, plot: Plot, look: Look) -> None:
    if not has_legend(plot, look):
        return
    place: dict[str, Any] = {
        "right": {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)},
        "bottom": {"loc": "lower center", "bbox_to_anchor": (0.5, 0.0), "bbox_transform": axes.figure.transFigure},
    }.get(look.legend, {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)})
    across = 1 if look.legend == "right" else len(plot.series)
    axes.legend(
        frameon=False,
        ncols=across,
        handlelength=1.2,
        columnspacing=0.9,
        handletextpad=0.4,
        borderaxespad=0.2,
        fontsize=points(look.size - 1),
        **place,
    )


_DRAW: dict[str, Callable[[Any, Plot, Look], None]] = {
    "line": _line,
    "area": _area,
    "grouped_bar": _grouped_bar,
    "stacked_bar": _stacked_bar,
    "pie": _pie,
    "scatter": _scatter,
    "histogram": _histogram,
    "box": _box_plot,
    "heat_map": _heat_map,
    "flow": draw_flow,
    "gauge": draw_gauge,
    "grid_map": draw_grid_map,
}
