"""Names under keys."""

from dataclasses import replace

import pytest

from mmsum.examples import Example, ExampleFigure, description_of, split_by_figure
from mmsum.legend import (
    caption_with_lists,
    drop_keys,
    drop_repeats,
    key_spans,
    listed,
    put_keys,
    repeat_keys,
    told_spans,
)

CAPTION = (
    "Figure 2: Takings by shop. Bars from the left: (1) Market, (2) Route 1, (3) Route 12. Colours: (teal) 60 and over."
)


def test_a_name_goes_up_to_the_next_mark() -> None:
    assert listed(CAPTION) == {"Market": "(1)", "Route 1": "(2)", "Route 12": "(3)", "60 and over": "(teal)"}
    assert listed("Speed (Figure 2). See (below).") == {}
    assert listed("(1) Market, (2) Market.") == {"Market": "(1)"}
    assert listed("long short-term memory (LSTM) networks; the year(s) shown, (1) Market.") == {}
    assert listed("Bars: (1) Market, (2) Bridge. So") == listed("of (1) Market, (2) Bridge\nStation")
    assert listed("(1) Market, (2) Bridge\nStation") == {"Market": "(1)", "Bridge": "(2)"}


@pytest.mark.parametrize(
    ("text", "keyed"),
    [
        ("Market led, then Route 12.", "(1) Market led, then (3) Route 12."),
        ("The MARKET led.", "The (1) MARKET led."),
        ("Marketing led; hyper-Market, too.", "Marketing led; hyper-Market, too."),
        ("Route 1 beat 60 and over.", "(2) Route 1 beat (teal) 60 and over."),
    ],
)
def test_keys_stand_before_names(text: str, keyed: str) -> None:
    keys = listed(CAPTION)
    assert put_keys(text, keys) == keyed and drop_keys(keyed, keys) == text
    assert put_keys(text, {}) == text and drop_keys(keyed, {}) == keyed
    assert drop_keys("(3) led; (1) Bridge, too.", keys) == "(3) led; (1) Bridge, too."  # no name of theirs


@pytest.mark.parametrize(
    ("keyed", "repeated"),
    [
        ("In (1) Market much was sold.", "In (1) Market = 1 much was sold."),
        ("(1) Market led, (3) Route 12 fell. It rained.", "(1) Market = 1 led, (3) Route 12 = 3 fell. It rained."),
        ("(1) Market kept rising.", "(1) Market kept = 1 rising."),
        ("(2) Route 1 (Figure 2) was behind (1) Market.", "(2) Route 1 (Figure 2) was behind (1) Market."),
        ("The most came from (1) Market (Figure 2).", "The most came from (1) Market (Figure 2)."),
        ("There was a hump in (teal) 60 and over.", "There was a = teal hump in (teal) 60 and over."),
        ("In Figure 2, there is no dip in (1) Market.", "In Figure 2, there is no dip in (1) Market."),
        (
            "There was more in (1) Market than in (3) Route 12.",
            "There was more in (1) Market = 1 than in (3) Route 12.",
        ),
        ("(3) fell; (1) Marketing rose.", "(3) fell; (1) Marketing rose."),  # no name of theirs
    ],
)
def test_keys_stand_before_what_is_told_of_names_too(keyed: str, repeated: str) -> None:
    keys = listed(CAPTION)
    assert repeat_keys(keyed, keys) == repeated and drop_repeats(repeated, keys.values()) == keyed
    assert repeat_keys(keyed, {}) == keyed and drop_repeats(repeated, ()) == repeated
    assert (
        drop_repeats("Where n = 4 or 1 = 12, x = teal-blue.", keys.values()) == "Where n = 4 or 1 = 12, x = teal-blue."
    )
    assert all(repeated[start:end].startswith("= ") for start, end in told_spans(repeated))
    assert len(told_spans(repeated)) == repeated.count(" = ")


def test_a_name_may_begin_another() -> None:
    keys = {"Mill": "(1)", "Mill Bank": "(2)"}
    assert put_keys("Mill Bank rose.", keys) == "(2) Mill Bank rose."
    assert repeat_keys("(2) Mill Bank rose.", keys) == "(2) Mill Bank = 2 rose."


def test_keys_are_found_but_figures_are_none() -> None:
    text = "The (2) Station led (Figure 1)."
    assert [text[start:end] for start, end in key_spans(text)] == ["(2)"]


def test_lists_of_the_text_stand_in_for_a_caption_that_has_none() -> None:
    paragraphs = [
        "As Figure 2 shows, much was sold. Rows: (a) Harbour, (b) Market. Columns: (c) rye, (d) oats. So it was (Table 1).",
        "Of another figure: (9) Bridge.",
    ]
    found = caption_with_lists("Figure 2", "Figure 2: Sales.", paragraphs)
    assert found == "Figure 2: Sales. Rows: (a) Harbour, (b) Market. Columns: (c) rye, (d) oats."
    assert caption_with_lists("Figure 2", CAPTION, paragraphs) == CAPTION
    assert caption_with_lists("Figure 3", "Figure 3: Sales.", paragraphs) == "Figure 3: Sales."
    steps = ", ".join(f"({number}) the step with number {number}" for number in range(40))
    assert caption_with_lists("Figure 2", "Figure 2: Sales.", [f"Figure 2 has steps: {steps}."]) == "Figure 2: Sales."


def test_a_description_names_what_its_reader_can_know() -> None:
    figure = ExampleFigure("Figure 2", CAPTION, b"")
    paragraphs = (
        "Figure 2 counts three. Rows: (a) Harbour, (b) Market.",
        "Of another figure: (9) Bridge.",
    )
    summary = "All is well. Market beat Harbour (Figure 2). Bridge lost, as Figure 2 shows."
    example = Example("one", "", "\n\n".join(paragraphs), [figure], summary)
    assert description_of(example, figure) == "(1) Market beat Harbour (Figure 2). Bridge lost, as Figure 2 shows."
    plain = replace(figure, caption="Figure 2: Sales.")
    example = replace(example, figures=[plain])
    (alone,) = split_by_figure(example)
    assert alone.figures[0].caption == "Figure 2: Sales. Rows: (a) Harbour, (b) Market."
    assert alone.summary == "(b) Market beat (a) Harbour (Figure 2). Bridge lost, as Figure 2 shows."
