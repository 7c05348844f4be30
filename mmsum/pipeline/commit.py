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
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict

import pyarrow as pa
import pyarrow.compute as pc

from mmsum import storage
from mmsum.errors import RETRYABLE, EnvironmentFailure, FailureKind, StorageError
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.attempts import forget
from mmsum.pipeline.snapshots import check_out_is_here, part_uri
from mmsum.records import (
    CROP_SCHEMA,
    SUMMARY_SCHEMA,
    Document,
    Summary,
    SummaryFigure,
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
    elif not draft.text.strip():
        status, kind = "failed", kind or FailureKind.GENERATION_FAILED
        message = message or "the summarizer wrote nothing"
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
    crops = _crops_table(rows)
    if crops.num_rows:
        _create(part_uri(snapshot_out, "crops", digest, shard), crops, write_seconds)
    summaries = rows.select(SUMMARY_SCHEMA.names)
    created = _create(part_uri(snapshot_out, "summaries", digest, shard), summaries, write_seconds)
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


def _create(uri: str, table: pa.Table, write_seconds: float) -> bool:
    data = storage.parquet_bytes(table)
    return storage.patiently(lambda: storage.create(uri, data), write_seconds)


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
