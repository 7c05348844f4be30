"""Captions: what is shown, in which order and colour, and now and then a hint at what is not true."""

from __future__ import annotations

from mmsum.data.synthetic.plot import Claim, Look, Plot
from mmsum.data.wording import capital, long_name

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
    """The sentence that lists names in the order of drawing, "" where a figure has none. `form` has {what} and {names}."""
    names = [series.name for series in plot.series]
    coloured = [f"{name} ({colour.name})" for name, colour in zip(names, look.colours, strict=False)]
    if plot.kind == "heat_map":
        rows, columns = (", ".join(map(long_name, group)) for group in (names, plot.labels))
        return f"{_say(form, 'rows from the top', rows)} {_say(form, 'columns from the left', columns)}"
    if plot.kind == "grouped_bar":
        sides = "bars from the top" if look.horizontal else "bars from the left"
        colours = f" {_say(form, 'colours', ', '.join(coloured))}" if len(names) > 1 else ""
        return _say(form, sides, ", ".join(plot.labels)) + colours
    if plot.kind == "pie":
        slices = [f"{label} ({colour.name})" for label, colour in zip(plot.labels, look.colours, strict=False)]
        return _say(form, "slices clockwise from the top", ", ".join(slices))
    if plot.kind == "stacked_bar":
        return _say(form, f"layers from the {'left' if look.horizontal else 'bottom'}", ", ".join(coloured))
    if plot.kind == "box":
        return _say(form, "boxes from the left", ", ".join(names))
    if plot.kind == "flow":
        return _say(form, "boxes in order", ", ".join(plot.labels))
    if plot.kind == "line" and len(names) > 1:
        return _say(form, "lines", ", ".join(coloured))
    return ""


def _say(form: str, what: str, names: str) -> str:
    return capital(form.format(what=what, What=capital(what), names=names))
