"""Which numbers a summary may tell."""

from __future__ import annotations

import pytest

from mmsum.generation.numbers import NumbersLeft


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (
            "It has twelve sites of the nineteenth century, and twenty-five wells.",
            "12 sites of the 19th century, 25 wells",
        ),
        (
            "One hundred and twenty people, a thousand trees and two hundred thousand five",
            "120 people, 1000 trees, 200,005",
        ),
        ("It rose by 12.0 % to 12.50.", "It rose by 12 % to 12.5."),
        ("10\u2009000 trees, 1.250 birds and 1'250 nests", "10,000 trees, 1,250 birds and 1250 nests"),
        ("12·5 mg", "12.5 mg"),
        ("p < .05", "p < 0.05"),
        ("In 2019,2020,2021 it grew.", "In 2019 it grew, not in 2021."),
        ("1,234.50 pounds; 1.234,75 euros", "1234.5 pounds; 1,234.75 euros"),
        ("From 3.11.2024 on, with 10.1.2 or later", "On 3.11.2024, with 10.1.2"),
    ],
)
def test_one_number_can_be_written_in_several_ways(read: str, told: str) -> None:
    assert not NumbersLeft([read]).refuses(told)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ("It rose by 2.5 %.", "It rose by 25 %."),
        ("It was 1.2 million.", "There were 12 million."),
        ("It was 25.", "It was 2.5."),
        ("It was 125.", "It was 12 or 5."),
        ("In 2019,2020 it grew.", "20192020"),
        ("It has nine sites.", "It has 19 sites."),
        ("The attendance was often tenfold.", "It was 10."),
    ],
)
def test_a_lost_mark_makes_another_number(read: str, told: str) -> None:
    assert NumbersLeft([read]).refuses(told)
