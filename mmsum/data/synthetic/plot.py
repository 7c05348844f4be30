"""What a figure holds, how it looks, and what is true of it, before it is drawn: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from mmsum.data.synthetic.topic import Series

KINDS = (
    "line", "area", "grouped_bar", "stacked_bar", "pie", "scatter", "histogram", "box", "heat_map",
    "flow", "gauge", "grid_map",
)  # fmt: skip
"""Kinds of figure that facts are told of."""


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour with the word that a caption uses for it."""

    name: str
    code: str  # "#rrggbb"


@dataclass(frozen=True, slots=True)
class Plot:
    """The data of one figure.

    kind -> meaning of labels, series and marks:
      line, area    points in time; one or more series of len(labels) values
      grouped_bar   categories; one series of len(labels) values per colour
      stacked_bar   bars; one series of len(labels) values per layer
      pie           slices; one series of percentages that sum to 100
      scatter       none; two series, x then y
      histogram     left edges of the bins; one series of counts
      box           none; per box a series of whisker, quartile, median, quartile, whisker
      heat_map      columns; one series of len(labels) values per row
      flow          boxes in order; no series; marks: numbers (from 0) of the highlighted box and of the diamond;
                    shape: chain, branch, loop or merge
      gauge         none; one series of one value in 0..1; marks: the target in 0..1
      grid_map      none; one series per row from the top, NaN where the map has no field; marks: row, column of a star
    """

    kind: str
    quantity: str  # as a phrase inside a sentence: "daily demand"
    unit: str
    x_label: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    marks: tuple[float, ...] = ()
    shape: str = ""
    limits: tuple[float, float] = (0.0, 0.0)  # of the value axis of lines, areas, points and boxes


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is true of a plot: `answer`, out of `options`."""

    kind: str  # key of wording.KINDS
    options: tuple[str, ...]
    answer: str
    name: str = ""  # the series it is about, where there are several


@dataclass(frozen=True, slots=True)
class Look:
    """How one figure is drawn. Lengths in pixels."""

    library: str  # pillow, matplotlib or vega-lite
    width: int
    height: int
    font: str
    size: float
    colours: tuple[Colour, ...]  # as many as any plot needs
    ramp: tuple[str, ...]  # low to high, of heat maps and grid maps
    paper: str  # background of the image
    ground: str  # background of the axes
    ink: str  # text and lines of axes
    grid: str  # "", "x", "y" or "both"
    spines: str  # "all", "corner", "bottom" or "none"
    legend: str  # "top", "right", "bottom" or "direct"
    line_width: float
    markers: bool
    horizontal: bool  # bars lie
    value_labels: bool
    many_colours: bool  # each category its own
    hatched: bool
    gap: float  # between bars, share of their place
    hole: float  # of a pie, share of the radius
    titled: bool
    axis_titles: bool
    encoding: str  # png or jpeg
