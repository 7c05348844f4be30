"""A shard's rows become one Parquet object, created conditionally: its existence is the commit.

Between the generating actors and the commit a shard travels as one Arrow block of ROW_SCHEMA: the summary rows with the
crops of their figures and the shard they belong to.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmsum import storage
from mmsum.errors import RETRYABLE, EnvironmentFailure, FailureKind, StorageError
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.attempts import forget
from mmsum.pipeline.snapshots import check_out_is_here, latest_compaction, list_parts, snapshots
from mmsum.records import (
    CROP_SCHEMA,
    SCHEMA_VERSION,
    SUMMARY_SCHEMA,
    Document,
    Summary,
    SummaryFigure,
    document_id,
)

SHARD_FIELDS = [("shard", pa.int32()), ("shard_ids", pa.string())]
"""The shard a row belongs to, and a hash over the document ids it must hold: checked before the commit."""

ROW_SCHEMA = pa.schema(
    [*SUMMARY_SCHEMA, ("crops", pa.list_(pa.large_binary())), *SHARD_FIELDS, ("seconds_idle", pa.float64())]
)

RECEIPT_SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("created", pa.bool_()),  # False: somebody else had committed it
        ("documents", pa.int64()),
        ("counts", pa.string()),  # JSON: {"ok": n, "partial": n, "failed": n, "deleted": n}
        ("failures", pa.string()),  # JSON: {failure kind: n}
        ("pages", pa.int64()),
        ("figures", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds_fetch", pa.float64()),
        ("seconds_parse", pa.float64()),
        ("seconds_generate", pa.float64()),
        ("seconds_commit", pa.float64()),
        ("seconds_idle", pa.float64()),
        ("slowest", pa.string()),  # JSON: [[seconds, URI], ...] of the slowest documents
        ("lost_attempts", pa.int64()),  # attempts at its documents beyond one each
    ]
)

SLOWEST = 3
"""Documents of a shard that its receipt names as the slowest."""


def hash_ids(ids: Iterable[str]) -> str:
    """One hash over a set of document ids, independent of order; duplicates change it."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def to_summary(document: Document, draft: Draft, *, model: str, config: str, snapshot: int) -> Summary:
    """The row of one document from what was parsed and what was written."""
    kind = draft.failure_kind or (FailureKind(document.failure_kind) if document.failure_kind else None)
    message = "; ".join(m for m in (document.failure_message, draft.failure_message) if m)
    if document.status == "failed":
        status = "failed"
    elif not draft.text:
        status, kind = "failed", kind or FailureKind.GENERATION_FAILED
    else:
        status = "partial" if kind or document.status == "partial" else "ok"
    figures = [
        SummaryFigure(f.label, f.page, f.bbox, f.caption, f.kind, index in draft.shown, f.width, f.height)
        for index, f in enumerate(document.figures)
    ]
    pages_read = document.pages_read if draft.pages_read is None else min(draft.pages_read, document.pages_read)
    return Summary(
        document_id=document.ref.document_id,
        uri=document.ref.uri,
        version=document.ref.version,
        content_hash=document.content_hash,
        format=document.format,
        language=document.language,
        title=document.title,
        pages_total=document.pages_total,
        pages_read=pages_read,
        tokens_total=draft.tokens_total,
        tokens_read=draft.tokens_read,
        figures=figures,
        summary=draft.text if status != "failed" else "",
        status=status,
        failure_kind=str(kind) if kind and status != "ok" else None,
        failure_message=message or None,
        retryable=kind in RETRYABLE,
        model=model,
        config=config,
        prompt_tokens=draft.prompt_tokens,
        output_tokens=draft.output_tokens,
        seconds_fetch=document.seconds_fetch,
        seconds_parse=document.seconds_parse,
        seconds_generate=draft.seconds,
        snapshot=snapshot,
    )


def tombstone(document: Document, *, model: str, config: str, snapshot: int) -> Summary:
    """The row of a document whose source is gone."""
    ref = document.ref
    return Summary(
        ref.document_id, ref.uri, ref.version, status="deleted", model=model, config=config, snapshot=snapshot
    )


def rows_table(
    rows: list[Summary], documents: list[Document], *, shard: int, shard_ids: str, idle: float, crops: bool
) -> pa.Table:
    """A shard's rows as one block of ROW_SCHEMA."""
    records = []
    for row, document in zip(rows, documents, strict=True):
        images = [figure.image for figure in document.figures] if crops else []
        records.append(
            {**asdict(row), "crops": images, "shard": shard, "shard_ids": shard_ids, "seconds_idle": idle / len(rows)}
        )
    return pa.Table.from_pylist(records, schema=ROW_SCHEMA)


