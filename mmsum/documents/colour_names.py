"""Words for colours."""

from __future__ import annotations

import math
from collections.abc import Iterable

Colour = tuple[float, float, float]
"""sRGB, each part 0 to 1."""
GREY = 14.0
"""Chroma in CIE L*a*b* below which a colour counts as a grey."""

_NAMED = {
    "blue": ("#1f77b4", "#3366cc", "#1f4e79"), "orange": ("#ff7f0e", "#e66f00", "#f28e2b"),
    "green": ("#2ca02c", "#548235", "#59a14f", "#009e73"), "red": ("#d62728", "#e15759", "#a50f15"),
    "purple": ("#9467bd", "#7030a0", "#6f42c1"), "grey": ("#888888", "#a5a5a5", "#8d99a6"), "black": ("#000000", "#222222"),
    "pink": ("#e377c2", "#f48fb1", "#dd4477"), "gold": ("#edc948", "#f0b400", "#e3ba22"),
    "brown": ("#7f4f24", "#8c564b", "#8b5a2b"), "teal": ("#17becf", "#2a9d8f", "#0099a8"),
}  # fmt: skip
"""The words for colours that captions of the data to learn from use, with some of their shades."""


def name_of(colour: Colour) -> str:
    """The word for a colour: that of the nearest shade."""
    return min(_SHADES, key=lambda shade: _distance(_lab(colour), shade[0]))[1]


def is_grey(colour: Colour) -> bool:
    """Whether it is a grey, black or white."""
    _, a, b = _lab(colour)
    return math.hypot(a, b) < GREY


def _distance(one: Iterable[float], other: Iterable[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _lab(colour: Colour) -> Colour:
    """CIE L*a*b* of an sRGB colour: there, what looks alike is near (IEC 61966-2-1, D65)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _rgb(code: str) -> Colour:
    return int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255


_SHADES = [(_lab(_rgb(code)), name) for name, codes in _NAMED.items() for code in codes]
