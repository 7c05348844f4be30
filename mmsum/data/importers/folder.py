"""A folder of documents and a CSV of their summaries -> examples, read as `mmsum summarize` reads them."""

from __future__ import annotations

import csv
import os
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
    """Examples of the CSV's lines: columns file and summary; split (default train), licence and title where given.

    Raises SourceError where the folder or the CSV cannot be read, a quote in it is not closed, or its columns are missing
    or stand twice; OutputError where `out` is taken.
    """
    root, report = Path(folder), ImportReport()
    config = config or Config()
    header, *rows = _rows(root, Path(table))
    columns = _columns(Path(table), header)
    with Parser(config.limits, config.figures) as parser:
        for row in rows:
            line = dict(zip_longest(columns, row.fields[: len(columns)], fillvalue=""))
            item = f"{table}:{row.number}, {line['file']}"
            if any(value.strip() for name, value in zip_longest(columns, row.fields, fillvalue="") if not name):
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
                else:
                    report.add(item, _example(document, line, report))
    report.written = write_splits(out, report.examples)
    return report


class _Row(NamedTuple):
    number: int  # of the line it begins in: a quoted field may hold some
    fields: list[str]


def _rows(root: Path, table: Path) -> list[_Row]:
    """The header and the lines of the CSV that are not empty."""
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder")
    rows, begun = list[_Row](), 1
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True, skipinitialspace=True)
            for fields in reader:
                rows += [_Row(begun, fields)] if any(field.strip() for field in fields) else []
                begun = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise SourceError(f"{table}: is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        hint = "close each quote, and write one inside a quoted field twice"
        raise SourceError(f"{table}: what begins in line {begun} cannot be read ({error}); {hint}") from error
    except OSError as error:
        raise SourceError(f"{table}: cannot be read: {error}") from error
    if len(rows) < 2:
        raise SourceError(f"{table}: needs a header with the columns file and summary, and a line per document")
    return rows


def _columns(table: Path, header: _Row) -> list[str]:
    columns = [name.strip() for name in header.fields]
    if repeated := next((name for name in columns if name and columns.count(name) > 1), ""):
        raise SourceError(f"{table}: the column {repeated!r} stands twice in the header; name each once")
    if not {"file", "summary"} <= set(columns):
        names = ", ".join(repr(name[:80]) for name in columns)
        found = f"the columns {names}" if len(columns) > 1 else f"one column {names}"
        raise SourceError(f"{table}: found {found}: separate columns by commas, file and summary among them")
    return columns


def _read(root: Path, name: str) -> bytes | None:
    """The file of that name below `root`; None where it is outside, missing, or cannot be read."""
    try:
        path = (root / name).resolve()
        return path.read_bytes() if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # a name may be too long or hold a null byte
        return None


def _example(document: Document, line: dict[str, str], report: ImportReport) -> Example:
    name = os.path.normpath(line["file"])  # ./a.md is a.md
    blocks: list[str] = []
    for section in document.sections:
        blocks += [f"# {section.heading}"] if section.heading else []
        blocks += [section.text] if section.text else []
    figures = []
    for figure in document.figures:
        if is_image(figure.image):
            box = list(figure.bbox)
            figures.append(ExampleFigure(figure.label, figure.caption, figure.image, figure.page, box, figure.kind))
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
        licence=line.get("licence") or "unknown",
    )
