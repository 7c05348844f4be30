"""The whole flow: what is counted, kept, compared and written."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from mmsum.errors import OutputError
from mmsum.evaluation import Evaluation, evaluate
from mmsum.evaluation.result import ROW_SCHEMA
from mmsum.evaluation.scores import repetition
from mmsum.evaluation.systems import config_of_model
from mmsum.evaluation.variants import ABLATIONS
from tests.conftest import Run
from tests.evaluation.conftest import example, write_examples
from tests.evaluation.test_systems import export

__all__ = ["export"]


def test_the_numbers_of_lead(evaluation: Evaluation) -> None:
    found = evaluation.as_json()
    facts = found["facts"]
    # It says "Loans rose", true of 3 in 6, and "Kelso was the largest", true of all: 9 of 12, citing Figure 1 each time.
    assert (facts["n"], facts["right"], facts["wrong"], facts["absent"]) == (12, 0.75, 0.25, 0.0)
    assert (facts["cited"], facts["cited_right"]) == (1.0, pytest.approx(3 / 9))
    assert (facts["chance"], facts["gold"]) == (0.75, 1.0)
    assert facts["by_kind"]["trend"] == {"facts": 6, "right": 0.5, "wrong": 0.5, "absent": 0.0, "chance": 0.5}
    assert (facts["swapped"], facts["figures_removed_invented"]) == (0.75, 1.0)  # lead looks at no figure
    assert facts["intervals"]["right"][0] == 0.75
    # The text says how many boats there were.
    assert found["facts_of_text"]["intervals"]["right"] == [1.0, 1.0, 1.0]
    removed = found["ablations"]["text_removed"]["facts_of_text"]
    assert (removed["n"], removed["right"], removed["wrong"], removed["absent"]) == (6, 0.0, 0.0, 1.0)
    mean, low, high = found["rouge"]["rougeL"]
    assert 0 < low <= mean <= high < 1
    assert (found["n"], found["splits"], found["failed"]) == (6, {"valid": 1, "test": 5}, 0)
    assert found["decoding"] == {"summarizer": "lead", "lead_sentences": 5}
    assert "use_stemmer=True" in found["rouge_variant"]


def test_baselines_and_ablations_stand_beside_it(evaluation: Evaluation) -> None:
    found = evaluation.as_json()
    assert list(found["baselines"]) == ["lead-3", "first-100-words", "captions", "oracle"]
    assert list(found["ablations"]) == list(ABLATIONS)
    oracle = found["baselines"]["oracle"]
    assert oracle["rouge"]["rougeL"][0] > found["rouge"]["rougeL"][0]
    assert oracle["ours_minus"]["rougeL"]["probability"] == 0.0
    no_text = found["ablations"]["text_removed"]["ours_minus"]
    assert no_text["right"]["mean"] == 0.75 and no_text["told"]["mean"] == 1.0
    assert found["ablations"]["figures_removed"]["ours_minus"]["rougeL"]["mean"] == 0.0


def test_every_example_is_a_row(evaluation: Evaluation, out: Path) -> None:
    table = pq.read_table(out / "examples.parquet")
    assert table.schema.equals(ROW_SCHEMA)
    row = table.to_pylist()[2]
    assert (row["id"], row["ours"][:15]) == ("report-2", "Figure 1 shows ")
    assert [fact["ours"] for fact in row["facts"]] == ["wrong", "right"]
    outputs = {output["system"]: output for output in row["outputs"]}
    assert set(outputs) == set(evaluation.scores)
    assert outputs["captions"]["verdicts"] == ["absent", "absent"]
    assert outputs["full"]["citations"] == ["own", "other"]
    assert json.loads((out / "evaluation.json").read_text()) == json.loads(json.dumps(evaluation.as_json()))


def test_a_trained_model_its_backbone_and_a_text_model(export: Path, data: Path, tmp_path: Path) -> None:
    config = config_of_model(str(export), ["shard_size=2"])
    arguments = {"ablate": True, "baselines": [], "limit": 3, "local": True, "out": tmp_path, "text_only": str(export)}
    first = evaluate(export, data, config, **arguments)  # type: ignore[arg-type]
    found = first.as_json()
    assert list(found["baselines"]) == ["backbone", "text-only"]
    assert (found["decoding"]["search"], found["decoding"]["summary_tokens"]) == ("greedy", 24)
    assert found["figures_shown"] == 1.0
    texts = {name: [scored.text for scored in column] for name, column in first.texts.items()}
    # Without a figure to look at, its cross-attention never runs: what is left is the plain backbone.
    assert texts["backbone"] == texts["text-only"] == texts["figures_removed"]
    distinct = ("full", "figures_removed", "captions_removed", "text_removed")
    assert len({tuple(texts[name]) for name in distinct}) == 4
    # Started again it writes nothing: what was kept is what comes back.
    kept = sorted(tmp_path.glob("_run/*/*.json"))
    assert len(kept) == 7 * 2
    kept[0].write_text(kept[0].read_text().replace('"text": "', '"text": "Kept: '))
    again = evaluate(export, data, config, **arguments)  # type: ignore[arg-type]
    assert sorted(tmp_path.glob("_run/*/*.json")) == kept
    assert sum(one.text.startswith("Kept: ") for column in again.texts.values() for one in column) == 2


def test_actors_write_what_one_process_writes(
    evaluation: Evaluation, data: Path, tmp_path: Path, local_ray: None
) -> None:
    config = config_of_model("lead", ["shard_size=2", "resources.generate_actors=2"])
    there = evaluate("lead", data, config, out=tmp_path, ablate=True)
    texts = {name: [one.text for one in column] for name, column in evaluation.texts.items()}
    assert {name: [one.text for one in column] for name, column in there.texts.items()} == texts
    assert there.as_json()["facts"] == evaluation.as_json()["facts"]
    assert len(list(tmp_path.glob("_run/*/*.json"))) == 5 * 3


def test_out_is_tried_before_the_work(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        evaluate("lead", data, out=tmp_path / "file" / "out", local=True)


def test_repetition_is_the_share_of_4_grams_that_stood_before() -> None:
    assert repetition("a b c d") == repetition("a b c") == repetition("") == 0.0
    assert repetition("a b c d A B C D") == pytest.approx(1 / 5)


def test_the_command_prints_tables_and_names_files(mmsum: Run, data: Path, tmp_path: Path) -> None:
    done = mmsum(
        "evaluate", "lead", data, "--local", "--limit", "4", "--json", "found.json", "--baselines", "lead-3, oracle"
    )
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("ROUGE over 4 examples", "use_stemmer=True", "ours minus each baseline", "oracle", "cited right"):
        assert said in done.stdout
    assert json.loads((tmp_path / "found.json").read_text())["n"] == 4
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} >= {"examples.parquet", "index.html"}


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """One example without a gold; of the other two one has figures, so there is none to swap with."""
    plain = replace(example(1), id="plain", figures=[], text="No figure here.", facts="")
    write_examples(tmp_path / "data" / "a.parquet", [example(3), plain, replace(example(5), summary="")])
    write_examples(tmp_path / "data" / "b.parquet", [replace(plain, id="chinese", summary="需求上升。")])
    console = Console(record=True, width=200, file=io.StringIO())
    out = tmp_path / "out"
    evaluate("lead", tmp_path / "data", out=out, ablate=True, baselines=(), local=True, console=console)
    said = " ".join(console.export_text().split())
    assert "left out 1 no summary" in said
    assert "1 golds have no word that ROUGE counts" in said
    assert "figures swapped: not measured, for no two of the documents have figures" in said
    page = (out / "index.html").read_text()
    assert "<dt>Left out</dt><dd>1 no summary</dd>" in page and "not measured" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "DATA"), "MODEL: nothing is neither a folder here nor one of lead"),
        (("lead", "missing"), "missing"),
        (("lead", "DATA", "--baselines", "lead-4"), "baselines: lead-4 is unknown; known are lead-3"),
        (("lead", "DATA", "--set", "generation.lead_sentence=3"), "nearest is generation.lead_sentences"),
        (("lead", "DATA", "--limit", "0"), "--limit: '0' is not a number"),
        (("lead", "DATA", "--split", "none"), "other split"),
        (("lead", "DATA", "--source", "none"), "6 other source"),
        (("lead", "DATA", "--json", "."), "--json: . is a folder; name a file in it"),
    ],
)
def test_wrong_arguments_are_one_line(mmsum: Run, data: Path, arguments: tuple[str, ...], said: str) -> None:
    done = mmsum("evaluate", *(str(data) if part == "DATA" else part for part in arguments), "--local")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
