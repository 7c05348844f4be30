"""A folder of documents and a CSV of their summaries -> examples, read as `mmsum summarize` reads them."""

from __future__ import annotations

import csv
from pathlib import Path

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

    Raises SourceError where the folder or the CSV cannot be read or the columns are missing.
    """
    root, report, examples = Path(folder), ImportReport(), list[Example]()
    config = config or Config()
    with Parser(config.limits, config.figures) as parser:
        for line in _lines(root, Path(table)):
            path = (root / line["file"]).resolve()
            if not line["summary"].strip():
                report.skipped[line["file"]] = "has no summary"
            elif not path.is_relative_to(root.resolve()) or not path.is_file():
                report.skipped[line["file"]] = "is not a file of the folder"
            else:
                data = path.read_bytes()
                document = parser.parse(ObjectRef(path.as_uri(), len(data), ""), data)
                if document.failure_kind or not document.text.strip():
                    reason = document.failure_message or "holds no text"
                    report.skipped[line["file"]] = f"{document.failure_kind or 'empty'}: {reason}"
                else:
                    examples.append(_example(document, line, report))
    report.written = write_splits(out, examples)
    return report


def _lines(root: Path, table: Path) -> list[dict[str, str]]:
    if not root.is_dir():
        raise SourceError(f"{root}: is not a folder")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = [{key: value or "" for key, value in line.items() if key} for line in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{table}: cannot be read: {error}") from error
    if not lines or not {"file", "summary"} <= set(lines[0]):
        raise SourceError(f"{table}: needs a header with the columns file and summary, and a line per document")
    return lines


def _example(document: Document, line: dict[str, str], report: ImportReport) -> Example:
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
            report.broken.append(f"{line['file']}, {figure.label or 'a figure'} on page {figure.page}")
    return Example(
        id=line["file"],
        title=line.get("title") or document.title,
        text="\n\n".join(blocks),
        figures=figures,
        summary=line["summary"].strip(),
        split=line.get("split") or "train",
        source="folder",
        licence=line.get("licence") or "unknown",
    )
