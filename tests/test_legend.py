"""Names under keys."""

import pytest

from mmsum.examples import Example, ExampleFigure, description_of
from mmsum.legend import key_spans, leads, listed, put_keys, put_names

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
    ("text", "keyed", "key_alone"),
    [
        ("Market led, then Route 12.", "(1) Market led, then (3) Route 12.", "(1) led, then (3)."),
        ("The MARKET led.", "The (1) MARKET led.", "The (1) led."),
        ("Marketing led; hyper-Market, too.", "Marketing led; hyper-Market, too.", "Marketing led; hyper-Market, too."),
        ("Route 1 beat 60 and over.", "(2) Route 1 beat (teal) 60 and over.", "(2) beat (teal)."),
    ],
)
def test_keys_stand_before_names_or_for_them(text: str, keyed: str, key_alone: str) -> None:
    keys = listed(CAPTION)
    assert put_keys(text, keys) == keyed
    assert put_keys(text, keys, keep_names=False) == key_alone
    assert put_keys(text, {}) == text


TABLE = "See Figure 2 on visitors. Printed rows from the top: (1) Monday, (2) Friday. Of the columns we name (1) 10, (2) 11."


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("(2) led the rows in visitors.", "Friday led the rows in visitors."),
        ("No other column came up to (1).", "No other column came up to 10."),
        ("(2) led.", "(2) led."),  # row or column
        ("(1) led the rows, and (3) the columns.", "(1) led the rows, and (3) the columns."),  # both are spoken of
    ],
)
def test_of_two_lists_the_one_is_meant_that_is_spoken_of(text: str, named: str) -> None:
    assert leads(TABLE) == {
        "Monday": "Printed rows from the top",
        "Friday": "Printed rows from the top",
        "10": "Of the columns we name",
        "11": "Of the columns we name",
    }
    assert put_names(text, {}, listed(TABLE), leads(TABLE)) == named
    assert "(" in put_names(text, {}, listed(TABLE))  # without a word on the lists none is known
    assert put_names(text, {"Market": "(2)"}, listed(TABLE), leads(TABLE)).count("(2)") == text.count("(2)")


def test_keys_are_found_but_figures_are_none() -> None:
    text = "The (2) Station led (Figure 1)."
    assert [text[start:end] for start, end in key_spans(text)] == ["(2)"]


def test_a_description_names_what_its_reader_can_know() -> None:
    figure = ExampleFigure("Figure 2", CAPTION, b"")
    paragraphs = (
        "Figure 2 counts three. Rows: (a) Harbour, (b) Market.",
        "Of another figure: (9) Bridge.",
    )
    summary = "All is well. Market beat Harbour (Figure 2). Bridge lost, as Figure 2 shows."
    example = Example("one", "", "\n\n".join(paragraphs), [figure], summary)
    assert description_of(example, figure) == "(1) Market beat (a) (Figure 2). Bridge lost, as Figure 2 shows."
