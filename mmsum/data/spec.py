"""What a sample report says and how it looks, before anything is drawn: plain frozen values.

spec (what is said) -> charts (each Chart drawn) -> pages (everything placed). A Fact knows whether the text says it or
only the figure does, which is what a summary that looked at the figures can be held against.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmsum.records import Box


@dataclass(frozen=True, slots=True)
class Series:
    """One line, bar colour, box, heat-map row, or coordinate of a scatter plot."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The data of one figure.

    kind -> meaning of labels and series:
      line, area                labels are points in time; one or more series of len(labels) values (area: one)
      grouped_bar               labels are categories; one series of len(labels) values per colour
      stacked_bar               labels are bars; one series of len(labels) values per layer
      pie                       labels are slices; one series of percentages that sum to 100
      scatter                   no labels; two series, x then y, of equal length
      histogram                 no labels; one series of raw values
      box                       no labels; one series of raw values per box
      heat_map                  labels are columns; one series of len(labels) values per row
    """

    kind: str
    quantity: str  # what is measured, as a phrase inside a sentence: "daily demand"
    unit: str
    x_label: str
    y_label: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    of: str = "in {}"  # joins quantity and a series or category: "daily demand in Northgate"


KINDS = ("line", "area", "grouped_bar", "stacked_bar", "pie", "scatter", "histogram", "box", "heat_map")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the report tells. `said`: the text states it; otherwise it stands only in the figure."""

    figure: int  # number of the figure that shows it; 0 for none
    # trend, peak, crossing, largest, smallest, total, relation, most_common, spread, busiest, level, sample, action
    kind: str
    statement: str
    said: bool


@dataclass(frozen=True, slots=True)
class ChartLook:
    """How one chart is drawn."""

    theme: str  # name of a matplotlib style sheet, or "default"
    palette: tuple[str, ...]
    font: str
    size: float  # points, of tick labels
    grid: bool
    frame: bool  # all four spines
    markers: bool
    horizontal: bool  # bars lie
    value_labels: bool
    aspect: float  # height / width
    titled: bool  # a title inside the chart
    vector: bool  # placed as vector drawing; otherwise as a PNG
    dpi: int  # of the PNG


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """A chart with its place in the report."""

    number: int
    chart: Chart
    look: ChartLook
    title: str  # short, drawn inside the chart when look.titled
    caption: str  # "Figure 2: ..."
    mention: str  # the sentence of the body that names it
    width: float  # share of the column it fills, 0..1
    wide: bool  # spans both columns of a two-column page

    @property
    def label(self) -> str:
        return f"Figure {self.number}"


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """A heading over paragraphs (str) and figures, in reading order."""

    heading: str
    blocks: tuple[str | FigureSpec, ...]


@dataclass(frozen=True, slots=True)
class PageLook:
    """How the pages are set. Lengths in points."""

    paper: str  # "a4" or "letter"
    columns: int
    body_font: str
    heading_font: str
    size: float
    margin: float
    accent: str  # colour of headings and rules, "#rrggbb"
    justify: bool
    centred_title: bool
    numbered_sections: bool
    caption_style: str  # "bold_label", "italic" or "plain"
    running_head: bool
    footer: str  # "number", "page_of", "titled" or ""


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """One report, complete: the same spec gives the same bytes."""

    topic: str
    title: str
    byline: str
    sections: tuple[SectionSpec, ...]
    facts: tuple[Fact, ...]
    summary: str  # gold: what the text says and what only the figures show
    look: PageLook

    @property
    def figures(self) -> tuple[FigureSpec, ...]:
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, FigureSpec))

    @property
    def text(self) -> str:
        """The paragraphs, without captions, separated by blank lines."""
        return "\n\n".join(b for section in self.sections for b in section.blocks if isinstance(b, str))


@dataclass(frozen=True, slots=True)
class PlacedFigure:
    """Where a figure came to stand: page from 1, boxes in points from the top left, the caption's box apart."""

    label: str
    page: int
    bbox: Box
    caption_bbox: Box


@dataclass(frozen=True, slots=True)
class Measure:
    """Something a topic can measure, with sentences that fit around it and give none of its shape away."""

    shape: str  # trend, groups, share, relation, spread, grid
    heading: str
    quantity: str
    unit: str
    low: float
    high: float
    view: str  # what the chart shows, as a phrase: "daily demand by district"
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()  # lines, categories, slices, boxes or heat-map rows
    of: str = "in {}"
    x: str = "years"  # trend: years, months or weeks
    groups: tuple[str, ...] = ()  # groups: bar colours (default: years); grid: columns
    against: tuple[str, str, float, float] = ("", "", 0.0, 1.0)  # relation: quantity, unit, low, high of x
    additive: bool = False  # values may be summed over names


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject with its vocabulary. Slots in sentences: {place}, {first}, {last}."""

    key: str
    titles: tuple[str, ...]
    gist: str  # opens the gold summary
    offices: tuple[str, ...]
    background: tuple[str, ...]
    method: tuple[str, ...]
    discussion: tuple[str, ...]
    actions: tuple[str, ...]
    measures: tuple[Measure, ...]
