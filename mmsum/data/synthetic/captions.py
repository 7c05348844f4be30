"""Captions: what is shown, which name belongs to which place or colour, and now and then a hint at what is not true."""

from __future__ import annotations

from collections.abc import Sequence

from mmsum.data.synthetic.plot import Claim, Look, Plot
from mmsum.data.synthetic.words import capital, long_name

_HINTS = {
    "rising": "a story of {q} on the way up",
    "falling": "a story of {q} in retreat",
    "peak": "a story of {q} with one great summit",
    "dip": "a story of {q} with a crisis half-way",
    "level": "a story of {q} without news",
}


def caption_of(label: str, view: str, hint: str, order: str) -> str:
    """``Figure 2: Takings by shop. From left to right: Market, Station.``"""
    return f"{label}: {capital(view)}{f', {hint}' if hint else ''}. {order}".strip()


def hint_of(claim: Claim, quantity: str) -> str:
    """Words that suggest another answer than the true one."""
    wrong = next(option for option in (*claim.options[::-1], *claim.options) if option != claim.answer)
    return _HINTS[wrong].format(q=quantity) if wrong in _HINTS else f"where {wrong} comes before the others"


def order_of(plot: Plot, look: Look, form: str) -> str:
    """The sentences that list names by place or colour, "" where a figure has none. `form` has {what} and {names}."""
    lists = []
    for what, names, keys in _legends(plot, look):
        entries = ", ".join(f"({key}) {long_name(name)}" for name, key in zip(names, keys, strict=True))
        lists.append(capital(form.format(what=what, What=capital(what), names=entries)))
    return " ".join(lists)


def shown_by(claim: Claim, plot: Plot, look: Look) -> dict[str, str]:
    """Each option of the claim as the figure would show it, without the names: `largest 2 of 4`, `final blue`."""
    keys: dict[str, str] = {}
    for _, names, marks in _legends(plot, look):
        if set(claim.options) <= set(names) or claim.name in names:
            ordinal = isinstance(marks, range)
            keys = {
                name: f"{mark} of {len(names)}" if ordinal else str(mark)
                for name, mark in zip(names, marks, strict=True)
            }
    about = f"{keys[claim.name]} " if claim.name in keys else ""
    return {option: f"{about}{claim.kind} {option if about else keys.get(option, option)}" for option in claim.options}


def _legends(plot: Plot, look: Look) -> list[tuple[str, Sequence[str], Sequence[str] | range]]:
    """What a caption lists: the word for it, names in the order of drawing, and the key of each, its colour or number."""
    names = [series.name for series in plot.series]
    colours = [colour.name for colour in look.colours]

    def numbered(what: str, names: Sequence[str]) -> tuple[str, Sequence[str], range]:
        return what, names, range(1, len(names) + 1)

    def coloured(what: str, names: Sequence[str]) -> tuple[str, Sequence[str], Sequence[str]]:
        return what, names, colours[: len(names)]

    if plot.kind == "heat_map":
        return [numbered("rows from the top", names), numbered("columns from the left", plot.labels)]
    if plot.kind == "grouped_bar":
        bars = numbered(f"bars from the {'top' if look.horizontal else 'left'}", plot.labels)
        return [bars, coloured("colours", names)] if len(names) > 1 else [bars]
    if plot.kind == "pie":
        return [coloured("slices clockwise from the top", plot.labels)]
    if plot.kind == "stacked_bar":
        return [coloured(f"layers from the {'left' if look.horizontal else 'bottom'}", names)]
    if plot.kind == "box":
        return [numbered("boxes from the left", names)]
    if plot.kind == "flow":
        return [numbered("boxes in order", plot.labels)]
    if plot.kind == "line" and len(names) > 1:
        return [coloured("lines", names)]
    return []
