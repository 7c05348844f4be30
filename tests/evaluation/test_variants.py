"""Examples read from Parquet, whole and with a part taken away or exchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum.claims import read_facts
from mmsum.errors import SourceError
from mmsum.evaluation.variants import Examples, load_examples
from mmsum.examples import examples_to_table, to_document
from mmsum.generation.prompt import MARK, split_document
from tests.evaluation.conftest import example, write_examples


def make(numbers: range = range(5), seed: int = 0) -> Examples:
    return Examples(examples_to_table([example(number) for number in numbers]), seed)


def test_parts_are_taken_away() -> None:
    examples, whole = make(), example(2)
    assert examples.get(2) == whole
    removed = examples.get(2, "figures_removed")
    assert [figure.image for figure in removed.figures] == [b"", b""]
    assert (removed.text, [figure.caption for figure in removed.figures]) == (
        whole.text,
        [figure.caption for figure in whole.figures],
    )
    bare = examples.get(2, "captions_removed")
    assert [(f.label, f.caption, bool(f.image)) for f in bare.figures] == [
        ("Figure 1", "", True),
        ("Figure 2", "", True),
    ]
    assert examples.get(2, "text_removed") == replace(whole, text="")
    with pytest.raises(KeyError):
        examples.get(2, "colours_removed")


def test_swapped_figures_are_anothers_and_keep_labels_and_captions() -> None:
    examples = make()
    givers = []
    for number in range(5):
        whole, swapped = examples.get(number), examples.get(number, "figures_swapped")
        assert replace(swapped, figures=whole.figures) == whole
        assert [f.caption for f in swapped.figures] == [f.caption for f in whole.figures]
        (giver,) = {n for n in range(5) if examples.get(n).figures[0].image == swapped.figures[0].image}
        givers.append(giver)
        assert giver != number
    assert sorted(givers) == list(range(5))
    again, other = make(), make(seed=1)
    assert all(again.get(n, "figures_swapped") == examples.get(n, "figures_swapped") for n in range(5))
    assert any(other.get(n, "figures_swapped") != examples.get(n, "figures_swapped") for n in range(5))


def test_the_text_inside_figures_stays_as_in_training() -> None:
    told = [
        replace(each, figures=[replace(figure, text=f"{each.id} {figure.label}") for figure in each.figures])
        for each in map(example, range(3))
    ]
    examples = Examples(examples_to_table(told), 0)
    for variant in ("full", "figures_removed", "figures_swapped", "captions_removed", "text_removed"):
        assert [f.text for f in examples.get(1, variant).figures] == [f.text for f in told[1].figures]


def test_there_must_be_another_to_swap_with() -> None:
    alone = Examples(examples_to_table([example(0), replace(example(1), figures=[])]), 0)
    assert not alone.can_swap and make().can_swap
    assert alone.get(1, "figures_swapped").figures == []


@pytest.mark.parametrize("seed", range(5))
def test_a_figure_by_itself_is_swapped_with_another_documents(tmp_path: Path, seed: int) -> None:
    whole = [replace(example(number), id=f"{number}#") for number in range(3)]
    cited = [whole[0], replace(whole[1], summary="Loans rose (Figure 1)."), whole[2]]
    table, _ = load_examples(str(write_examples(tmp_path / "a.parquet", cited)), unit="figure")
    examples = Examples(table, seed)
    document_of = {figure.image: one.id for one in whole for figure in one.figures}
    givers: dict[str, set[str]] = {}
    for index, document in enumerate(table["document"].to_pylist()):
        (figure,) = examples.get(index, "figures_swapped").figures
        givers.setdefault(document, set()).add(document_of[figure.image])
    assert all(len(of_one) == 1 and document not in of_one for document, of_one in givers.items())
    assert set.union(*givers.values()) == set(givers) == {"0#", "1#", "2#"}
    alone, _ = load_examples(str(write_examples(tmp_path / "a.parquet", whole[:1])), unit="figure")
    assert alone.num_rows == 2 and not Examples(alone, seed).can_swap


def test_text_removed_is_what_text_dropout_shows() -> None:
    document = to_document(make().get(1, "text_removed"))
    (leaf,) = split_document(document, 2000, len, 8)
    assert leaf.figures == [0, 1]
    assert leaf.text.startswith(f"{MARK}[Figure 1: Loans") and leaf.text.endswith("[Figure 2: Towns.]")


def test_files_are_read_in_order_up_to_the_limit(data: Path) -> None:
    assert load_examples(str(data))[0]["id"].to_pylist() == [f"report-{number}" for number in range(6)]
    assert load_examples(str(data), limit=5)[0].num_rows == 5
    table, left_out = load_examples(str(data), limit=2, split="test")
    assert table["id"].to_pylist() == ["report-1", "report-2"]
    assert left_out == {"other_split": 1}
    other = [replace(example(7), source="reports/2+vega-lite"), replace(example(8), source="reports/2")]
    table, left_out = load_examples(str(write_examples(data.parent / "sources.parquet", other)), source="vega-lite")
    assert (table["id"].to_pylist(), left_out) == (["report-7"], {"other_source": 1})


def test_each_figure_by_itself(data: Path) -> None:
    table, left_out = load_examples(str(data), limit=2, unit="figure")
    assert table["id"].to_pylist() == [f"report-{number}#Figure {figure}" for number in (0, 1) for figure in (1, 2)]
    assert table["summary"].to_pylist()[:2] == ["Loans fell (Figure 1).", "Kelso was the largest town (Figure 2)."]
    assert table["text"].to_pylist() == [""] * 4 and not left_out
    assert [[fact.kind for fact in read_facts(facts)] for facts in table["facts"].to_pylist()[:2]] == [
        ["trend"],
        ["largest"],
    ]
    unnamed = write_examples(data.parent / "unnamed.parquet", [replace(example(1), summary="Loans rose (Figure 1).")])
    table, left_out = load_examples(str(unnamed), unit="figure")
    assert (table.num_rows, left_out) == (1, {"figures_not_cited": 1})


def test_two_figures_of_one_label_are_both_evaluated(tmp_path: Path) -> None:
    whole = example(1)
    twice = replace(whole, figures=[replace(figure, label="Figure 1") for figure in whole.figures])
    table, _ = load_examples(str(write_examples(tmp_path / "a.parquet", [twice])), unit="figure")
    assert table["id"].to_pylist() == ["report-1#Figure 1", "report-1#Figure 1#2"]
    images = [figures[0]["image"] for figures in table["figures"].to_pylist()]
    assert images == [figure.image for figure in whole.figures]


def test_what_cannot_be_evaluated_on_is_said(tmp_path: Path) -> None:
    file = write_examples(tmp_path / "a.parquet", [example(1), replace(example(2), summary=" ")])
    table, left_out = load_examples(str(file))
    assert (table.num_rows, left_out) == (1, {"no_summary": 1})
    with pytest.raises(SourceError, match=r"\(2 other split\); name others, or make some with `mmsum data`"):
        load_examples(str(file), split="train")
    write_examples(tmp_path / "b.parquet", [example(1)])
    write_examples(tmp_path / "plain" / "a.parquet", [replace(example(1), figures=[])])
    with pytest.raises(SourceError, match=r"\(no figures\)"):
        load_examples(str(tmp_path / "plain"), unit="figure")
    with pytest.raises(SourceError, match="report-1 stands in .* twice"):
        load_examples(str(tmp_path))
    pq.write_table(pa.table({"id": ["x"], "text": [""]}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match="no column summary"):
        load_examples(str(tmp_path / "b.parquet"))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        load_examples(str(tmp_path / "b.parquet"))
