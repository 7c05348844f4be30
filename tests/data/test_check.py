"""The check finds what is wrong with a data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsum.claims import CheckedFact, write_facts
from mmsum.claims import chance as best_constant
from mmsum.cli import main
from mmsum.data.check import check_data
from mmsum.data.duplicates import copied_sentences, near_duplicates
from mmsum.data.files import write_splits
from mmsum.errors import SourceError
from mmsum.examples import Example, ExampleFigure

WORDS = [f"word{i}" for i in range(400)]


def fact(answer: str) -> CheckedFact:
    return CheckedFact("trend", "", "Figure 1", False, ["demand"], {"up": "rose", "down": "fell"}, answer)


def test_near_duplicates_are_found_and_others_are_not() -> None:
    changed = [*WORDS[:200], "other", *WORDS[201:]]
    found = near_duplicates([" ".join(WORDS), " ".join(reversed(WORDS)), " ".join(changed)])
    assert [(i, j) for i, j, _ in found] == [(0, 2)] and 0.9 < found[0][2] < 1


def test_sentences_of_the_gold_in_the_body() -> None:
    body = "First. The demand for water rose by a third in two years. Last."
    gold = "The demand for water rose by a third in two years. It is a pity that nobody thought of it before. Short."
    assert copied_sentences(gold, body) == (1, 2)


def test_the_best_constant_answer() -> None:
    assert best_constant([fact("up"), fact("up"), fact("down")]) == pytest.approx(2 / 3)


def test_a_data_set_is_checked_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, broken = " ".join(WORDS), [ExampleFigure("Figure 1", "", b"no image", kind="pie")]
    facts = write_facts([fact("up")])
    write_splits(
        str(tmp_path / "data"),
        [
            Example("a", "", text, broken, "The demand rose.", "train", facts=facts),
            Example("b", "", text, [], "The demand fell.", "test", facts=facts),
        ],
    )
    assert main(["data", "check", str(tmp_path / "data"), "--json", str(tmp_path / "check.json")]) == 0
    assert "near duplicates" in capsys.readouterr().out
    found = json.loads((tmp_path / "check.json").read_text())
    assert found["examples"] == {"test": 1, "train": 1} and found["kinds"] == {"pie": 1}
    assert found["broken_images"] == ["a, Figure 1"] and len(found["near_between"]) == 1
    assert found["facts_not_right"] == 1 and found["figure_facts_least"] == 1


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no Parquet files"):
        check_data(str(tmp_path))
