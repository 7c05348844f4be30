"""A folder of documents and a CSV of their summaries -> examples, read as `mmsum summarize` reads them."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from mmsum.config import Config
from mmsum.data.files import write_splits
from mmsum.data.importers.report import ImportReport
from mmsum.documents.parse import Parser
from mmsum.errors import SourceError
from mmsum.examples import Example, ExampleFigure
from mmsum.images import is_image
from mmsum.records import Document, ObjectRef


def import_folder(folder: str, table: str, out: str, config: Config | None = None) -> ImportReport:
    """Examples of the CSV's lines: columns file and summary; split (default train), licence (or license) and title where given.

    Raises SourceError where the folder, the CSV or its header cannot be read, a quote is not closed up to the CSV's end, or
    columns are missing or stand twice; OutputError where `out` is taken.
    """
    report = ImportReport()
    with closing(_examples(Path(folder), Path(table), config or Config(), report)) as examples:
        report.written = write_splits(out, examples)
    return report


def _examples(root: Path, table: Path, config: Config, report: ImportReport) -> Generator[Example, None, None]:
    header, *rows = _rows(root, table)
    columns = _columns(table, header)
    # Only behind the last name are values surplus: a column without one before it is an index, as pandas writes.
    named = max(number for number, name in enumerate(columns, start=1) if name)
    with Parser(config.limits, config.figures) as parser:
        for row in rows:
            if row.error:
                report.skipped[f"{table}:{row.number}"] = row.error
                continue
            line = dict(zip_longest(columns, row.fields[: len(columns)], fillvalue=""))
            line["file"] = line["file"].strip()
            item = f"{table}:{row.number}, {line['file']}"
            if any(value.strip() for value in row.fields[named:]):
                report.skipped[item] = (
                    "has more fields than the header names; put a text that holds a comma in double quotes"
                )
            elif not line["summary"].strip():
                report.skipped[item] = "has no summary"
            elif (data := _read(root, line["file"])) is None:
                report.skipped[item] = "is not a file of the folder that can be read"
            else:
                uri = (root / line["file"]).resolve().as_uri()
                document = parser.parse(ObjectRef(uri, len(data), ""), data)
                if document.failure_kind or not document.text.strip():
                    reason = document.failure_message or "holds no text"
                    report.skipped[item] = f"{document.failure_kind or 'empty'}: {reason}"
                elif report.takes(item, example := _example(document, line, report)):
                    yield example


class _Row(NamedTuple):
    number: int  # of the line it begins in: a quoted field may hold some
    fields: list[str]
    error: str = ""  # why it cannot be read


_FIELD_MOST = 2**31 - 1
"""Characters of a field: a column may hold whole documents, and csv's own limit is 131,072."""


def _rows(root: Path, table: Path) -> list[_Row]:
    """The header and the lines of the CSV that are not empty."""
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder")
    others_limit = csv.field_size_limit(_FIELD_MOST)
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(_records(table, stream))
    except UnicodeDecodeError as error:
        raise SourceError(f"{table}: is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise SourceError(f"{table}: cannot be read: {error}") from error
    finally:
        csv.field_size_limit(others_limit)
    if len(rows) < 2:
        raise SourceError(f"{table}: needs a header with the columns file and summary, and a line per document")
    return rows


def _records(table: Path, stream: Iterable[str]) -> Iterator[_Row]:
    """All that are not empty. Raises SourceError where the header cannot be read or a quote is still open at the end."""
    reader = csv.reader(stream, strict=True, skipinitialspace=True)
    has_header = False
    while True:
        begun = reader.line_num + 1
        try:
            row = _Row(begun, next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            lines = f"line {begun}" if reader.line_num <= begun else f"lines {begun} to {reader.line_num}"
            reason = f"cannot be read ({error}); close each quote right before a comma, and write one inside twice"
            if not has_header or "unexpected end" in str(error):  # an open quote would take all that follows, unseen
                raise SourceError(f"{table}: what begins in line {begun} {reason}") from error
            row = _Row(begun, [], f"{lines} {reason}")
        if row.error or any(field.strip() for field in row.fields):
            has_header = True
            yield row


def _columns(table: Path, header: _Row) -> list[str]:
    columns = [name.strip().lower() for name in header.fields]
    if repeated := next((name for name in columns if name and columns.count(name) > 1), ""):
        raise SourceError(f"{table}: the column {repeated!r} stands twice in the header; name each once")
    if not {"file", "summary"} <= set(columns):
        names = ", ".join(repr(name[:80]) for name in columns)
        found = f"the columns {names}" if len(columns) > 1 else f"one column {names}"
        raise SourceError(f"{table}: found {found}: separate columns by commas, file and summary among them")
    return columns


def _read(root: Path, name: str) -> bytes | None:
    """The file of that name below `root`; None where it is outside, missing, or cannot be read."""
    # macOS and Linux may write one letter with an accent in two ways.
    for form in dict.fromkeys([name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)]):
        try:
            path = (root / form).resolve()
            if path.is_relative_to(root.resolve()) and path.is_file():
                return path.read_bytes()
        except (OSError, ValueError):  # a name may be too long or hold a null byte
            pass
    return None


_COMMENT = re.compile(r"^#+ ", re.MULTILINE)
"""What would make a heading of a line, as a comment in code has it."""


def _example(document: Document, line: dict[str, str], report: ImportReport) -> Example:
    name = os.path.normpath(line["file"])  # ./a.md is a.md
    blocks: list[str] = []
    for section in document.sections:
        blocks += [f"# {section.heading}"] if section.heading else []
        blocks += [_COMMENT.sub("", section.text)] if section.text else []
    figures = []
    for figure in document.figures:
        if is_image(figure.image):
            box, where = list(figure.bbox), figure.page
            given = ExampleFigure(figure.label, figure.caption, figure.image, where, box, figure.kind, figure.text)
            figures.append(given)
        else:
            report.broken.append(f"{name}, {figure.label or 'a figure'} on page {figure.page}")
    return Example(
        id=name,
        title=line.get("title") or document.title,
        text="\n\n".join(blocks),
        figures=figures,
        summary=line["summary"].strip(),
        split=line.get("split", "").strip() or "train",
        source="folder",
        licence=line.get("licence") or line.get("license") or "unknown",
    )
