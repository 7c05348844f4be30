"""What was said of each figure by itself, in the summary."""

from __future__ import annotations

import pytest

from mmsum.generation.descriptions import (
    in_names,
    resolved,
    said_by_label,
    speak_of_figures,
    with_lists,
    without_repeats,
)
from mmsum.records import Document, Figure, ObjectRef, Section

LABELS = ["Figure 1", "Figure 2", "Figure 3"]
SAID = {"Figure 1": "Sales rose (Figure 1).", "Figure 3": "Rye led (Figure 3). Oats came last (Figure 3)."}


@pytest.mark.parametrize(
    ("summary", "spoken"),
    [
        # in place of the summary's own sentences, once
        (
            "It is a shop. Sales fell (Figure 1). Fig. 1 also rose. Oats led (Figure 3). It will grow.",
            "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3). It will grow.",
        ),
        # a figure that is passed over: behind those before it, else before those after it, else at the end
        (
            "It is a shop. Figure 1 fell. It will grow.",
            "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3). It will grow.",
        ),
        (
            "It is a shop. Oats led (Figure 3).",
            "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3).",
        ),
        ("It is a shop.", "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3)."),
        ("", "Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3)."),
        # of Figure 2 nothing was said, and a sentence on several figures says what no description does: both stay
        (
            "Figures 1 to 3 differ. Figure 2 is a map.",
            "Figures 1 to 3 differ. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3). Figure 2 is a map.",
        ),
        # copied from a description, with or without its figure
        (
            "It is a shop. Sales rose. Oats came last (Figure 3). It will grow.",
            "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3). It will grow.",
        ),
        # lists and lines stay
        (
            "It is:\n- old\n- new\n\nSales fell (Figure 1).\nIt will grow.",
            "It is:\n- old\n- new Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3).\nIt will grow.",
        ),
        # other documents' figures, and parts of one
        (
            "Supplementary Figure 1 is long. Figure 1.2 is short. Figure 1a fell. Figure 3 fell.",
            "Supplementary Figure 1 is long. Figure 1.2 is short. Sales rose (Figure 1). Rye led (Figure 3). "
            "Oats came last (Figure 3).",
        ),
    ],
)
def test_the_summary_speaks_of_a_figure_as_it_was_described(summary: str, spoken: str) -> None:
    assert speak_of_figures(summary, SAID, LABELS, 100, words) == spoken


def words(text: str) -> int:
    return len(text.split())


def test_a_summary_is_left_alone_where_nothing_was_said_of_its_figures() -> None:
    listed = "It is:\n- old (Figure 1)\n- new\n"
    assert speak_of_figures(listed, {}, LABELS, 100, words) == listed


def test_descriptions_stay_within_the_summary_s_length() -> None:
    summary = "It is a shop. Oats led (Figure 3)."
    whole = "It is a shop. Sales rose (Figure 1). Rye led (Figure 3). Oats came last (Figure 3)."
    assert speak_of_figures(summary, SAID, LABELS, words(whole), words) == whole
    first = "It is a shop. Sales rose (Figure 1). Oats led (Figure 3)."
    assert speak_of_figures(summary, SAID, LABELS, words(first), words) == first
    assert speak_of_figures(summary, SAID, LABELS, words(whole) - 1, words) == first
    assert speak_of_figures(summary, SAID, LABELS, words(first) - 1, words) == summary


