"""What stands under OUT: plans, parts, compactions. They are made in plan.py, commit.py and compact.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mmsum import storage
from mmsum.errors import EnvironmentFailure, SourceError
from mmsum.records import ObjectRef, document_id

PLAN_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("version", pa.string()),
        ("op", pa.string()),
        ("shard", pa.int32()),
    ]
)


FOLDERS = ("summaries", "compacted", "crops", "_run")
"""What a run writes under OUT, plans last."""
_PART = re.compile(r"([0-9a-f]{16})/part-(\d{6,})\.parquet")
_OURS = re.compile(rf"(?:summaries|compacted|crops)/{_PART.pattern}|_run/.+|report\.html")


READERS = 16
"""Objects read at once: on an object store a small read is mostly waiting."""


def is_ours(out: str, uri: str) -> bool:
    """Whether a run writes an object of that name under `out`; whatever else lies there is somebody's own."""
    start = out.rstrip("/") + "/"
    return uri.startswith(start) and bool(_OURS.fullmatch(uri, len(start)))


def part_uri(out: str, folder: str, digest: str, number: int) -> str:
    """A part of a plan (its shard's) or of a compaction, in one of FOLDERS."""
    return storage.join(out, folder, digest, f"part-{number:06d}.parquet")


@dataclass(frozen=True)
class Snapshot:
    """One plan: its number, its digest, its settings and its documents (`PLAN_SCHEMA`, sorted by shard, then URI)."""

    out: str
    number: int
    digest: str
    source: str
    limit: int | None
    answers: dict[str, Any]
    documents: pa.Table
    shards: int
    conditional: bool  # whether the store honours conditional creates, so that several drivers may work at once
    asked: str = ""  # "new": everything was planned again; "retry": failures too, under limits of its own

    def part_uri(self, shard: int) -> str:
        """Where a shard's rows are committed; the object's existence is the commit."""
        return part_uri(self.out, "summaries", self.digest, shard)

    def crops_uri(self, shard: int) -> str:
        return part_uri(self.out, "crops", self.digest, shard)

    def committed(self) -> set[int]:
        """Shards whose part exists, or has been compacted."""
        return self.committed_of(*stored_rows(self.out))

    def committed_of(self, compaction: Compaction | None, parts: Iterable[tuple[str, int, str]]) -> set[int]:
        """The same where what `stored_rows` gives is known already."""
        if compaction and self.digest in compaction.covers:
            return set(range(self.shards)).difference(compaction.undone.get(self.digest, ()))
        return {shard for digest, shard, _ in parts if digest == self.digest}

    def shard_tables(self, shards: Iterable[int]) -> Iterator[pa.Table]:
        """Each shard's plan rows, as zero-copy slices."""
        ends = self.documents["shard"].to_numpy().searchsorted(range(self.shards), side="right")
        for shard in shards:
            start = int(ends[shard - 1]) if shard else 0
            yield self.documents.slice(start, int(ends[shard]) - start)

    def ids(self) -> set[str]:
        """The document ids that the finished snapshot's rows must equal."""
        return {document_id(uri) for uri in self.documents["uri"].to_pylist()}

    def count(self, shards: Iterable[int] | None = None) -> int:
        if shards is None:
            return int(self.documents.num_rows)
        return sum(table.num_rows for table in self.shard_tables(sorted(shards)))


@dataclass(frozen=True)
class Compaction:
    """The newest rows of snapshots, in few large parts; its marker makes it valid and outlives their own parts."""

    number: int  # of the newest snapshot in it
    digest: str
    covers: list[str]  # digests of the snapshots in it
    files: int
    rows: int
    undone: dict[str, list[int]] = field(default_factory=dict)  # digest -> shards that were given up without rows

    def part_uri(self, out: str, file: int) -> str:
        return part_uri(out, "compacted", self.digest, file)


def compactions(out: str) -> list[Compaction]:
    """The compactions that have a marker, oldest first."""
    found = storage.list_folder(storage.join(out, "_run"), "compacted-", deep=False)
    markers = sorted(ref.uri for ref in found if ref.size)
    return [Compaction(**json.loads(storage.read(uri))) for uri in markers]


def latest_compaction(out: str) -> Compaction | None:
    return next(reversed(compactions(out)), None)


