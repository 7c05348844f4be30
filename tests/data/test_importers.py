"""Importers: what becomes an example, and what is counted instead."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from mmsum.cli import main
from mmsum.data.files import read_examples, write_splits
from mmsum.data.importers.folder import import_folder
from mmsum.data.importers.jats import import_jats
from mmsum.data.importers.markdown import import_markdown
from mmsum.data.importers.report import ImportReport
from mmsum.errors import SourceError, UsageError
from mmsum.examples import Example

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


def write_table(folder: Path, text: str) -> tuple[str, str, str]:
    """What import_folder takes: documents a.md and b.md, a CSV of that text, OUT."""
    (folder / "documents").mkdir()
    for name in ("a.md", "b.md"):
        (folder / "documents" / name).write_text(f"# Title\n\nSome words about a matter of interest, {name}.\n")
    (folder / "gold.csv").write_bytes(text.encode())
    return str(folder / "documents"), str(folder / "gold.csv"), str(folder / "out")


def left_out(report: ImportReport, folder: Path) -> dict[str, str]:
    """Items of the folder -> why they have no example."""
    return {item.removeprefix(f"{folder}/"): reason for item, reason in report.skipped.items()}


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
    text = "\n".join(
        ["file,summary,licence", "a.md,Words.,CC0", "c.md,None.,", ",,", "../gold.csv,Out.,", "a.md,,", "a.md"]
    )
    report = import_folder(*write_table(tmp_path, text))
    assert report.written == {"train": 1} and left_out(report, tmp_path) == {
        "gold.csv:3, c.md": "is not a file of the folder that can be read",
        "gold.csv:5, ../gold.csv": "is not a file of the folder that can be read",
        "gold.csv:6, a.md": "has no summary",
        "gold.csv:7, a.md": "has no summary",
    }
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.summary == "Words." and "matter of interest" in example.text and example.licence == "CC0"


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


def test_no_summary_is_cut_at_a_comma(tmp_path: Path) -> None:
    text = 'file,summary,\r\na.md,One, two.\r\nb.md,One, two, three.\r\na.md, "One, ""two""\r\n\r\nlines.",,\r\nb.md,One,\r\n'
    report = import_folder(*write_table(tmp_path, text))
    assert set(left_out(report, tmp_path)) == {"gold.csv:2, a.md", "gold.csv:3, b.md"}
    assert all("more fields than the header" in reason for reason in report.skipped.values())
    assert [example.summary for example in read_examples(str(tmp_path / "out"))] == ['One, "two"\r\n\r\nlines.', "One"]


def test_a_table_of_pandas_has_a_column_without_a_name(tmp_path: Path) -> None:
    report = import_folder(*write_table(tmp_path, ",file,summary\n0,a.md,One.\n1,b.md,Two, three.\n"))
    assert report.written == {"train": 1} and set(left_out(report, tmp_path)) == {"gold.csv:3, b.md"}


def test_a_stray_quote_costs_one_line(tmp_path: Path) -> None:
    lines = ["file,summary", 'a.md, "Big" results.', '"a.md" ,"One."', 'a.md,"Two.', 'a.md,"Three."', "b.md,Good.", ""]
    report = import_folder(*write_table(tmp_path, "\n".join(lines)))
    assert report.written == {"train": 1}
    left = left_out(report, tmp_path)
    assert set(left) == {"gold.csv:2", "gold.csv:3", "gold.csv:4"}
    assert "lines 4 to 5 cannot be read" in left["gold.csv:4"] and "close each quote" in left["gold.csv:4"]


def test_a_column_may_hold_whole_documents(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    report = import_folder(*write_table(tmp_path, f"file,text,summary\na.md,{'word ' * 30_000},One.\n"))
    assert report.written == {"train": 1} and csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'file,summary\na.md,One.\nb.md,"Two.\na.md,Three.\n',
            "what begins in line 3 cannot be read .* close each quote",
        ),
        ('file,summary\na.md,"One" two.\nb.md,"Two.\n', "what begins in line 3 cannot be read"),
        ('\n"file" ,summary\na.md,One.\n', "what begins in line 2 cannot be read"),
        ("file,summary,split,summary\na.md,One.,test,\n", "column 'summary' stands twice"),
        ("file;summary\na.md;One.\n", "found one column 'file;summary': separate columns by commas"),
        ("name,summary\na.md,One.\n", "found the columns 'name', 'summary'"),
        ("file,summary\n", "a line per document"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        import_folder(*write_table(tmp_path, text))


def test_a_table_of_another_encoding_is_refused(tmp_path: Path) -> None:
    arguments = write_table(tmp_path, "")
    Path(arguments[1]).write_bytes("file,summary\na.md,Grüße.\n".encode("latin-1"))
    with pytest.raises(SourceError, match="is not UTF-8; save it as UTF-8"):
        import_folder(*arguments)


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


def test_jats_articles_without_a_doi_have_ids_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    doi = '<article-id pub-id-type="doi">10.1/x</article-id>'
    journal = "<journal-meta><journal-id>jm</journal-id></journal-meta><article-meta>"
    article = ARTICLE.replace("<article-meta>", journal)
    given = {
        "x": "",
        "y\udcff": "",
        "z": '<article-id pub-id-type="publisher-id">7</article-id>',
        "w": '<article-id pub-id-type="publisher-id">7</article-id><article-id pub-id-type="pmid">7</article-id>',
    }
    for folder, ids in given.items():
        Path(folder).mkdir()
        Path(folder, "article.xml").write_text(article.replace(doi, ids))
    report = import_jats([f"{folder}/article.xml" for folder in given], "out")
    assert report.written == {"train": 4}
    ids = [example.id for example in read_examples("out")]
    assert ids == ["x/article", "y\\xff/article", "publisher-id:jm 7", "pmid:7"]


def test_jats_boxes_hold_neither_rights_nor_headings(tmp_path: Path) -> None:
    rights = "<permissions><copyright-statement>(c) 2013, X</copyright-statement></permissions>"
    inner = "<sec><title>Inner</title><p>Deep<index-term><term>depth</term></index-term>.</p></sec>"
    boxes = (
        f"<boxed-text><object-id>10.1/x.009</object-id><label>Box 1.</label><p>Inside.</p>{rights}</boxed-text>"
        f"<boxed-text><sec><title>Box</title><p>In.</p>{inner}</sec><attrib>By X</attrib></boxed-text><p>After.</p>"
    )
    (tmp_path / "x.xml").write_text(ARTICLE.replace("</fig>", f"</fig>{boxes}"))
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.text.split("\n\n")[2:] == ["Box 1.", "Inside.", "Box", "In.", "Inner", "Deep.", "After."]


def test_jats_blocks_of_all_kinds_are_text(tmp_path: Path) -> None:
    blocks = (
        "<def-list><def-item><term>Mouse</term><def><p>A rodent.</p></def></def-item></def-list>"
        "<preformat># weigh\n  all</preformat>"
        "<statement><label>Theorem 1</label><p>They grow.</p></statement>"
        "<verse-group><verse-line>Oh mice,</verse-line><verse-line>grow on.</verse-line></verse-group>"
        "<strange>Unheard <b>of</b>.</strange><odd><p>First.</p><p>Second.</p></odd>"
        "<boxed-text><sec><title>Aside</title><p>Boxed.</p><fig><caption><p>Seen.</p></caption></fig></sec></boxed-text>"
        "<disp-formula>x = y</disp-formula><table-wrap><label>Table 1</label></table-wrap>"
    )
    (tmp_path / "x.xml").write_text(ARTICLE.replace("</fig>", f"</fig>{blocks}"))
    import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert example.text.split("\n\n")[2:] == [
        *(
            "Mouse A rodent.",
            "weigh all",
            "Theorem 1",
            "They grow.",
            "Oh mice, grow on.",
            "Unheard of.",
            "First.",
            "Second.",
        ),
        *("Aside", "Boxed."),
    ]


def test_jats_panels_of_a_figure_are_figures(tmp_path: Path) -> None:
    forms = '<alternatives><graphic xlink:href="b.eps"/><graphic xlink:href="b"/></alternatives>'
    graphics = f'<graphic xlink:href="a"/>{forms}<graphic xlink:href="gone"/>'
    (tmp_path / "x.xml").write_text(ARTICLE.replace('<graphic xlink:href="a"/>', graphics))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "b.eps").write_bytes(b"%!PS: no image that Pillow reads")
    report = import_jats([str(tmp_path / "x.xml")], str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert [figure.caption for figure in example.figures] == ["Figure 1: Growth. Weights."] * 2
    assert [Path(name).name for name in report.broken] == ["gone"]


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


def test_an_import_of_nothing_ends_in_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "papers.jsonl").write_text("no JSON\n" + json.dumps({**PAPER, "doi": None}))
    source, out = str(tmp_path / "papers.jsonl"), str(tmp_path / "out")
    assert main(["data", "import-markdown", source, out, "--licence", "CC0"]) == 2
    printed = capsys.readouterr()
    assert "papers.jsonl:1: is no JSON" in printed.out
    assert "nothing was written to" in printed.err and "1 left out and 1 under another licence" in printed.err
    assert main(["data", "import-jats", source, out, "--split", "../x"]) == 2
    assert "cannot be a folder's name" in capsys.readouterr().err
