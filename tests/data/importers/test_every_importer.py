"""What holds for every importer: splits, ids, sources that are not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmsum.cli import main
from mmsum.data.files import read_examples, write_splits
from mmsum.data.importers.folder import import_folder
from mmsum.data.importers.jats import import_jats
from mmsum.data.importers.markdown import import_markdown
from mmsum.errors import SourceError, UsageError
from mmsum.examples import Example
from tests.data.importers.samples import ARTICLE, PAPER, left_out, write_table


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="papers.jsonl"):
        import_markdown(str(tmp_path), str(tmp_path / "out"))
    (tmp_path / "t.csv").write_text("name\nx\n")
    with pytest.raises(SourceError, match="file and summary"):
        import_folder(str(tmp_path), str(tmp_path / "t.csv"), str(tmp_path / "out"))


def test_a_split_is_one_folder_of_out(tmp_path: Path) -> None:
    text = "file,summary,split\na.md,One., Test \nb.md,Two.,../../escape\n"
    report = import_folder(*write_table(tmp_path, text))
    assert report.written == {"test": 1}
    assert "'../../escape' cannot be a folder's name" in left_out(report, tmp_path)["gold.csv:3, b.md"]
    assert [example.split for example in read_examples(str(tmp_path / "out"))] == ["test"]
    for split in ("..", ".hidden", "a/b", "a\\b", "a\nb", "a?sig=b", "a*", "[a]", "\udcff", "a" * 256, ""):
        with pytest.raises(UsageError, match="cannot be a folder's name"):
            import_jats([], str(tmp_path / "out"), split)
    with pytest.raises(UsageError, match="cannot be a folder's name"):
        write_splits(str(tmp_path / "out"), [Example("a", "", "Text.", [], "Gold.", split="../b")])


def test_an_id_stands_once_in_all_splits(tmp_path: Path) -> None:
    text = "file,summary,split\na.md,One.,train\n./a.md,Two.,test\na.md,Three.,\n"
    report = import_folder(*write_table(tmp_path, text))
    assert report.written == {"train": 1} and len(report.skipped) == 2
    assert left_out(report, tmp_path)["gold.csv:4, a.md"].startswith("stands twice: ")
    lines = [json.dumps({**PAPER, "split": split}) for split in ("train", "test")]
    (tmp_path / "papers.jsonl").write_text("\n".join(lines))
    report = import_markdown(str(tmp_path / "papers.jsonl"), str(tmp_path / "papers"))
    assert report.written == {"train": 1} and set(left_out(report, tmp_path)) == {"papers.jsonl:2"}
    (tmp_path / "x.xml").write_text(ARTICLE)
    (tmp_path / "y.xml").write_text(ARTICLE)
    report = import_jats([str(tmp_path / name) for name in ("x.xml", "y.xml", "x.xml")], str(tmp_path / "articles"))
    assert report.written == {"train": 1} and set(left_out(report, tmp_path)) == {"x.xml", "y.xml"}
    assert len({example.id for example in read_examples(str(tmp_path / "articles"))}) == 1


def test_an_import_of_nothing_ends_in_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "papers.jsonl").write_text("no JSON\n" + json.dumps({**PAPER, "doi": None}))
    source, out = str(tmp_path / "papers.jsonl"), str(tmp_path / "out")
    assert main(["data", "import-markdown", source, out, "--licence", "CC0"]) == 2
    printed = capsys.readouterr()
    assert "papers.jsonl:1: is no JSON" in printed.out
    assert "nothing was written to" in printed.err and "1 left out and 1 under another licence" in printed.err
    assert main(["data", "import-jats", source, out, "--split", "../x"]) == 2
    assert "cannot be a folder's name" in capsys.readouterr().err