def compaction_marker(out: str, number: int) -> str:
    return storage.join(out, "_run", f"compacted-{number:06d}.json")


def latest_snapshot(out: str) -> Snapshot | None:
    """The newest plan of an output, or None where there is none."""
    plan = max((ref.uri for ref in _plans(out)), default=None)
    return load_plan(out, plan) if plan else None


def newest_plan(out: str) -> ObjectRef:
    """The newest plan's object, for load_plan(). Raises SourceError where no run has been started in `out`."""
    plan = max(_plans(out), key=lambda ref: ref.uri, default=None)
    if plan is None:
        raise SourceError(f"{out}: no run has been started there; start one with mmsum summarize SRC {out}")
    return plan


def snapshots(out: str) -> list[Snapshot]:
    """All plans of an output, oldest first."""
    return [load_plan(out, uri) for uri in sorted(ref.uri for ref in _plans(out))]


def versions_with_rows(out: str, source: str = "") -> tuple[dict[str, str], set[str]]:
    """{URI: version} of what has a row, as last planned, and those of them that a snapshot of `source` planned.

    Deleted ones are left out, and so is what a plan that was given up (`--snapshot new` was asked before it was done) left
    undone.
    """
    known: dict[str, str] = {}
    of_source: set[str] = set()
    stored = stored_rows(out)
    for snapshot in snapshots(out):
        committed = snapshot.committed_of(*stored)
        columns = (snapshot.documents[name].to_pylist() for name in ("uri", "version", "op", "shard"))
        for uri, version, op, shard in zip(*columns, strict=True):
            if shard not in committed:
                continue
            if op == "delete":
                known.pop(uri, None)
                of_source.discard(uri)
                continue
            known[uri] = version
            if snapshot.source == source:
                of_source.add(uri)
    return known, of_source


def count_in_all(snapshot: Snapshot) -> int:
    """Documents with a row, of the newest snapshot and all before it. Reads every plan."""
    return len(versions_with_rows(snapshot.out)[0]) if snapshot.number > 1 else snapshot.count(snapshot.committed())


def stored_rows(out: str) -> tuple[Compaction | None, list[tuple[str, int, str]]]:
    """The newest compaction of an output, and its parts (see `list_parts`).

    Parts are listed first: those that are pruned meanwhile were compacted before that. The other way round they would be in
    neither, and their documents without rows.
    """
    parts = list(list_parts(out))
    return latest_compaction(out), parts


def list_parts(out: str) -> Iterator[tuple[str, int, str]]:
    """(plan digest, shard, URI) of every committed part."""
    root = storage.join(out, "summaries")
    for ref in storage.list_folder(root):
        # An empty object is no commit: a killed writer can leave one on stores without conditional creates.
        if ref.size and (part := _PART.fullmatch(ref.uri, len(root) + 1)):
            yield part[1], int(part[2]), ref.uri


def plan_uri(out: str, number: int) -> str:
    return storage.join(out, "_run", f"plan-{number:06d}.parquet")


def check_out_is_here(out: str, number: int, node: str) -> None:
    """Raises EnvironmentFailure on a node that does not see an OUT on disk: what it wrote would stay with it."""
    if storage.is_local(out) and not storage.exists(plan_uri(out, number)):
        raise EnvironmentFailure(
            f"{out}: on node {node} the plan of this run is not there; let every node see the same folder under this path, "
            "or give an object store's URI as OUT"
        )


def _plans(out: str) -> Iterator[ObjectRef]:
    for ref in storage.list_folder(storage.join(out, "_run"), "plan-", deep=False):
        if ref.uri.endswith(".parquet") and ref.size:  # an empty one: as in list_parts
            yield ref


def load_plan(out: str, uri: str) -> Snapshot:
    table = storage.read_table(uri)
    settings = json.loads(table.schema.metadata[b"mmsum"])
    return Snapshot(
        out=out,
        number=settings["snapshot"],
        digest=settings["digest"],
        source=settings["source"],
        limit=settings["limit"],
        answers=settings["answers"],
        documents=table.replace_schema_metadata(None),
        shards=settings["shards"],
        conditional=settings["conditional"],
        asked=settings.get("asked", ""),
    )
