"""papers.jsonl -> examples: one JSON object a line with title, body (Markdown), summary, split, licence and figures.

`[Figure N]` alone in the body marks the place of figure N and is dropped; the figure's label keeps the tie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmsum.data.files import write_splits
from mmsum.data.importers.report import ImportReport, read_figure
from mmsum.errors import SourceError
from mmsum.examples import Example, ExampleFigure


def import_markdown(source: str, out: str, licence: str | None = None) -> ImportReport:
    """Examples of a .jsonl file or of all */papers.jsonl below a folder; `figures[].file` is relative to that folder.

    Raises SourceError where there is no list, OutputError where `out` is taken.
    """
    path = Path(source)
    lists = [path] if path.is_file() else sorted(path.glob("**/*papers.jsonl"))
    if not lists:
        raise SourceError(f"{source}: no papers.jsonl there; give such a file or a folder that holds some")
    report = ImportReport()
    examples = [example for papers in lists for example in _read_list(papers, licence, report)]
    report.written = write_splits(out, examples)
    return report


def _read_list(papers: Path, licence: str | None, report: ImportReport) -> Iterator[Example]:
    for number, line in enumerate(papers.read_text(encoding="utf-8").splitlines(), start=1):
        name = f"{papers}:{number}"
        try:
            row = json.loads(line)
            if licence and licence_of(row) != licence:
                report.other_licence += 1
                continue
            yield _example(row, papers, report)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            report.skipped[name] = f"{type(error).__name__}: {error}"


def licence_of(row: dict[str, Any]) -> str:
    """The licence of the row. A paper with a DOI of JOSS or JOSE is published under CC-BY-4.0, whatever its code has."""
    doi = row.get("doi") or ""
    return "CC-BY-4.0" if doi.startswith("10.21105/") else str(row.get("license") or "unknown")


def _example(row: dict[str, Any], papers: Path, report: ImportReport) -> Example:
    if not row["summary"].strip() or not row["body"].strip():
        raise ValueError("has no summary or no body")
    figures: list[ExampleFigure] = []
    root = papers.parent
    for number, given in enumerate(row.get("figures") or [], start=1):
        # Files are relative to the list's folder or, where lists lie in folders by split, to the one above.
        base = root if (root / given["file"]).is_file() else root.parent
        caption = given.get("caption") or given.get("alt") or ""
        if figure := read_figure(base / given["file"], base, f"Figure {number}", caption, report):
            figures.append(figure)
    text = re.sub(r"^[ \t]*\[Figure \d+\][ \t]*$", "", row["body"], flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    source = str(row.get("source") or "markdown")
    return Example(
        id=str(row["id"]),
        title=str(row.get("title") or ""),
        text=text,
        figures=figures,
        summary=row["summary"].strip(),
        split=str(row.get("split") or papers.parent.name or "train"),
        source=f"{source} {row['doi']}" if row.get("doi") else f"{source} {row.get('repo') or row['id']}",
        licence=licence_of(row),
    )
