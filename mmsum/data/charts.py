"""Draw a Chart with matplotlib, as a one-page PDF or a PNG. Only here, and only when drawing, is it imported."""

from __future__ import annotations

import io
import math
from statistics import fmean
from typing import Any

from mmsum.data.spec import Chart, ChartLook


def draw_chart(chart: Chart, look: ChartLook, width: float, title: str = "") -> bytes:
    """The chart, `width` points wide and width * look.aspect high: PDF bytes if look.vector, else PNG bytes.

    The same arguments give the same bytes under the same matplotlib version.
    """
    import matplotlib as mpl
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), style.context(look.theme):
        mpl.rcParams.update(_settings(look))
        figure = Figure(figsize=(width / 72, width * look.aspect / 72), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _DRAW[chart.kind](axes, chart, look)
        if chart.kind != "pie":
            _dress(axes, chart, look)
        if look.titled and title:
            axes.set_title(title)
        target = io.BytesIO()
        if look.vector:
            figure.savefig(target, format="pdf", metadata={"CreationDate": None})
        else:
            figure.savefig(target, format="png", dpi=look.dpi, metadata={"Software": None})
    return target.getvalue()


def _settings(look: ChartLook) -> dict[str, Any]:
    from cycler import cycler

    return {
        "font.family": [look.font, "DejaVu Sans"],
        "font.size": look.size,
        "axes.labelsize": look.size,
        "xtick.labelsize": look.size - 0.5,
        "ytick.labelsize": look.size - 0.5,
        "legend.fontsize": look.size - 0.5,
        "axes.titlesize": look.size + 1.5,
        "axes.prop_cycle": cycler(color=list(look.palette)),
        "axes.spines.top": look.frame,
        "axes.spines.right": look.frame,
        "axes.grid": look.grid,
        "axes.axisbelow": True,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.5,
        "mathtext.fontset": "dejavusans",
        "pdf.fonttype": 3,  # matplotlib's own default; subsetting TrueType takes 0.2 s a chart
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "savefig.bbox": None,
    }


def _line(axes: Any, chart: Chart, look: ChartLook) -> None:
    marks = "osD^" if look.markers else [""] * 4
    for series, mark in zip(chart.series, marks, strict=False):
        axes.plot(chart.labels, series.values, marker=mark or None, markersize=3.5, label=series.name or None)
    _room(axes, chart)
    _time_ticks(axes, chart)


def _area(axes: Any, chart: Chart, look: ChartLook) -> None:
    values = chart.series[0].values
    axes.fill_between(chart.labels, values, alpha=0.45, color=look.palette[0], linewidth=0)
    axes.plot(chart.labels, values, color=look.palette[0])
    axes.set_ylim(0, max(values) * 1.12)
    axes.margins(x=0.01)
    _time_ticks(axes, chart)


def _room(axes: Any, chart: Chart) -> None:
    """Start at zero where the values come near it or hardly change, so that noise does not look like news."""
    values = [value for series in chart.series for value in series.values]
    low, high = min(values), max(values)
    if low < 0.45 * high or high - low < 0.15 * fmean(values):
        axes.set_ylim(0, high * 1.12)
    else:
        axes.margins(y=0.12)


def _time_ticks(axes: Any, chart: Chart) -> None:
    letters = max(len(label) for label in chart.labels) + 1.5
    step = math.ceil(len(chart.labels) * letters * 4.6 / (_width(axes) * 0.82))
    axes.set_xticks(range(0, len(chart.labels), step), chart.labels[::step])


def _grouped_bar(axes: Any, chart: Chart, look: ChartLook) -> None:
    width = 0.8 / len(chart.series)
    for i, series in enumerate(chart.series):
        at = [x + (i - (len(chart.series) - 1) / 2) * width for x in range(len(chart.labels))]
        if look.horizontal:
            bars = axes.barh(at, series.values, width * 0.94, label=series.name)
        else:
            bars = axes.bar(at, series.values, width * 0.94, label=series.name)
        if look.value_labels:
            axes.bar_label(bars, fmt="%g", fontsize=look.size - 2, padding=1)
    _category_ticks(axes, chart, look)


def _stacked_bar(axes: Any, chart: Chart, look: ChartLook) -> None:
    base = [0.0] * len(chart.labels)
    draw, side = (axes.barh, "left") if look.horizontal else (axes.bar, "bottom")
    for series in chart.series:
        draw(range(len(chart.labels)), series.values, 0.62, label=series.name, **{side: base})
        base = [b + v for b, v in zip(base, series.values, strict=True)]
    _category_ticks(axes, chart, look)


def _category_ticks(axes: Any, chart: Chart, look: ChartLook) -> None:
    places = range(len(chart.labels))
    if look.horizontal:
        axes.set_yticks(places, chart.labels)
        axes.invert_yaxis()
        axes.grid(False, axis="y")
    else:
        axes.set_xticks(places, [label.replace(" ", "\n", 1) for label in chart.labels])
        axes.grid(False, axis="x")


def _pie(axes: Any, chart: Chart, look: ChartLook) -> None:
    shares = chart.series[0].values
    percent = "%.0f%%" if look.value_labels or look.markers else None
    wedges, *_ = axes.pie(
        shares,
        labels=None if look.frame else chart.labels,
        autopct=percent,
        pctdistance=0.72,
        startangle=90,
        counterclock=False,
        wedgeprops={"linewidth": 0.8, "edgecolor": "white"},
    )
    if percent:
        for text in axes.texts:
            if text.get_text().endswith("%"):
                text.set_color("white")
    if look.frame:
        axes.legend(wedges, chart.labels, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _scatter(axes: Any, chart: Chart, look: ChartLook) -> None:
    x, y = chart.series
    axes.scatter(x.values, y.values, s=14, alpha=0.8, color=look.palette[0], linewidths=0)


def _histogram(axes: Any, chart: Chart, look: ChartLook) -> None:
    axes.hist(chart.series[0].values, bins=16, color=look.palette[0], edgecolor="white", linewidth=0.6)


def _box(axes: Any, chart: Chart, look: ChartLook) -> None:
    names = [series.name.replace(" ", "\n", 1) for series in chart.series]
    boxes = axes.boxplot(
        [series.values for series in chart.series],
        tick_labels=names,
        widths=0.55,
        patch_artist=True,
        flierprops={"markersize": 2.5},
        medianprops={"color": "black", "linewidth": 1.4},
    )
    for patch, colour in zip(boxes["boxes"], look.palette * 2, strict=False):
        patch.set_facecolor(colour if look.markers else look.palette[0])
        patch.set_alpha(0.75)


def _heat_map(axes: Any, chart: Chart, look: ChartLook) -> None:
    rows = [series.values for series in chart.series]
    colours = ("viridis", "YlOrRd", "Blues", "cividis")[len(look.palette[0] + look.theme) % 4]
    mesh = axes.pcolormesh(rows, cmap=colours, edgecolors="white", linewidth=0.8)
    axes.set_xticks([i + 0.5 for i in range(len(chart.labels))], chart.labels)
    axes.set_yticks([i + 0.5 for i in range(len(rows))], [series.name for series in chart.series])
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(length=0, labelsize=look.size - (2 if _width(axes) < 280 else 0.5))
    axes.figure.colorbar(mesh, ax=axes, label=_broken(chart.y_label, _width(axes) * look.aspect * 0.8, look))


def _width(axes: Any) -> float:
    """Width of the whole figure in points."""
    return float(axes.figure.get_figwidth() * 72)


def _broken(label: str, room: float, look: ChartLook) -> str:
    """The label with its unit on a second line where one line of `room` points is too short for it."""
    return label.replace(" (", "\n(") if len(label) * look.size * 0.52 > room else label


def _dress(axes: Any, chart: Chart, look: ChartLook) -> None:
    """Axis labels and a legend."""
    x_label, y_label = chart.x_label, chart.y_label
    if chart.kind == "heat_map":
        x_label, y_label = "", ""
    if look.horizontal and chart.kind in ("grouped_bar", "stacked_bar"):
        x_label, y_label = y_label, x_label
    axes.set_xlabel(_broken(x_label, _width(axes), look))
    axes.set_ylabel(_broken(y_label, _width(axes) * look.aspect * 0.75, look))
    if chart.kind in ("line", "grouped_bar", "stacked_bar") and len(chart.series) > 1:
        # Above the axes: a legend inside would sooner or later cover a bar.
        letters = max(len(series.name) for series in chart.series) + 6
        columns = max(1, int(_width(axes) / (letters * look.size * 0.55)))
        axes.figure.legend(
            loc="outside upper center",
            ncols=min(columns, len(chart.series)),
            frameon=False,
            borderaxespad=0.1,
            handlelength=1.4,
            columnspacing=1.2,
        )


_DRAW = {
    "line": _line,
    "area": _area,
    "grouped_bar": _grouped_bar,
    "stacked_bar": _stacked_bar,
    "pie": _pie,
    "scatter": _scatter,
    "histogram": _histogram,
    "box": _box,
    "heat_map": _heat_map,
}
