"""What calls read of the text inside figures: within its tokens, letters before numbers, and not twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsum.generation.descriptions import description_prompt
from mmsum.generation.figure_text import text_inside, with_figure_text
from mmsum.generation.prompt import MARK, plain, split_document
from mmsum.records import Document, Figure, ObjectRef, Section

CHART = Figure(
    "Figure 1", 1, (0, 0, 1, 1), "Figure 1: Demand.", "chart", 8, 8, "0 20 40 60 Jan Feb Market Station", section=0
)


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("tokens", "read"),
    [
        (0, ""),
        (1, "Jan"),
        (4, "Jan Feb Market Station"),
        (7, "Jan Feb Market Station 0 20 40"),
        (8, CHART.text),
        (99, CHART.text),
    ],
)
def test_words_come_before_numbers_where_not_all_fits(tokens: int, read: str) -> None:
    assert text_inside(CHART, tokens, words) == read


def test_rows_of_a_table_stand_in_the_text_already() -> None:
    assert text_inside(replace(CHART, kind="table"), 99, words) == ""


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.integers(0, 40))
def test_it_is_never_longer_than_it_may_be(text: str, tokens: int) -> None:
    def count(text: str) -> int:
        return len(text.encode())  # a tokenizer of bytes, which may cut any word

    inside = text_inside(replace(CHART, text=text), tokens, count)
    assert count(inside) <= tokens
    assert set(inside.split()[:-1]) <= set(plain(text).split())


def test_it_stands_under_the_caption_where_a_document_is_read_and_where_a_figure_is_described() -> None:
    document = Document(ObjectRef("/x", 1, ""), sections=[Section("", "Figure 1 tells it.", 1)], figures=[CHART])
    shortened = with_figure_text(document, 2, words)
    (leaf,) = split_document(shortened, 100, words, 4)
    assert leaf.text == f"Figure 1 tells it.\n\n{MARK}[Figure 1: Demand.]\nJan Feb"
    assert f"{MARK}[Figure 1: Demand.]\nJan Feb\n" in description_prompt("", shortened.figures[0])
    assert document.figures[0].text == CHART.text  # the row keeps all of it
    (bare,) = split_document(with_figure_text(document, 0, words), 100, words, 4)
    assert bare.text == f"Figure 1 tells it.\n\n{MARK}[Figure 1: Demand.]"
