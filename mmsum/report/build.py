"""From an output folder to its HTML page: rows from Parquet, pictures from stored crops or, without those, the sources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from mmsum import storage
from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.errors import (
    DocumentFailure,
    ObjectChanged,
    ObjectForbidden,
    ObjectNotFound,
    OutputError,
    SourceError,
    StorageError,
)
from mmsum.pipeline.reading import Crops, read_summaries
from mmsum.pipeline.snapshots import Snapshot, latest_snapshot
from mmsum.records import ObjectRef
from mmsum.report.page import Row, render_report

BATCH = 64
"""Rows turned from Arrow into Python at a time."""


def write_report(out: str, to: str | None = None) -> str:
    """Writes the page of an output to `to` (default OUT/report.html) and returns its URI.

    Raises SourceError when nothing was summarized there, OutputError when the page cannot be written, StorageError when
    a store is in trouble.
    """
    out = storage.normalize(out)
    snapshot = latest_snapshot(out)
    table = read_summaries(out)
    if snapshot is None or table.num_rows == 0:
        raise SourceError(f"{out}: no summaries there yet; run mmsum summarize SRC {out} first")
    target = storage.normalize(to) if to else storage.join(out, "report.html")
    with _Pictures(out, snapshot) as pictures:
        about = _about(snapshot, table)
        page = b"".join(
            render_report(
                _rows(table), pictures, title=f"Summaries of {snapshot.source}", about=about, count=table.num_rows
            )
        )
    try:
        storage.put(target, page)
    except StorageError as error:
        raise OutputError(f"{target}: the report cannot be written: {error}; choose another place with --to") from error
    return target


def _rows(table: pa.Table) -> Iterator[Row]:
    for batch in table.to_batches(max_chunksize=BATCH):
        yield from batch.to_pylist()


def _about(snapshot: Snapshot, table: pa.Table) -> dict[str, str]:
    finished: list[datetime] = table["finished_at"].to_pylist()
    models = sorted(set(table["model"].to_pylist()) - {""})
    return {
        "Source": snapshot.source,
        "Output": snapshot.out,
        "Model": ", ".join(models),
        "Config": ", ".join(sorted(set(table["config"].to_pylist()))),
        "Snapshot": str(snapshot.number),
        "Written": f"{min(finished):%Y-%m-%d %H:%M} to {max(finished):%Y-%m-%d %H:%M} UTC",
    }


class _Pictures:
    """row -> one encoded picture per figure. Stored crops first; else rendered from the source, if it is still the same."""

    def __init__(self, out: str, snapshot: Snapshot) -> None:
        self.crops = Crops(out)
        self.limits = Limits.model_validate(_section(snapshot, "limits"))
        self.parser = Parser(self.limits, Figures.model_validate(_section(snapshot, "figures")))

    def __enter__(self) -> _Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self.parser.close()

    def __call__(self, row: Row) -> list[bytes]:
        figures = row["figures"] or []
        stored = [self.crops.get(row["snapshot"], row["document_id"], index) for index in range(len(figures))]
        if not figures or any(stored):
            return stored
        places = [(figure["page"], tuple(figure["bbox"])) for figure in figures]
        try:
            data = storage.read(row["uri"], version=row["version"], max_bytes=self.limits.bytes)
            return self.parser.render(ObjectRef(row["uri"], len(data), row["version"]), data, places, PICTURE_SIDE)
        except (ObjectNotFound, ObjectForbidden, ObjectChanged, DocumentFailure):
            return stored  # moved, locked, changed or unreadable since: the page shows captions only


PICTURE_SIDE = 640
"""Longest side of a picture rendered for the page, in pixels; the page scales it down to what it has room for."""


def _section(snapshot: Snapshot, name: str) -> dict[str, object]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in snapshot.answers.items() if key.startswith(prefix)}
