"""Looks of figures, drawn at random: seen ones for training, others for held-out figures."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from mmsum.data.synthetic.colours import palette, ramp
from mmsum.data.synthetic.plot import Look

_SEEN_FONTS = ("DejaVu Sans", "DejaVu Sans", "DejaVu Serif", "STIXGeneral")
_HELD_OUT_FONTS = {
    "pillow": ("DejaVu Sans Mono",),
    "matplotlib": ("DejaVu Sans Mono", "cmss10"),
    "vega-lite": ("sans-serif", "serif", "monospace"),
}
_SEEN_PAPERS = (("#ffffff", "#ffffff"), ("#ffffff", "#ffffff"), ("#ffffff", "#ebebeb"), ("#f7f4ec", "#fffdf7"))
_HELD_OUT_PAPERS = (("#ffffff", "#ffffff"), ("#eef3f7", "#ffffff"), ("#ffffff", "#f3ede4"))


def house_look(library: str, held_out: bool, rng: Random) -> Look:
    """The look that the figures of one report share; figure_look varies it."""
    dark = rng.random() < 0.06
    paper, ground = rng.choice(_HELD_OUT_PAPERS if held_out else _SEEN_PAPERS)
    if dark:
        paper, ground = ("#1b2030", "#1b2030") if held_out else rng.choice((("#222222", "#222222"), ("#102030",) * 2))
    return Look(
        library=library,
        width=320,
        height=240,
        font=rng.choice(_HELD_OUT_FONTS[library] if held_out else _SEEN_FONTS),
        size=rng.choice((10.5, 11.5, 12.5)) if held_out else rng.choice((10.0, 11.0, 12.0, 13.0)),
        colours=palette(6, held_out, rng, dark),
        ramp=ramp(held_out, rng),
        paper=paper,
        ground=ground,
        ink=rng.choice(("#eeeeee", "#d8dde6")) if dark else rng.choice(("#000000", "#222222", "#444444")),
        grid=rng.choice(("", "", "y", "y", "both", "x")),
        spines=rng.choice(("all", "corner", "corner", "bottom", "none")),
        legend=rng.choice(("top", "right", "bottom")) if library == "vega-lite" else rng.choice(_LEGENDS),
        line_width=rng.uniform(1.6, 3.6),
        markers=rng.random() < 0.4,
        horizontal=rng.random() < 0.3,
        value_labels=rng.random() < 0.2,
        many_colours=rng.random() < 0.35,
        hatched=not held_out and rng.random() < 0.1,
        gap=rng.uniform(0.12, 0.45),
        hole=rng.choice((0.0, 0.0, 0.5)) if held_out else rng.choice((0.0, 0.0, 0.45, 0.6)),
        titled=rng.random() < 0.4,
        axis_titles=rng.random() < 0.7,
        encoding=rng.choice(("png", "png", "jpeg")),
    )


_LEGENDS = ("top", "top", "right", "bottom", "direct")


def figure_look(house: Look, kind: str, held_out: bool, rng: Random) -> Look:
    """The house look with a size that suits the kind, and colours of its own."""
    tall = {"pie": (0.72, 0.95), "flow": (0.45, 0.8), "gauge": (0.6, 0.8), "grid_map": (0.85, 1.0)}
    low, high = tall.get(kind, (0.62, 0.9))
    width = rng.randint(300, 420)
    colours = palette(6, held_out, rng, house.ink.startswith(("#e", "#d")))
    return replace(
        house,
        width=width,
        height=round(width * rng.uniform(low, high)),
        colours=colours,
        ramp=ramp(held_out, rng),
        line_width=house.line_width * rng.uniform(0.9, 1.1),
    )
