"""A folder with a table of summaries: which lines become examples, and which tables are refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mmsum.data.files import read_examples
from mmsum.data.importers.folder import import_folder
from mmsum.data.synthetic.pdf import with_pdf
from mmsum.data.synthetic.report import plan_report
from mmsum.errors import SourceError
from mmsum.examples import to_document
from tests.data.importers.samples import left_out, write_table


def test_folder_with_a_table(tmp_path: Path) -> None:
    text = "\n".join(
        ["file,summary,license", "a.md,Words.,CC0", "c.md,None.,", ",,", "../gold.csv,Out.,", "a.md,,", "a.md"]
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


def test_figures_keep_the_text_inside_them(tmp_path: Path) -> None:
    report, pages = with_pdf(plan_report("heldout", 5, 0))  # a vector chart: its letters are letters
    (tmp_path / "a.pdf").write_bytes(pages)
    (tmp_path / "gold.csv").write_text(f"file,summary\na.pdf,{report.title}\n")
    import_folder(str(tmp_path), str(tmp_path / "gold.csv"), str(tmp_path / "out"))
    (example,) = read_examples(str(tmp_path / "out"))
    assert [figure.label for figure in example.figures] == [figure.label for figure in report.figures]
    assert len(example.figures[0].text.split()) > 4
    assert example.figures[0].text not in example.text
    assert to_document(example).figures[0].text == example.figures[0].text


def test_a_table_of_another_encoding_is_refused(tmp_path: Path) -> None:
    arguments = write_table(tmp_path, "")
    Path(arguments[1]).write_bytes("file,summary\na.md,Grüße.\n".encode("latin-1"))
    with pytest.raises(SourceError, match="is not UTF-8; save it as UTF-8"):
        import_folder(*arguments)


def test_comments_in_code_are_no_headings_and_names_are_found(tmp_path: Path) -> None:
    folder, *others = write_table(tmp_path, "File , SUMMARY\na.md ,One.\nb.md,Two.\nU\u0308bersicht.md,Three.\n")
    Path(folder, "a.md").write_text(
        "# Tool\n\n## Install\n\nRun this:\n\n```\n# a comment\npip install x\n```\n\nThe end."
    )
    Path(folder, "Übersicht.md").write_text("It tells of a matter of interest.")
    report = import_folder(folder, *others)  # type: ignore[arg-type]
    assert report.skipped == {} and report.written == {"train": 3}
    first = next(iter(read_examples(str(tmp_path / "out"))))
    assert [section.heading for section in to_document(first).sections] == ["Install"]
    assert "a comment\npip install x" in first.text
