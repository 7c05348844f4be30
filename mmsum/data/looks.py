"""How reports and charts look: drawn at random, from choices that go together."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from mmsum.data.spec import Chart, ChartLook, FigureSpec, PageLook
from mmsum.data.wording import capital

_PALETTES = (
    ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#3a7d8c"),
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d"),
    ("#003f5c", "#bc5090", "#ffa600", "#58508d", "#ff6361", "#4c9f70"),
    ("#222222", "#888888", "#555555", "#bbbbbb", "#3d5a80", "#a0a0a0"),
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948"),
    ("#5b2333", "#f7717d", "#564d4a", "#7a9e7e", "#c9ada7", "#22223b"),
)
_ACCENTS = ("#111111", "#1f4e79", "#5b2333", "#264653", "#0b5345", "#333366")


def page_look(figures: int, rng: Random) -> PageLook:
    """One or two columns, A4 or Letter, serif or sans, in sizes that make 2 to 4 pages of 350 to 700 words."""
    columns = rng.choice((1, 2)) if figures > 2 else 1  # fewer would leave the second page of two columns bare
    body = rng.choice(("serif", "Times", "sans-serif"))
    return PageLook(
        paper=rng.choice(("a4", "a4", "letter")),
        columns=columns,
        body_font=body,
        heading_font=rng.choice((body, "sans-serif")),
        size=rng.choice((9.5, 10.0) if columns == 2 else (10.5, 11.0, 11.5)),
        margin=rng.choice((50.0, 56.0) if columns == 2 else (64.0, 72.0, 80.0)),
        accent=rng.choice(_ACCENTS),
        justify=columns == 2 or rng.random() < 0.5,
        centred_title=rng.random() < 0.4,
        numbered_sections=rng.random() < 0.35,
        caption_style=rng.choice(("bold_label", "italic", "plain")),
        running_head=rng.random() < 0.45,
        footer=rng.choice(("number", "page_of", "titled", "")),
    )


def chart_style(rng: Random) -> ChartLook:
    """The house style of one report: figure() varies it a little from chart to chart."""
    return ChartLook(
        theme=rng.choice(("default", "default", "ggplot", "seaborn-v0_8-whitegrid", "bmh")),
        palette=rng.choice(_PALETTES),
        font=rng.choice(("DejaVu Sans", "DejaVu Sans", "STIXGeneral", "DejaVu Serif")),
        size=rng.choice((7.5, 8.0, 8.5)),
        grid=rng.random() < 0.6,
        frame=rng.random() < 0.4,
        markers=rng.random() < 0.5,
        horizontal=rng.random() < 0.3,
        value_labels=rng.random() < 0.35,
        aspect=0.62,
        titled=rng.random() < 0.4,
        vector=rng.random() < 0.6,
        dpi=rng.choice((120, 150, 200)),
    )


def figure(
    number: int, chart: Chart, style: ChartLook, caption: str, mention: str, columns: int, rng: Random
) -> FigureSpec:
    """A figure in the report's style, with a size that suits its chart."""
    tall = {"pie": (0.6, 0.7), "scatter": (0.6, 0.75), "heat_map": (0.5, 0.6)}.get(chart.kind, (0.5, 0.64))
    vector = style.vector if rng.random() < 0.6 else not style.vector
    aspect = rng.uniform(*tall) + (0.12 if columns == 2 else 0.0)
    look = replace(style, aspect=round(aspect, 3), vector=vector)
    wide = columns == 2 and number > 1 and chart.kind not in ("pie", "scatter") and rng.random() < 0.3
    if wide:
        look = replace(look, aspect=round(look.aspect * 0.62, 3))
    width = 1.0 if columns == 2 else rng.choice((0.72, 0.85, 1.0))
    if columns == 1 and chart.kind == "pie":
        width = 0.65
    return FigureSpec(number, chart, look, capital(chart.quantity), caption, mention, width, wide)
