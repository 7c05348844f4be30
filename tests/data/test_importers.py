"""Importers: what becomes an example, and what is counted instead."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from mmsum.data.files import read_examples
from mmsum.data.importers.folder import import_folder
from mmsum.data.importers.jats import import_jats
from mmsum.data.importers.markdown import import_markdown
from mmsum.errors import SourceError

PAPER = {
    "id": "a",
    "title": "Tools",
    "split": "test",
    "doi": "10.21105/joss.1",
    "license": "MIT",
    "summary": "It does things.",
    "body": "# Need\n\nText of Figure 1.\n\n[Figure 1]\n\nMore.",
    "figures": [{"file": "figures/a.png", "caption": "A plot"}, {"file": "figures/gone.png", "caption": "x"}],
}
ARTICLE = """<?xml version="1.0"?>
<!DOCTYPE article [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>
<article-id pub-id-type="doi">10.1/x</article-id><title-group><article-title>On <i>mice</i></article-title></title-group>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"/></permissions>
<abstract><p>Mice grew.</p></abstract></article-meta></front>
<body><sec><title>Results</title>
<p>They grew <xref ref-type="bibr">[1]</xref>fast (<xref ref-type="fig">Figure 1</xref>). &secret;</p>
<fig><label>Fig. 1</label><caption><title>Growth.</title><p>Weights.</p></caption>
<graphic xlink:href="a"/></fig></sec></body></article>"""


def png() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(target, "PNG")
    return target.getvalue()


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


def test_jats_articles_read_no_entities(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(ARTICLE)
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "bad.xml").write_text("<article>")
    report = import_jats([str(tmp_path / "x.xml"), str(tmp_path / "bad.xml"), "none.xml"], str(tmp_path / "out"))
    assert report.written == {"train": 1} and len(report.skipped) == 2
    (example,) = read_examples(str(tmp_path / "out"))
    assert (example.id, example.title, example.licence) == ("10.1/x", "On mice", "CC-BY-4.0")
    assert example.summary == "Mice grew."
    assert example.text == "# Results\n\nThey grew fast (Figure 1)."
    assert example.figures[0].caption == "Figure 1: Growth. Weights." and example.figures[0].image


def test_jats_figures_behind_the_body_are_found_or_told_of(tmp_path: Path) -> None:
    start, end = ARTICLE.index("<fig>"), ARTICLE.index("</sec></body>")
    figure = ARTICLE[start:end]
    lost = figure.replace("Fig. 1", "Fig. 2").replace('"a"', '"gone"')
    behind = f"</sec></body><floats-group>{figure}<fig-group>{lost}</fig-group></floats-group>"
    (tmp_path / "x.xml").write_text(ARTICLE[:start] + ARTICLE[end:].replace("</sec></body>", behind))
    (tmp_path / "a.png").write_bytes(png())
    report = import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert [figure.caption for figure in example.figures] == ["Figure 1: Growth. Weights."]
    assert [Path(name).name for name in report.broken] == ["gone"]


def test_jats_lists_stand_apart_and_once(tmp_path: Path) -> None:
    items = "<list-item><label>1.</label><p>first item</p></list-item><list-item><p>second <b>it</b>em</p></list-item>"
    article = ARTICLE.replace("Mice grew.", f"Mice:<list>{items}</list>they grew.").replace(
        "&secret;", f"<list>{items}</list>"
    )
    (tmp_path / "x.xml").write_text(article.replace("</fig>", f"</fig><list>{items}</list>"))
    (tmp_path / "a.png").write_bytes(png())
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.summary == "Mice: 1. first item second item they grew."
    _, paragraph, *rest = example.text.split("\n\n")
    assert paragraph == "They grew fast (Figure 1). 1. first item second item"
    assert rest == ["first item", "second item"]


def test_folder_with_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_text("# Title\n\nSome words about a matter of interest.\n")
    table = tmp_path / "gold.csv"
    table.write_text("file,summary,licence\na.md,Words.,CC0\nb.md,None.,\n../gold.csv,Out.,\na.md,,\n")
    report = import_folder(str(folder), str(table), str(tmp_path / "out"))
    assert report.written == {"train": 1} and set(report.skipped) == {"b.md", "../gold.csv", "a.md"}
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.summary == "Words." and "matter of interest" in example.text and example.licence == "CC0"


def test_missing_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="papers.jsonl"):
        import_markdown(str(tmp_path), str(tmp_path / "out"))
    (tmp_path / "t.csv").write_text("name\nx\n")
    with pytest.raises(SourceError, match="file and summary"):
        import_folder(str(tmp_path), str(tmp_path / "t.csv"), str(tmp_path / "out"))
