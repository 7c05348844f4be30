"""The check finds what is wrong with a data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mmsum.claims import CheckedFact, write_facts
from mmsum.claims import chance as best_constant
from mmsum.cli import main
from mmsum.data import duplicates
from mmsum.data.check import TextOnly, check_data, read_text_only
from mmsum.data.duplicates import copied_sentences, jaccard, near_duplicates
from mmsum.data.files import write_part, write_splits
from mmsum.errors import SourceError
from mmsum.evaluation import evaluate
from mmsum.evaluation.systems import TEXT_ONLY
from mmsum.examples import Example, ExampleFigure
from tests.evaluation.conftest import example, write_examples

WORDS = [f"word{i}" for i in range(400)]


def fact(answer: str) -> CheckedFact:
    return CheckedFact("trend", "", "Figure 1", False, ["demand"], {"up": "rose", "down": "fell"}, answer)


def test_near_duplicates_are_found_and_others_are_not() -> None:
    changed = [*WORDS[:200], "other", *WORDS[201:]]
    found = near_duplicates([" ".join(WORDS), " ".join(reversed(WORDS)), " ".join(changed)])
    assert [(i, j) for i, j, _ in found] == [(0, 2)] and 0.9 < found[0][2] < 1


def test_each_of_equal_texts_is_paired_with_the_first() -> None:
    text, changed = " ".join(WORDS), " ".join([*WORDS[:200], "other", *WORDS[201:]])
    found = near_duplicates(["", text, "", text, changed, text, *["Scanned by a machine"] * 2000])
    assert [pair for pair in found if pair[0] < 6] == [(1, 3, 1.0), (1, 5, 1.0), (1, 4, pytest.approx(0.98, abs=0.02))]
    assert len(found) == 3 + 1999  # and not as many pairs as there are


def test_forms_of_which_only_a_part_is_filled_in_are_not_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def form(number: int) -> list[str]:
        return [f"{word}-{number}" if at % 20 in (0, 9) else word for at, word in enumerate(WORDS)]

    forms = [" ".join(form(number)) for number in range(300)]
    asked = []
    monkeypatch.setattr(duplicates, "jaccard", lambda one, other: asked.append(1) or jaccard(one, other))
    found = near_duplicates([*forms, forms[7].replace("word3 ", "word ")])
    assert [(i, j) for i, j, _ in found] == [(7, 300)] and len(asked) < 1000  # of 45,150 pairs
    assert 0.3 < jaccard(*map(duplicates.shingles, forms[:2])) < 0.5


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
    assert main(["data", "check", str(tmp_path / "data"), "--json", str(tmp_path)]) == 2
    assert "near duplicates" in capsys.readouterr().out  # seen all the same


def rows_of(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What the command prints, on one line."""
    assert main(["data", "check", str(folder), *more]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_examples_without_gold_or_facts_are_counted_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = write_facts([fact("up")])
    examples = [
        Example("a", "", "One text.", [], "The demand rose.", facts=facts),
        Example("b", "", "Two texts.", [], " ", facts=facts),
        Example("c", "", "Three texts.", [], "", "test"),
        Example("d", "", "Four texts.", [], "需求上升了。"),
    ]
    write_splits(str(tmp_path), examples)
    found = check_data(str(tmp_path))
    assert (found.without_gold, found.gold_words, found.facts_not_right) == (2, 2, 0)
    assert (found.same_gold_between, found.gold_without_words, found.gold_rouge_l) == (0, 1, None)
    printed = rows_of(tmp_path, capsys)
    assert "without gold 2 " in printed and "gold not scored 1: no word that ROUGE counts" in printed
    assert (
        "1.0 facts an example, at least 1, of those that list facts; 2 list none; target at least 3: MISSED" in printed
    )


def test_no_gold_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_splits(str(tmp_path), [Example("a", "", "One text.", [], ""), Example("b", "", "Two texts.", [], "")])
    printed = rows_of(tmp_path, capsys)
    assert "without gold 2" in printed and "gold length" not in printed and "gold to gold" not in printed


def test_hardness_stands_beside_its_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golds = ["The demand rose.", "It was wet in the valley."]
    write_splits(str(tmp_path / "data"), [Example(gold, "", gold, [], gold) for gold in golds])
    printed = rows_of(tmp_path / "data", capsys)
    assert "over pairs of documents; target at most 0.25 " in printed
    assert "text-only model not measured: mmsum evaluate MODEL DATA --text-only EXPORT --json FILE" in printed
    for score, mark in ((0.45, ""), (0.51, ": MISSED")):
        baselines = {"text-only": {"rouge": {"rougeL": [score, 0.4, 0.6]}}}
        (tmp_path / "found.json").write_text(json.dumps({"baselines": baselines, "n": 40, "data": "d/test"}))
        printed = rows_of(tmp_path / "data", capsys, "--text-only", str(tmp_path / "found.json"))
        assert printed.endswith(
            f"text-only model ROUGE-L {score:.3f} on 40 examples of d/test; target at most 0.45{mark}"
        )


def test_what_evaluate_writes_is_read(tmp_path: Path) -> None:
    data = write_examples(tmp_path / "a.parquet", [example(1), example(2)])
    found = evaluate("lead", data, out=tmp_path / "out", baselines=["lead-3"], local=True).as_json()
    scores = found["baselines"].pop("lead-3")
    (tmp_path / "found.json").write_text(json.dumps(found | {"baselines": {TEXT_ONLY: scores}}))
    read = read_text_only(str(tmp_path / "found.json"))
    assert read == TextOnly(scores["rouge"]["rougeL"][0], 2, str(data)) and read.rouge_l > 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[3]", "list indices"),
        ("no JSON", "Expecting value"),
        ('{"n": 3}', "no 'baselines'"),
        ('{"baselines": {"lead-3": {}}}', "no 'text-only'"),
        ('{"baselines": {"text-only": {"rouge": {"rougeL": [41, 0, 0]}}}, "n": 3, "data": "d"}', "ROUGE-L is 41"),
    ],
)
def test_a_foreign_file_for_text_only_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(SourceError, match=rf"a\.json holds no scores of a text-only model \(.*{reason}.*--json FILE"):
        read_text_only(str(tmp_path / "a.json"))
    with pytest.raises(SourceError, match=r"--text-only: .*b\.json.*; give the file"):
        read_text_only(str(tmp_path / "b.json"))