def commit_shard(rows: pa.Table, *, snapshot_out: str, digest: str, write_seconds: float = 0.0) -> pa.Table:
    """Writes one shard (crops first, the summary part alone commits) and returns its receipt (RECEIPT_SCHEMA).

    A store in trouble is asked again for `write_seconds`. Raises EnvironmentFailure when the rows are not exactly the
    planned documents, the store refuses, or this node does not see OUT.
    """
    started = time.perf_counter()
    shard = rows["shard"][0].as_py()
    check_out_is_here(snapshot_out, rows["snapshot"][0].as_py(), platform.node())
    if hash_ids(rows["document_id"].to_pylist()) != rows["shard_ids"][0].as_py():
        raise EnvironmentFailure(
            f"shard {shard}: its rows are not the planned documents; nothing was committed; please report it"
        )
    name = f"part-{shard:06d}.parquet"
    crops = _crops_table(rows)
    if crops.num_rows:
        crops_data, crops_uri = storage.parquet_bytes(crops), storage.join(snapshot_out, "crops", digest, name)
        storage.patiently(lambda: storage.create(crops_uri, crops_data), write_seconds)
    part = storage.parquet_bytes(rows.select(SUMMARY_SCHEMA.names))
    part_uri = storage.join(snapshot_out, "summaries", digest, name)
    created = storage.patiently(lambda: storage.create(part_uri, part), write_seconds)
    with suppress(StorageError):  # marks that stay are never read again; some credentials may not delete
        forget(snapshot_out, digest, shard)
    total = {name: pc.sum(rows[name]).as_py() or 0 for name in _SUMMED}
    receipt = {
        **total,
        "shard": shard,
        "created": created,
        "documents": rows.num_rows,
        "counts": json.dumps(Counter(rows["status"].to_pylist())),
        "failures": json.dumps(Counter(k for k in rows["failure_kind"].to_pylist() if k)),
        "pages": pc.sum(rows["pages_read"]).as_py() or 0,
        "figures": pc.sum(pc.list_value_length(rows["figures"])).as_py() or 0,
        "seconds_commit": time.perf_counter() - started,
        "slowest": json.dumps(_slowest(rows)),
        "lost_attempts": sum(rows["attempts"].to_pylist()) - rows.num_rows,
    }
    return pa.Table.from_pylist([receipt], schema=RECEIPT_SCHEMA)


def _slowest(rows: pa.Table) -> list[tuple[float, str]]:
    columns = (rows[name].to_pylist() for name in ("seconds_fetch", "seconds_parse", "seconds_generate"))
    seconds = [sum(parts) for parts in zip(*columns, strict=True)]
    return sorted(((round(s, 2), uri) for s, uri in zip(seconds, rows["uri"].to_pylist(), strict=True)), reverse=True)[
        :SLOWEST
    ]


_SUMMED = ("prompt_tokens", "output_tokens", "seconds_fetch", "seconds_parse", "seconds_generate", "seconds_idle")


def _crops_table(rows: pa.Table) -> pa.Table:
    records = []
    for row in rows.select(["document_id", "figures", "crops"]).to_pylist():
        for index, (figure, image) in enumerate(zip(row["figures"], row["crops"], strict=False)):
            if image:
                crop = {name: figure[name] for name in ("label", "page", "width", "height")}
                records.append({"document_id": row["document_id"], "figure": index, "image": image, **crop})
    return pa.Table.from_pylist(records, schema=CROP_SCHEMA)


def read_summaries(out: str, columns: Sequence[str] = tuple(SUMMARY_SCHEMA.names)) -> pa.Table:
    """Every document's newest row (that of the highest snapshot), sorted by URI, as SUMMARY_SCHEMA.

    columns: of these alone, `uri` and `snapshot` among them. Rows of earlier schema versions get nulls for columns they did
    not have. Tombstones (`deleted`) are included.
    """
    tables = [table.select(columns) for table in read_parts(row_uris(storage.normalize(out)))]
    table = pa.concat_tables(tables) if tables else SUMMARY_SCHEMA.empty_table().select(columns)
    if table.num_rows == 0:
        return table
    order = pc.sort_indices(
        table.select(["uri", "snapshot"]), sort_keys=[("uri", "ascending"), ("snapshot", "descending")]
    )
    uris = table["uri"].take(order).combine_chunks()
    is_other = pc.not_equal(uris.slice(1), uris.slice(0, len(uris) - 1))
    return _take(table, order.filter(pa.concat_arrays([pa.array([True]), is_other])).to_numpy())


