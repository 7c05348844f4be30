"""Outputs made without Ray: a plan, and shards committed with rows of one text."""

from __future__ import annotations

from pathlib import Path

from mmsum.config import load_config
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.commit import commit_shard, hash_ids, rows_table, to_summary, tombstone
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.snapshots import Snapshot
from mmsum.records import Document, ObjectRef

LEAD = load_config(summarizer="lead", shard_size=2)


def plan(archive: Path, out: Path, **options: object) -> Snapshot:
    return open_snapshot(str(archive), str(out), LEAD, **options)[0]  # type: ignore[arg-type]


def finish(snapshot: Snapshot, text: str, shards: range | None = None) -> list[dict[str, object]]:
    """Commits shards with rows that say `text`; the receipts."""
    receipts = []
    for shard in shards or range(snapshot.shards):
        refs = [
            ObjectRef(row["uri"], row["size"], row["version"], row["op"])
            for row in next(iter(snapshot.shard_tables([shard]))).to_pylist()
        ]
        documents = [Document(ref=ref, pages_total=1, pages_read=1) for ref in refs]
        marks = {"model": "lead", "config": "c", "snapshot": snapshot.number}
        rows = [
            tombstone(d, **marks) if d.ref.op == "delete" else to_summary(d, Draft(text=text, seconds=1.5), **marks)  # type: ignore[arg-type]
            for d in documents
        ]
        ids = hash_ids(row.document_id for row in rows)
        table = rows_table(rows, documents, shard=shard, shard_ids=ids, idle=0.0, crops=False)
        receipts += commit_shard(table, snapshot_out=snapshot.out, digest=snapshot.digest).to_pylist()
    return receipts
