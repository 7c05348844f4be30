"""What stays of a text that a small model wrote."""

from __future__ import annotations

from functools import partial

import pytest

from mmsum.generation.cleaning import lists_names, said_once
from mmsum.generation.numbers import NumbersLeft


def test_no_sentence_is_said_twice() -> None:
    loop = "It rose again. The mill is very old.\nThe Mill is very old. It fell (Fig. 1). The mill is very old."
    assert said_once(loop) == "It rose again. The mill is very old. It fell (Fig. 1)."
    for whole in (
        "- one\n- two\n- one\n\n- three",
        "Dr. Smith built it. Dr. Jones tested it.",
        "No. 1 is red. No. 2 is.",
        "",
    ):
        assert said_once(whole) == whole


def test_a_number_without_its_line_is_left_out() -> None:
    lines = "It can:\n\n1. Read one file well.\n\n2. Read one file well.\n\n3. Write.\n\n4. Read one file well.\n\n5."
    assert said_once(lines) == "It can:\n\n1. Read one file well.\n\n3. Write."
    twice = "1. It rose by ten percent.\n2. It rose by ten percent."
    assert said_once(f"{twice} So it was.") == "1. It rose by ten percent.\n2. So it was."
    assert said_once(f"{twice}\n\nSo it was.") == "1. It rose by ten percent.\n\nSo it was."
    assert said_once("It rose a lot.\n1. It rose a lot.\n\nSo it was.") == "It rose a lot.\n\nSo it was."
    assert said_once("1.\nIt rose a lot.") == "1.\nIt rose a lot."
    assert said_once("It was seen by 40. 7. So it was.") == "It was seen by 40. 7. So it was."


def test_a_sentence_that_goes_round_in_circles_is_left_out() -> None:
    circle = "Layers from below: " + ", ".join(["the black and the grey row"] * 9)
    assert said_once(f"It is a farm. {circle}. It grew (Figure 1).") == "It is a farm. It grew (Figure 1)."
    assert said_once(f"{circle}. It grew.") == "It grew."
    assert said_once(circle) == circle  # rather than nothing
    twice = "The east wing of the mill leads the west wing of the mill."
    assert said_once(twice) == twice
    shares = "In 2019 the share of the north was 40 %, the share of the south 35 % and the share of the west 25 %."
    assert said_once(shares + " It grew.") == shares + " It grew."


@pytest.mark.parametrize(
    "whole",
    [
        "Das Treffen begann am 12. Mai 2024 in Köln. Es endete am 14. Mai 2024 in Köln.",
        "The first dig was near St. Louis in Missouri. The second dig was near St. Louis in Missouri.",
        "The idea is due to J. Smith and his group. The code was written by J. Smith and his group.",
        "The first site lies approx. 12 km from the sea. The second lies approx. 12 km from the sea.",
    ],
)
def test_no_piece_of_a_sentence_is_left_out(whole: str) -> None:
    assert said_once(whole) == whole
    sentence = whole[: whole.rindex(". ", 0, len(whole) // 2 + 10) + 1]
    assert said_once(f"{sentence} {sentence} It grew.") == f"{sentence} It grew."


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Panel A. " + "The layer is shown in panel B. " * 6, "Panel A. The layer is shown in panel B."),
        ("Reports cover cities, towns, etc. " * 3, "Reports cover cities, towns, etc."),
        ("It was done by the firm Mills and Co. " * 3, "It was done by the firm Mills and Co."),
        ("Grey vitamin C. " * 3 + "It grew.", "Grey vitamin C. It grew."),
    ],
)
def test_a_loop_is_cut_whatever_its_sentence_ends_with(text: str, rest: str) -> None:
    assert said_once(text) == rest


def test_what_stands_behind_a_capital_is_a_sentence_of_its_own() -> None:
    text = "The score went to group C. It rose by 77 points. It was cheap."
    assert said_once(text, lambda sentence: "77" in sentence) == "The score went to group C. It was cheap."


def test_sentences_without_spaces_are_not_said_twice() -> None:
    sentence = "模型在测试集上的准确率有所提高。"
    assert said_once(sentence * 4 + "是。是。") == sentence + "是。是。"


@pytest.mark.parametrize(
    ("sentence", "stays"),
    [
        ("The cost was 1,150 pounds.", True),
        ("The cost was 1150 pounds in 2012.", True),
        ("The cost was 12 500 pounds.", True),
        ("In 2012 150 pounds were spent.", True),
        ("It has 3 parts and 7.5 hectares.", True),
        ("It came up to \u0661\u0661\u0665\u0660 pounds.", True),  # 1150
        ("There were 23 records.", False),
        ("The cost was 1,151 pounds in 2012.", False),
        ("It has 7.6 hectares.", False),
        ("Figure 13 shows the cost.", False),
    ],
)
def test_numbers_that_the_document_does_not_have_are_left_out(sentence: str, stays: bool) -> None:
    read = ["The cost was 1,150 pounds in 2012, of 12\u00a0500.", "Figure 2: 150 fields of 7.5 hectares"]
    text = f"It is a farm. {sentence} It grew."
    assert said_once(text, NumbersLeft(read).refuses) == (text if stays else "It is a farm. It grew.")
    assert said_once(text) == text


def test_a_number_is_told_no_more_often_than_the_document_tells_it() -> None:
    read = ["The cost was 1,150 pounds in 2012.", "In 2012, 12\u00a0500 trees of 12 kinds stood there. In 2012!"]
    told = (
        "It cost 1,150 pounds. In 2012 there were 12 500 trees, more than 12 before 2012. In 2012 it grew by 12 kinds."
    )
    again = " There were 1,150 trees. It lost 12 kinds in 2012. In 2012 it shrank. 12 500 trees went."
    assert said_once(told + again, NumbersLeft(read).refuses) == told + " In 2012 it shrank."


def test_a_number_goes_with_its_line_and_does_not_make_it_go() -> None:
    lines = "It can:\n\n11. Read one file well.\n12. Read 99 files.\n13. Write."
    assert said_once(lines, NumbersLeft([]).refuses) == "It can:\n\n11. Read one file well.\n13. Write."
    assert (
        said_once("There were 23 records.", NumbersLeft([]).refuses) == "There were 23 records."
    )  # rather than nothing


@pytest.mark.parametrize(
    ("sentence", "lists"),
    [
        ("Printed boxes in order: (1) mowing, (2) baling, (3) storing.", True),
        ("Printed boxes in order: mowing, baling, storing.", True),
        ("It has three parts: mowing, baling and storing.", False),
        ("The farm shares its boxes among three: mowing, baling and storing.", False),
        ("Boxes: Mowing, storing", True),
        ("Figure 1, from the left: (blue) mowing; (red) baling and storing.", True),
        ("Three boxes follow each other: mowing, baling, selling.", False),
        ("One box stands out: mowing.", False),
        ("Mowing, baling and storing follow each other.", False),
        ("mowing, baling", False),
    ],
)
def test_a_list_of_a_figure_s_names_is_no_statement(sentence: str, lists: bool) -> None:
    assert lists_names(sentence, {"mowing": "(1)", "baling": "(2)", "storing": "(3)"}) is lists
    text = f"It is a farm. {sentence} It grew."
    rule = partial(lists_names, names=["mowing", "baling", "storing"])
    if sentence.endswith("."):
        assert said_once(text, rule) == ("It is a farm. It grew." if lists else text)
