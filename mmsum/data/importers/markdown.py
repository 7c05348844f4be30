"""papers.jsonl -> examples: one JSON object a line with title, body (Markdown), summary, split, licence and figures.

`[Figure N]` alone in the body marks the place of figure N and is dropped; the figure's label keeps the tie.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmsum.data.files import split_name, write_splits
from mmsum.data.importers.report import ImportReport, read_figure
from mmsum.errors import SourceError, UsageError
from mmsum.examples import Example, ExampleFigure


def import_markdown(source: str, out: str, licence: str | None = None) -> ImportReport:
    """Examples of a .jsonl file or of all *papers.jsonl below a folder; `figures[].file` is relative to that folder.

    Raises SourceError where there is no list, OutputError where `out` is taken.
    """
    path = Path(source)
    lists = [path] if path.is_file() else sorted(path.glob("**/*papers.jsonl"))
    if not lists:
        raise SourceError(f"{source}: no papers.jsonl there; give such a file or a folder that holds some")
    report = ImportReport()
    report.written = write_splits(out, (e for papers in lists for e in _examples(papers, licence, report)))
    return report


def _examples(papers: Path, licence: str | None, report: ImportReport) -> Iterator[Example]:
    try:
        # Lines end where bytes say so: text would also end at U+2028 and its like.
        with papers.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if not line.strip():
                    continue
                item = f"{papers}:{number}"
                try:
                    row = _row(line)
                    if licence and licence_of(row) != licence:
                        report.other_licence += 1
                        continue
                    example = _example(row, papers, item, report)
                except ValueError as error:
                    report.skipped[item] = str(error)
                else:
                    if report.takes(item, example):
                        yield example
    except OSError as error:
        report.skipped[str(papers)] = f"cannot be read: {error}"


def _row(line: bytes) -> dict[str, Any]:
    """Raises ValueError, with a reason to show, where the line is no JSON object of UTF-8."""
    try:
        row = json.loads(line.decode())
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8; save the list as UTF-8") from error
    except UnicodeEncodeError as error:  # no file can hold what \ud800 alone names in JSON
        raise ValueError("holds half a character, such as \\ud800 without the other half") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError("is no JSON object; write one a line")
    return row


def _text(row: dict[str, Any], key: str) -> str:
    """The row's text, or number as text; empty where there is none. Raises ValueError where it is anything else."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise ValueError(f"{key} is no text")
    return "" if value is None else str(value).strip()


def licence_of(row: dict[str, Any]) -> str:
    """The licence of the row. A paper with a DOI of JOSS or JOSE is published under CC-BY-4.0, whatever its code has.

    Raises ValueError where the row's DOI or licence is no text.
    """
    doi = re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", "", _text(row, "doi"), flags=re.IGNORECASE)
    return "CC-BY-4.0" if doi.startswith("10.21105/") else _text(row, "license") or "unknown"


def _example(row: dict[str, Any], papers: Path, item: str, report: ImportReport) -> Example:
    needed = {key: _text(row, key) for key in ("id", "summary", "body")}
    if missing := [key for key, text in needed.items() if not text]:
        raise ValueError(f"has no {' and no '.join(missing)}")
    doi = _text(row, "doi")
    body = needed["body"].replace("\r\n", "\n")
    text = re.sub(r"^[ \t]*\[Figure \d+\][ \t]*$", "", body, flags=re.MULTILINE)
    return Example(
        id=needed["id"],
        title=_text(row, "title"),
        text=re.sub(r"\n{3,}", "\n\n", text).strip(),
        figures=_figures(row.get("figures") or [], papers.parent, item, report),
        summary=needed["summary"],
        split=_text(row, "split") or _folder_split(papers),
        source=f"{_text(row, 'source') or 'markdown'} {doi or _text(row, 'repo') or needed['id']}",
        licence=licence_of(row),
    )


def _folder_split(papers: Path) -> str:
    """The name of the list's folder; train where no split can be called so, as where the list's path names no folder."""
    try:
        return split_name(papers.parent.name)
    except UsageError:
        return "train"


def _figures(given: Any, root: Path, item: str, report: ImportReport) -> list[ExampleFigure]:
    """The figures whose images are there; the others count as missing."""
    if not isinstance(given, list):
        raise ValueError("figures is no list")
    figures = []
    for number, entry in enumerate(given, start=1):
        label, file = f"Figure {number}", entry.get("file") if isinstance(entry, dict) else None
        if not isinstance(file, str):
            report.broken.append(f"{item}, {label} (no file is named)")
            continue
        # Files are relative to the list's folder or, where lists lie in folders by split, to the one above.
        base = root if os.path.isfile(root / file) else root.parent
        caption = _text(entry, "caption") or _text(entry, "alt")
        if figure := read_figure([base / file], base, label, caption, item, report):
            figures.append(figure)
    return figures
