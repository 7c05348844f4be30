"""Colours with their names, in shades of which held-out figures use none that training has seen."""

from __future__ import annotations

from random import Random

from mmsum.data.synthetic.plot import Colour

_SEEN = {
    "blue": ("#1f4e79", "#0072b2", "#4e79a7", "#1f77b4", "#2a6fdb"),
    "orange": ("#ff7f0e", "#e66f00", "#f28e2b", "#f58231"),
    "green": ("#2ca02c", "#548235", "#009e73", "#3a923a", "#59a14f"),
    "red": ("#d62728", "#c0392b", "#e15759", "#b71c1c"),
    "purple": ("#7030a0", "#9467bd", "#58508d", "#7b2d8b"),
    "grey": ("#888888", "#9a9a9a", "#7f7f7f", "#a5a5a5"),
    "black": ("#111111", "#222222", "#000000"),
    "pink": ("#e377c2", "#cc79a7", "#f48fb1", "#ec6bad"),
    "gold": ("#edc948", "#e6b800", "#ffc20a", "#f0b400"),
    "brown": ("#7f4f24", "#8c564b", "#6b3e1d"),
    "teal": ("#17becf", "#2a9d8f", "#3ab5b0"),
}
_HELD_OUT = {
    "blue": ("#3366cc", "#0b4fa8", "#5b8def"),
    "orange": ("#ff8c1a", "#e07b16"),
    "green": ("#109618", "#3f8f4f", "#6aa121"),
    "red": ("#dc3912", "#cc2244", "#a50f15"),
    "purple": ("#990099", "#6f42c1", "#8057a5"),
    "grey": ("#8d99a6", "#808b96"),
    "black": ("#1c1c24", "#0d0d0d"),
    "pink": ("#dd4477", "#f06fa8"),
    "gold": ("#f2b701", "#e3ba22"),
    "brown": ("#8b5a2b", "#70421a"),
    "teal": ("#0099a8", "#22b8a6"),
}
_ALIKE = (
    {"orange", "gold"}, {"orange", "brown"}, {"red", "brown"}, {"red", "pink"}, {"blue", "teal"}, {"green", "teal"},
    {"purple", "pink"}, {"red", "orange"}, {"black", "brown"}, {"blue", "purple"},
)  # fmt: skip
_SEEN_RAMPS = (
    ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
    ("#f7fbff", "#9ecae1", "#08306b"),
    ("#ffffcc", "#fd8d3c", "#800026"),
    ("#00224e", "#7d7c78", "#fee838"),
    ("#f7fcf5", "#74c476", "#00441b"),
    ("#fcfbfd", "#9e9ac8", "#3f007d"),
    ("#3b4cc0", "#dddddd", "#b40426"),
)
_HELD_OUT_RAMPS = (
    ("#fff5f0", "#fb6a4a", "#67000d"),
    ("#0d0887", "#cc4778", "#f0f921"),
    ("#f7fcfd", "#66c2a4", "#00441b"),
    ("#2166ac", "#f7f7f7", "#b2182b"),
)


def palette(count: int, held_out: bool, rng: Random, dark: bool = False) -> tuple[Colour, ...]:
    """`count` colours (at most 6) in random order that can be told apart, the first ones best; no black on dark paper."""
    shades = _HELD_OUT if held_out else _SEEN
    names = [name for name in shades if not (dark and name in ("black", "brown"))]
    rng.shuffle(names)
    chosen: list[str] = []
    for strict in (True, False):
        for name in names:
            apart = all({name, other} not in _ALIKE for other in chosen)
            if len(chosen) < count and name not in chosen and (apart or not strict):
                chosen.append(name)
    return tuple(Colour(name, rng.choice(shades[name])) for name in chosen)


def ramp(held_out: bool, rng: Random) -> tuple[str, ...]:
    """Colours from low to high values."""
    return rng.choice(_HELD_OUT_RAMPS if held_out else _SEEN_RAMPS)
