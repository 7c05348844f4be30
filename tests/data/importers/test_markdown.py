"""Papers in Markdown: what becomes an example, and what is counted instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsum.data.files import read_examples
from mmsum.data.importers.markdown import import_markdown, licence_of
from tests.data.importers.samples import PAPER, left_out, png


def test_markdown_papers(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "figures" / "a.png").write_bytes(png())
    other = {**PAPER, "id": "b", "doi": None}
    lines = [json.dumps(PAPER), json.dumps(other), "not JSON", json.dumps({**PAPER, "summary": ""})]
    (tmp_path / "test" / "papers.jsonl").write_text("\n".join(lines))
    report = import_markdown(str(tmp_path), str(tmp_path / "out"), "CC-BY-4.0")
    assert report.written == {"test": 1} and report.other_licence == 1
    assert len(report.skipped) == 2 and report.broken[0].endswith("gone.png")
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.licence == "CC-BY-4.0" and example.source == "markdown 10.21105/joss.1"
    assert example.text == "# Need\n\nText of Figure 1.\n\nMore."
    assert [(f.label, f.caption) for f in example.figures] == [("Figure 1", "Figure 1: A plot")]


def test_a_list_without_splits_has_its_folders_name(tmp_path: Path) -> None:
    for number, folder in enumerate(("训练", "set 1", "papers [new]")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "papers.jsonl").write_text(json.dumps({**PAPER, "id": str(number), "split": None}))
    report = import_markdown(str(tmp_path), str(tmp_path / "out"))
    assert report.written == {"训练": 1, "set 1": 1, "train": 1} and not report.skipped
    for split in report.written:
        assert [example.split for example in read_examples(str(tmp_path / "out" / split))] == [split]


def test_markdown_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    row = {**PAPER, "summary": "It does\u2028many\x85things."}
    others = [{**row, "id": "b"}, {**row, "id": "c", "title": "Grüße"}]
    lines = [json.dumps(each, ensure_ascii=False) for each in (row, *others)]
    data = [
        "\ufeff".encode(),
        lines[0].encode(),
        b"\r\n\n",
        lines[1].encode(),
        b"\n \n",
        lines[2].encode("latin-1", "replace"),
    ]
    (tmp_path / "papers.jsonl").write_bytes(b"".join(data))
    report = import_markdown(str(tmp_path / "papers.jsonl"), str(tmp_path / "out"))
    assert report.written == {"test": 2}
    assert left_out(report, tmp_path) == {"papers.jsonl:5": "is not UTF-8; save the list as UTF-8"}
    assert {example.summary for example in read_examples(str(tmp_path / "out"))} == {row["summary"]}


def test_markdown_rows_that_are_wrong_say_why(tmp_path: Path) -> None:
    nameless = [{"caption": "A plot"}, "a.png", {"file": "n" * 5000}, {"file": "a\0.png"}]
    rows = [
        [1],
        {**PAPER, "id": None},
        {**PAPER, "summary": ["x"]},
        {**PAPER, "title": "\ud800"},
        {**PAPER, "figures": 1},
    ]
    lines = [json.dumps(row) for row in (*rows, {**PAPER, "figures": nameless})] + ["[" * 100_000]
    (tmp_path / "papers.jsonl").write_text("\n".join(lines))
    report = import_markdown(str(tmp_path / "papers.jsonl"), str(tmp_path / "out"))
    assert report.written == {"test": 1} and len(report.broken) == 4
    starts = [
        "is no JSON object",
        "has no id",
        "summary is no text",
        "holds half a character",
        "figures is no list",
        "is no JSON: ",
    ]
    assert [reason[: len(start)] for reason, start in zip(report.skipped.values(), starts, strict=True)] == starts


def test_line_ends_of_windows_and_captions_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    captions = ["Figure 1: A plot.", "Fig. 2. Another.", ["no text"]]
    figures = [{"file": "a.png", "caption": caption} for caption in captions[:2]]
    paper = {**PAPER, "body": PAPER["body"].replace("\n", "\r\n"), "figures": figures}  # type: ignore[attr-defined]
    wrong = {**PAPER, "id": "b", "figures": [{"file": "a.png", "caption": captions[2]}]}
    lost = {**PAPER, "id": "c", "figures": [{"file": "gone.png"}]}
    (tmp_path / "papers.jsonl").write_text("\n".join(map(json.dumps, (paper, wrong, lost))))
    report = import_markdown(str(tmp_path), str(tmp_path / "out"))
    example, _ = read_examples(str(tmp_path / "out"))
    assert example.text == "# Need\n\nText of Figure 1.\n\nMore."
    assert [figure.caption for figure in example.figures] == ["Figure 1: A plot.", "Figure 2: Another."]
    assert left_out(report, tmp_path) == {"papers.jsonl:2": "caption is no text"}
    assert "papers.jsonl:3: " in report.broken[0] and report.broken[0].endswith("gone.png")


@pytest.mark.parametrize(
    "doi",
    ["10.21105/joss.1", "https://doi.org/10.21105/joss.1", "http://dx.doi.org/10.21105/joss.1", "doi: 10.21105/joss.1"],
)
def test_a_doi_of_joss_is_known_however_it_is_written(doi: str) -> None:
    assert licence_of({"doi": doi, "license": "MIT"}) == "CC-BY-4.0"
    assert licence_of({"doi": doi.replace("21105", "1000"), "license": "MIT"}) == "MIT"
