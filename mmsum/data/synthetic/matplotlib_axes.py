"""Axes of matplotlib figures: margins from the length of the texts, background, spines, grid and titles."""

from __future__ import annotations

from typing import Any

from mmsum.data.synthetic.plot import Look, Plot

DPI = 100
"""So that a pixel is 0.72 points."""


def points(pixels: float) -> float:
    return pixels * 72 / DPI


def has_legend(plot: Plot, look: Look) -> bool:
    if plot.kind == "line" and look.legend == "direct":
        return False
    return plot.kind in ("line", "grouped_bar", "stacked_bar") and len(plot.series) > 1


def top(plot: Plot, look: Look) -> bool:
    return has_legend(plot, look) and look.legend in ("top", "direct")


def box(plot: Plot, look: Look, title: str) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of the axes as shares of the image."""
    em, wide, high = look.size, look.width, look.height
    left, right, top, bottom = 0.04 * wide, 0.04 * wide, 0.05 * high, 0.05 * high
    if look.titled and title:
        top += 1.6 * em
    if plot.kind == "pie":
        names = 0.6 * em * max(map(len, plot.labels)) + 2 * em
        return _share(look, left, right + (names if look.legend == "right" else 0), top, bottom)
    if plot.kind in ("flow", "gauge", "grid_map"):
        return _share(look, left, right + (0.14 * wide if plot.kind == "grid_map" else 0), top, bottom)
    if plot.kind == "heat_map":
        left += 0.58 * em * max(len(series.name) for series in plot.series)
        right += 0.1 * wide
    elif look.horizontal and plot.kind in ("grouped_bar", "stacked_bar"):
        left += 0.55 * em * max(len(name) for name in plot.labels)
    else:
        left += 2.7 * em
    if (plot.kind == "grouped_bar" and not look.horizontal) or plot.kind == "box":
        bottom += 1.3 * em  # names on two lines
    bottom += 1.4 * em + (1.2 * em if look.axis_titles and (plot.x_label or look.horizontal) else 0)
    left += 1.3 * em if look.axis_titles and plot.kind != "heat_map" else 0
    if has_legend(plot, look):
        if look.legend == "right":
            right += min(0.36 * wide, 2.4 * em + 0.55 * em * max(len(series.name) for series in plot.series))
        elif look.legend == "bottom":
            bottom += 1.7 * em
        else:
            top += 1.7 * em
    elif plot.kind == "line" and len(plot.series) > 1:
        right += 0.55 * em * max(len(series.name) for series in plot.series)
    return _share(look, left, right, top, bottom)


def _share(look: Look, left: float, right: float, top: float, bottom: float) -> tuple[float, float, float, float]:
    width, height = look.width - left - right, look.height - top - bottom
    return left / look.width, bottom / look.height, width / look.width, height / look.height


def dress(axes: Any, plot: Plot, look: Look) -> None:
    """Background, spines, grid and titles of the axes."""
    if plot.kind in ("pie", "flow", "gauge", "grid_map"):
        axes.set_axis_off()
        return
    axes.set_facecolor(look.ground)
    kept = {"all": ("left", "bottom", "top", "right"), "corner": ("left", "bottom"), "bottom": ("bottom",), "none": ()}
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set_visible(side in kept[look.spines])
    axes.tick_params(length=2.5 if look.spines != "none" else 0, pad=2, labelsize=points(look.size - 1))
    if look.grid and plot.kind != "heat_map":
        axes.grid(True, axis=look.grid, color=look.ink, alpha=0.2, linewidth=0.7)
        axes.set_axisbelow(True)
    if look.axis_titles and plot.kind != "heat_map":
        value = f"{plot.quantity.capitalize()} ({plot.unit})" if plot.kind != "histogram" else "Number"
        value = value if len(value) * look.size * 0.5 < look.height * 0.8 else plot.unit.capitalize()
        lies = look.horizontal and plot.kind in ("grouped_bar", "stacked_bar")
        axes.set_xlabel(value if lies else plot.x_label, labelpad=1)
        axes.set_ylabel("" if lies else value, labelpad=1)
