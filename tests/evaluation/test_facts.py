"""Facts that stand only in a figure: right, wrong, absent, cited; and what guessing gets right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmsum.claims import CheckedFact, chance, chance_by_kind, names_figure, write_facts
from mmsum.errors import SourceError
from mmsum.evaluation.facts import Told, check_facts, count_facts, figure_facts, text_facts
from mmsum.examples import split_by_figure
from tests.evaluation.conftest import example

TREND = CheckedFact("trend", "Loans rose.", "Figure 2", False, ["loans"], {"up": "rose", "down": "fell"}, "up")
LABELS = ["Figure 1", "Figure 2", ""]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Loans rose (Figure 2).", Told("right", "own")),
        ("As Fig. 2 shows, loans rose.", Told("right", "own")),
        ("Loans rose (Figure 1).", Told("right", "other")),
        ("Figures 1 and 2 show that loans rose.", Told("right", "own")),
        ("Loans rose. Figure 2 shows boats.", Told("right", "none")),
        ("Loans fell (Figure 2).", Told("wrong", "own")),
        ("Loans rose (Figure 12).", Told("right", "none")),
        ("Figure 2 shows loans.", Told("absent", "none")),
        ("", Told("absent", "none")),
    ],
)
def test_what_a_summary_does_with_a_fact(text: str, told: Told) -> None:
    assert check_facts([TREND], text, LABELS) == [told]


def test_counts_add_up() -> None:
    told = [Told("right", "own"), Told("right", "other"), Told("wrong", "own"), Told("absent", "none")]
    counts = count_facts(told)
    assert (counts.facts, counts.right, counts.wrong, counts.absent, counts.told) == (4, 2, 1, 1, 3)
    assert (counts.cited, counts.right_cited, counts.right_cited_own) == (3, 2, 1)


def test_labels_of_other_kinds_are_found_too() -> None:
    assert names_figure("See Chart B.", "Chart B") and not names_figure("See Chart BB.", "Chart B")
    assert names_figure("Fig 3a is blue", "Figure 3a") and not names_figure("Figure 3a", "Figure 3")
    assert names_figure("Figs. 1, 2 and 3", "Figure 2") and not names_figure("In 2 figures", "Figure 2")


def test_only_facts_of_figures_count_that_the_text_does_not_state() -> None:
    assert [fact.kind for fact in figure_facts(example(1))] == ["trend", "largest"]
    assert [fact.kind for fact in text_facts(example(1))] == ["count"]


@pytest.mark.parametrize(
    "facts",
    [
        *("[{]", '[{"kind": "x"}]', "3"),
        write_facts([replace(TREND, options={"up": "rose", "down": "fell("})]),
        write_facts([replace(TREND, answer="sideways")]),
    ],
)
def test_unreadable_facts_name_the_example(facts: str) -> None:
    with pytest.raises(SourceError, match="example report-1"):
        figure_facts(replace(example(1), facts=facts))
    with pytest.raises(SourceError, match="example report-1"):
        split_by_figure(replace(example(1), facts=facts))


def test_chance_is_the_best_constant_answer_of_each_kind() -> None:
    always_up = [TREND] * 3 + [replace(TREND, answer="down")]
    by_name = {"Ayr": "ayr", "Kelso": "kelso"}
    first = [replace(TREND, kind="largest", options={name: name, "other": "other"}, answer=name) for name in by_name]
    assert chance_by_kind(always_up + first) == {"largest": 1.0, "trend": 0.75}  # always the first option
    assert chance(always_up + first) == pytest.approx(5 / 6)
    assert chance([]) is None