@pytest.mark.parametrize("facts", ["no JSON", write_facts([replace(fact("up"), about=["("])])])
def test_facts_that_cannot_be_read_name_their_example(tmp_path: Path, facts: str) -> None:
    write_splits(str(tmp_path), [Example("a", "", "One text.", [], "The demand rose.", facts=facts)])
    with pytest.raises(SourceError, match="example a cannot be read"):
        check_data(str(tmp_path))


def test_no_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no Parquet files"):
        check_data(str(tmp_path))
    write_part(str(tmp_path), 0, [])
    with pytest.raises(SourceError, match="hold no rows"):
        check_data(str(tmp_path))


def test_what_is_missing_is_like_nothing_else(tmp_path: Path) -> None:
    """Neither two lost images nor two empty texts; and a fact of no figure is none of a figure."""
    lost = [ExampleFigure("Figure 1", "", b"", kind="pie")]
    facts = write_facts([fact("up"), replace(fact("up"), figure="")])
    examples = [Example(name, "", "", lost, "The demand rose.", split, facts=facts) for name, split in ("a1", "b2")]
    write_splits(str(tmp_path), [replace(e, split=f"split{e.split}") for e in examples])
    found = check_data(str(tmp_path))
    assert (found.same_image_between, found.near_between, found.near_within) == (0, [], 0)
    assert (len(found.broken_images), found.figure_facts_least) == (2, 1)
