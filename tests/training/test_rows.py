"""What one example becomes: its prompt, its target, what weighs more in it, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmsum.claims import CheckedFact, write_facts
from mmsum.config import Config
from mmsum.examples import ExampleFigure, examples_to_table, figures_alone, split_by_figure, to_document
from mmsum.generation.chat import Chat
from mmsum.generation.descriptions import description_prompt
from mmsum.generation.prompt import MARK
from mmsum.training.batches import IGNORED, EncodedData
from mmsum.training.encode import encode
from mmsum.training.rows import encode_example
from tests.tiny import png
from tests.training.runs import example, training_config


def test_the_prompt_is_that_of_summarizing_and_the_target_ends_itself(config: Config, chat: Chat) -> None:
    row, counts = encode_example(example(), chat, config)
    assert row and not counts
    text = chat.tokenizer.decode(row["prompt"])
    assert text == chat.text(
        "Document:\n\nSquares\n\nPainting\nFigure 1 shows a red square.\n\n[Figure 1: A square.]\n\nEnd\nIt rained."
        "\n\nWrite a one-paragraph summary of this document."
    )
    assert row["target"][-1] == chat.tokenizer.eos_token_id
    assert chat.tokenizer.decode(row["target"][:-1]) == "One red square."
    side = config.model.image_size
    assert np.frombuffer(row["images"][0], np.uint8).reshape(side, side, 3)[side // 2, side // 2].tolist() == [
        255,
        0,
        0,
    ]
    assert "It rained" not in chat.tokenizer.decode(row["bare_prompt"])


@pytest.mark.parametrize(
    ("changes", "counted", "kept"),
    [
        ({"text": "", "figures": []}, {"nothing_to_read": 1}, False),
        ({"figures": []}, {}, True),
        ({"figures": [ExampleFigure("", "", b"no image")]}, {"images_broken": 1}, True),
        ({"figures": [ExampleFigure("", "", png("red"))] * 200}, {"figures_left_out": 192}, True),
        ({"text": "A long text. " * 500}, {"text_cut": 1, "figures_left_out": 1}, True),
        ({"summary": "A long summary. " * 50}, {"summary_cut": 1}, True),
    ],
)
def test_odd_examples_are_handled_by_rule_and_counted(
    config: Config, chat: Chat, changes: dict[str, Any], counted: dict[str, int], kept: bool
) -> None:
    row, counts = encode_example(example(**changes), chat, config)
    assert dict(counts) == counted | ({"text_cut": 1} if changes.get("figures", [])[1:] else {})
    assert (row is not None) == kept
    if row:
        generation = config.generation
        assert len(row["prompt"]) + len(row["target"]) <= generation.context_tokens
        assert len(row["images"]) <= generation.figures_per_call


def test_a_figure_alone_is_an_example_with_what_the_summary_says_of_it(tmp_path: Path) -> None:
    figures = [ExampleFigure(f"Figure {n}", f"Figure {n}: Square {n}.", png("red")) for n in (1, 2, 12)]
    summary = "The town paints. Figure 1 is red, as Fig. 1 says. Blue came later (Figure 12)."
    given = example(figures=figures, summary=summary, facts="[]")
    pieces = split_by_figure(given)
    assert [(piece.id, piece.text, piece.summary) for piece in pieces] == [
        ("one#Figure 1", "", "Figure 1 is red, as Fig. 1 says."),
        ("one#Figure 2", "", ""),
        ("one#Figure 12", "", "Blue came later (Figure 12)."),
    ]
    assert [piece.figures for piece in pieces] == [[figure] for figure in figures]

    path = tmp_path / "data" / "examples.parquet"
    path.parent.mkdir()
    pq.write_table(examples_to_table([given]), path)
    encoded = encode(str(path), training_config(tmp_path, **{"training.unit": "figure", "training.data": str(path)}))
    assert encoded.index["figures"].to_pylist() == [1, 1, 1]  # one of them is passed over in silence
    assert encoded.counts == {"not_cited": 1}
    keys = {"training.unit": "figure", "training.stage": "finetune_clip", "training.data": str(path)}
    config = training_config(tmp_path, **keys)
    pairs = EncodedData(encode(str(path), config), config, pad=0)
    assert [pairs.row(index)["captions"] for index in range(2)] == [[pieces[0].summary], [pieces[2].summary]]

    facts = [
        CheckedFact("largest", "Blue leads.", "Figure 1", False, [], {"red": "red", "blue": "blue"}, "blue"),
        CheckedFact("trend", "It rose.", "Figure 12", False, [], {"rising": "rose", "falling": "fell"}, "rising"),
        CheckedFact("records", "Ten records.", "", True, [], {"stated": "10", "another": "11"}, "stated"),
    ]
    given.facts = write_facts(facts)
    pq.write_table(examples_to_table([given]), path)
    pairs = EncodedData(encode(str(path), config), config, pad=0)
    captions = [pairs.row(index)["captions"] for index in range(2)]
    assert captions == [["figure, largest 2 of 2"], ["figure, trend 1 of 2"]]
    batch = pairs.batch([0, 1], step=None)
    assert batch.shown == [
        [["figure, largest 2 of 2", "figure, largest 1 of 2"]],
        [["figure, trend 1 of 2", "figure, trend 2 of 2"]],
    ]

    seen = {"red": "largest red", "blue": "largest blue"}
    given.facts = write_facts([replace(facts[0], shows=seen), *facts[1:]])
    pq.write_table(examples_to_table([given]), path)
    pairs = EncodedData(encode(str(path), config), config, pad=0)
    assert pairs.row(0)["captions"] == ["figure, largest blue"]
    assert pairs.row(0)["shown"] == [[["figure, largest blue", "figure, largest red"]]]

    together = figures_alone(given)
    assert (together.text, together.figures) == ("", figures)
    assert together.summary == "Figure 1 is red, as Fig. 1 says. Blue came later (Figure 12)."
    encoded = encode(str(path), training_config(tmp_path, **{"training.unit": "figures", "training.data": str(path)}))
    assert encoded.index["figures"].to_pylist() == [3]
    assert encoded.counts["not_cited"] == 1


def test_tokens_that_answer_a_fact_of_a_figure_weigh_more(tmp_path: Path, chat: Chat) -> None:
    options = {"red": r"\bred\b", "blue": r"\bblue\b"}
    facts = [
        CheckedFact("colour", "It is red.", "Figure 1", False, ["square"], options, "red"),
        CheckedFact("rain", "It rained.", "", True, [], {"rain": "rained", "snow": "snowed"}, "rain"),  # of the text
    ]
    given = example(
        summary="It rained. Figure 1 has one red square.",
        facts=write_facts(facts),
        figures=[ExampleFigure("Figure 1", "Figure 1: (2) square, (3) circle.", png("red"))],
    )
    path = tmp_path / "data" / "examples.parquet"
    path.parent.mkdir()
    pq.write_table(examples_to_table([given, example(id="two")]), path)
    for unit in ("document", "figures", "figure"):
        keys = {"training.unit": unit, "training.data": str(path), "training.answer_weight": 4}
        config = training_config(tmp_path, **keys)
        data = EncodedData(encode(str(path), config), config, pad=0)
        batch = data.batch(range(len(data)), step=None)
        weighty = [batch.labels[0, at].item() for at in range(batch.labels.shape[1]) if batch.weights[0, at] == 4]
        assert chat.tokenizer.decode(weighty).strip() == ("red(2)" if unit == "figure" else "red")
        assert (batch.weights > 0).equal(batch.labels != IGNORED)
        assert data.weights.tolist() == batch.weights.sum(1).tolist()
        assert len(data) == (1 if unit == "figures" else 2)  # the other one's figure by itself teaches silence


def test_what_is_told_behind_a_key_weighs_more(tmp_path: Path, chat: Chat) -> None:
    config = training_config(tmp_path, **{"training.answer_weight": 4, "generation.summary_tokens": 96})
    options = {"falling": r"^(?!.*\bagain\b).*\bfalling\b", "rising": r"^(?!.*\bagain\b).*\brising\b"}
    fact = CheckedFact("trend", "Squares fell.", "Figure 1", False, ["square"], options, "falling")
    figure = ExampleFigure("Figure 1", "Figure 1: Lines: (red) square, (blue) circle.", png("red"))
    given = example(summary="In Figure 1, the square kept falling to the end of it, as ever.", figures=[figure])
    (alone,) = split_by_figure(replace(given, facts=write_facts([fact])))
    row, _ = encode_example(alone, chat, config, alone=True)
    assert row and "the (red) square kept = red falling to the end" in chat.tokenizer.decode(row["target"])
    weighty = [token for token, answers in zip(row["target"], row["answers"], strict=True) if answers]
    # And not the whole sentence up to the answer.
    assert chat.tokenizer.decode(weighty) == "(red)= red falling to the end of"


def test_what_is_told_of_a_text_whose_figures_are_described_weighs_more(tmp_path: Path, chat: Chat) -> None:
    keys = {"training.answer_weight": 4, "training.unit": "both", "generation.describe_figures": True}
    config = training_config(tmp_path, **keys)
    shown = CheckedFact("colour", "It is red.", "Figure 1", False, ["square"], {"red": "red", "blue": "blue"}, "red")
    number = CheckedFact(
        "cost", "It cost 70 pounds.", "", True, ["cost"], {"stated": "70", "another": r"\d+"}, "stated"
    )
    action = CheckedFact("action", "Buy.", "", True, [], {"Buy.": "^(?=.*buy)"}, "Buy.")
    given = example(summary="The square is red. It cost 70 pounds. Buy.", facts=write_facts([shown, number, action]))
    row, _ = encode_example(given, chat, config)
    assert row and "red (Figure 1).]" in chat.tokenizer.decode(row["prompt"])
    weighty = [token for token, answers in zip(row["target"], row["answers"], strict=True) if answers]
    assert chat.tokenizer.decode(weighty).strip() == "It cost 70 pounds.Buy."


def test_the_text_inside_a_figure_stands_under_its_caption(tmp_path: Path, chat: Chat) -> None:
    given = example(figures=[ExampleFigure("Figure 1", "Figure 1: A square.", png("red"), text="0 5 Width Height")])
    config = training_config(tmp_path, **{"generation.figure_text_tokens": chat.count("Width Height")})
    row, _ = encode_example(given, chat, config)
    assert row and "[Figure 1: A square.]\nWidth Height\n" in chat.tokenizer.decode(row["prompt"])
    assert "[Figure 1: A square.]\nWidth Height\n" in chat.tokenizer.decode(row["bare_prompt"])
    assert row["captions"] == ["Figure 1: A square."]
    row, _ = encode_example(given, chat, training_config(tmp_path))
    assert row and "Height" not in chat.tokenizer.decode(row["prompt"])


def test_silence_is_learned_of_what_is_seen(config: Config, chat: Chat) -> None:
    alone = example(text="", summary="")
    row, _ = encode_example(alone, chat, config)
    assert row and row["target"] == [chat.tokenizer.eos_token_id]
    broken = replace(alone, figures=[ExampleFigure("Figure 1", "Figure 1: A square.", b"no image")])
    assert encode_example(broken, chat, config) == (None, {"images_broken": 1})


@pytest.mark.parametrize("unit", ["both", "figure"])
def test_a_figure_that_is_passed_over_teaches_silence(unit: str, tmp_path: Path, chat: Chat) -> None:
    figures = [ExampleFigure(f"Figure {n}", f"Figure {n}: Square {n}.", png("red")) for n in (1, 2)]
    path = tmp_path / "data" / "examples.parquet"
    path.parent.mkdir()
    pq.write_table(examples_to_table([example(figures=figures, summary="Figure 1 is red.")]), path)
    keys = {"training.unit": unit, "training.data": str(path), "training.answer_weight": 4}
    config = training_config(tmp_path, **keys)
    encoded = encode(str(path), config)
    data = EncodedData(encoded, config, pad=0)
    documents = ["one"] if unit == "both" else []
    assert [data.row(index)["id"] for index in range(len(data))] == [*documents, "one#Figure 1", "one#Figure 2"]
    assert data.row(len(data) - 1)["target"] == [chat.tokenizer.eos_token_id]
    assert data.weights.tolist()[-1] == 4 and encoded.counts == {"not_cited": 1}


def test_what_the_gold_says_of_a_figure_stands_for_its_description(tmp_path: Path, chat: Chat) -> None:
    given = example(summary="It rained. Figure 1 has one red square.")
    config = training_config(tmp_path, **{"generation.describe_figures": True})
    row, _ = encode_example(given, chat, config)
    assert row and "[Figure 1: A square. Figure 1 has one red square.]" in chat.tokenizer.decode(row["prompt"])
    assert "[Figure 1: A square. Figure 1 has one red square.]" in chat.tokenizer.decode(row["bare_prompt"])
    assert row["images"] == []  # words instead
    assert "It rained." not in chat.tokenizer.decode(row["bare_prompt"])
    path = tmp_path / "data" / "examples.parquet"
    pq.write_table(examples_to_table([given]), path)
    config = training_config(
        tmp_path, **{"generation.describe_figures": True, "training.unit": "both", "training.data": str(path)}
    )
    data = EncodedData(encode(str(path), config), config, pad=0)
    assert [data.row(index)["id"] for index in range(len(data))] == ["one", "one#Figure 1"]

    pairs = training_config(tmp_path, **{"generation.describe_figures": True, "training.stage": "finetune_clip"})
    row, _ = encode_example(given, chat, pairs)
    assert row and len(row["images"]) == 1  # CLIP sees it
    row, _ = encode_example(replace(given, text=""), chat, config)
    assert row and row["images"] == []  # a document it is all the same

    (alone,) = split_by_figure(given)  # what describing itself learns from
    row, _ = encode_example(alone, chat, config, alone=True)
    assert row and len(row["images"]) == 1
    assert "[Figure 1: A square.]" in chat.tokenizer.decode(row["prompt"])
    prompt = chat.text(description_prompt(given.title, to_document(alone).figures[0])).replace(MARK, "")
    assert chat.tokenizer.decode(row["prompt"]) == prompt  # the very call of summarizing
