"""Subjects of reports: their vocabulary, and what can be measured in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One line, bar colour, box, heat-map row, or coordinate of a scatter plot."""

    name: str
    values: tuple[float, ...]


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
    background: tuple[str, ...]
    method: tuple[str, ...]
    discussion: tuple[str, ...]
    actions: tuple[str, ...]
    measures: tuple[Measure, ...]