def _take(table: pa.Table, order: np.ndarray[Any, np.dtype[np.uint64]]) -> pa.Table:
    """The rows of `table` in `order`, some at a time: Arrow's own take makes one array of each column, and one of strings
    holds no more than 2 GiB."""
    batches = table.to_batches()
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    taken = []
    for begin in range(0, len(order), ROWS_TAKEN):
        rows = order[begin : begin + ROWS_TAKEN].astype(np.int64)
        held = np.searchsorted(starts, rows, side="right") - 1  # the batch that holds each row
        by_batch = np.argsort(held, kind="stable")
        cuts = np.flatnonzero(np.diff(held[by_batch])) + 1
        groups = [group for group in np.split(by_batch, cuts) if len(group)]
        pieces = [batches[held[group[0]]].take(pa.array(rows[group] - starts[held[group[0]]])) for group in groups]
        taken.append(pa.Table.from_batches(pieces).take(pa.array(np.argsort(by_batch))))
    return pa.concat_tables(taken) if taken else table.slice(0, 0)


ROWS_TAKEN = 10_000
"""Of 200 kB each they still fit."""


def row_uris(out: str) -> list[str]:
    """The objects that hold an output's rows: the newest compaction's parts, and those of snapshots it does not cover."""
    compaction = latest_compaction(out)
    covered = compaction.covers if compaction else []
    known = {snapshot.digest for snapshot in snapshots(out)} - set(covered)
    compacted = [compaction.part_uri(out, file) for file in range(compaction.files)] if compaction else []
    return compacted + [uri for digest, _, uri in sorted(list_parts(out)) if digest in known]


def read_parts(uris: Iterable[str]) -> Iterator[pa.Table]:
    """Each object's rows as SUMMARY_SCHEMA, in order, read a few at a time."""
    uris = list(uris)
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(uris), READERS):
            yield from readers.map(_read_part, uris[start : start + READERS])


READERS = 16
"""Parts read at once: on an object store a small read is mostly waiting."""


def unread(out: str, retry: str) -> dict[str, str]:
    """{URI: status} of the documents whose newest row is "failed"; with "partial" also of those that were read in part."""
    table = read_summaries(out, ("uri", "snapshot", "status"))
    wanted = pa.array(["failed", "partial"] if retry == "partial" else ["failed"])
    rows = table.filter(pc.is_in(table["status"], wanted))
    return dict(zip(rows["uri"].to_pylist(), rows["status"].to_pylist(), strict=True))


class Crops(Mapping[tuple[int, str, int], bytes]):
    """(snapshot number, document id, figure index) -> encoded picture, of all stored crops; empty when none were asked for.

    Of each snapshot one part is held at a time: in the order of URIs, which is that of shards, each is read once.
    """

    def __init__(self, out: str) -> None:
        out = storage.normalize(out)
        stored = {ref.uri for ref in storage.list_folder(storage.join(out, "crops"))}
        self.parts: dict[tuple[int, str], str] = {}
        self.held: dict[int, tuple[str, dict[tuple[str, int], bytes]]] = {}
        for snapshot in snapshots(out) if stored else []:
            for shard, table in enumerate(snapshot.shard_tables(range(snapshot.shards))):
                if (part := snapshot.crops_uri(shard)) in stored:
                    ids = map(document_id, table["uri"].to_pylist())
                    self.parts |= {(snapshot.number, name): part for name in ids}

    def __getitem__(self, key: tuple[int, str, int]) -> bytes:
        snapshot, name, figure = key
        return self._read(snapshot, self.parts[snapshot, name])[name, figure]

    def __iter__(self) -> Iterator[tuple[int, str, int]]:
        for snapshot, part in dict.fromkeys((snapshot, part) for (snapshot, _), part in self.parts.items()):
            yield from ((snapshot, *figure) for figure in self._read(snapshot, part))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, snapshot: int, part: str) -> dict[tuple[str, int], bytes]:
        if self.held.get(snapshot, ("", {}))[0] != part:
            self.held.pop(snapshot, None)  # before the next one is in memory, too
            rows = storage.read_table(part).to_pylist()
            self.held[snapshot] = part, {(row["document_id"], row["figure"]): row["image"] for row in rows}
        return self.held[snapshot][1]


def _read_part(uri: str) -> pa.Table:
    table = storage.read_table(uri)
    version = pc.max(table["schema_version"]).as_py() or 0
    if version > SCHEMA_VERSION:
        raise EnvironmentFailure(
            f"{uri}: written by a newer mmsum (schema {version}, this one reads {SCHEMA_VERSION}); upgrade"
        )
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in SUMMARY_SCHEMA
    ]
    return pa.table(columns, schema=SUMMARY_SCHEMA)