def test_names_stand_without_the_keys_that_were_seen() -> None:
    figures = [
        Figure("Figure 1", 1, (0, 0, 9, 9), "Figure 1: Loaves. Bars: (1) rye, (2) oats.", "chart", 9, 9),
        Figure("", 1, (0, 0, 9, 9), "(1) A logo", "figure", 9, 9),
        Figure("Figure 2", 1, (0, 0, 9, 9), "Figure 2: Speed by place.", "chart", 9, 9),
        Figure("Figure 2", 2, (0, 0, 9, 9), "Of the second chapter.", "chart", 9, 9),
        Figure("Figure 3", 2, (0, 0, 9, 9), "Silent.", "chart", 9, 9),
        Figure("Figure 4", 3, (0, 0, 9, 9), "One of two.", "chart", 9, 9),
        Figure("Figure 4", 4, (0, 0, 9, 9), "The other, silent.", "chart", 9, 9),
        Figure("Figure 5", 5, (0, 0, 9, 9), "What a memory does.", "chart", 9, 9),
    ]
    sections = [
        Section(
            "", "In Figure 1: (3) malt, (4) wheat.\n\nIt rained. Of Figure 2: (1) washing, (2) drying. So be it.", 1
        ),
        Section("", "In Figure 5 long short-term memory (LSTM) networks win in the year(s) shown.", 2),
    ]
    document = Document(
        ObjectRef("/a", 1, ""), title="", pages_total=1, pages_read=1, sections=sections, figures=figures
    )
    captioned = with_lists(document).figures
    captions = [figure.caption for figure in figures]
    assert captioned[2].caption == f"{captions[2]} Of Figure 2: (1) washing, (2) drying."
    captions[2] = captioned[2].caption
    captions[3] += " Of Figure 2: (1) washing, (2) drying."  # which of the two is meant cannot be known
    assert [figure.caption for figure in captioned] == captions

    said = [
        "(1) Rye led, (2) came next. Of oats (Figure 1) shows least! Two lines\nIt is so",
        "A logo.",
        "(1) Washing is quick (Figure 2). In Figure 2 (2) drying is slow and (4) is new.",
        "It rose.",
        "",
        "It fell (Figure 4).",
        "",
        "mRNA of (LSTM) and year(s) rose (Figure 5).",
    ]
    told = [in_names(figure, words) for figure, words in zip(captioned, said, strict=True)]
    assert told[1] == "A logo."
    assert said_by_label(captioned, told) == {
        # each sentence names its figure
        "Figure 1": "Rye led, (2) came next (Figure 1). Of oats (Figure 1) shows least! Two lines (Figure 1) "
        "It is so (Figure 1)",
        "Figure 2": "Washing is quick (Figure 2). In Figure 2 drying is slow and (4) is new. It rose (Figure 2).",
        "Figure 5": "mRNA of (LSTM) and year(s) rose (Figure 5).",
    }


def test_a_key_that_the_caption_does_not_know_tells_nothing() -> None:
    figure = Figure(
        "Figure 1", 1, (0, 0, 9, 9), "Figure 1: Loaves: (1) rye, (2) oats. The mean (dashed).", "chart", 9, 9
    )
    words = "(1) rye = 1 rose (Figure 1). (3) = 3 fell. Flour was = blue highest. Oats was = blue. (dashed) = dashed is flat."
    words = without_repeats(figure, words)
    assert (
        words == "(1) rye rose (Figure 1). (3) = 3 fell. Flour was = blue highest. Oats was = blue. (dashed) is flat."
    )
    assert resolved(figure, words) == "(1) rye rose (Figure 1). (dashed) is flat."
    assert resolved(figure, "") == ""


@pytest.mark.parametrize(
    ("caption", "text", "read"),
    [
        ("Figure 1: Takings", "Figure 1 tells it.", "Figure 1: Takings. Lines: (blue) Market, (red) Station."),
        ("Figure 1: Takings.", "", "Figure 1: Takings. Lines: (blue) Market, (red) Station."),
        ("", "", "Lines: (blue) Market, (red) Station."),
        ("Figure 1: Lines: (red) a, (blue) b.", "", "Figure 1: Lines: (red) a, (blue) b."),
        (
            "Figure 1: Takings.",
            "Figure 1 has lines: (red) a, (blue) b.",
            "Figure 1: Takings. Figure 1 has lines: (red) a, (blue) b.",
        ),
    ],
)
def test_a_chart_s_own_legend_stands_in_for_a_list(caption: str, text: str, read: str) -> None:
    legend = "Lines: (blue) Market, (red) Station."
    chart = Figure("Figure 1", 1, (0, 0, 9, 9), caption, "chart", 9, 9, legend=legend)
    document = Document(ObjectRef("/a", 1, ""), sections=[Section("", text, 1)], figures=[chart])
    (described,) = with_lists(document).figures
    assert described.caption == read
    assert in_names(described, "Figure 1 shows that takings for (blue) Market rose.").endswith(
        "(blue) Market rose." if "(red) a" in read else "for Market rose."
    )
