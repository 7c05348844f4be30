"""Snapshots: what is to be summarized, decided once, cut into shards, kept under OUT/_run.

A plan is one immutable Parquet object, created conditionally; whoever loses a race adopts the winner's. Its digest names
the folder of its parts, so two plans never mix. `OUT/_run/plan-000001.parquet` has one row per document with its shard,
and the snapshot's settings in the schema metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import SnapshotMismatch, SourceError
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

    def part_uri(self, shard: int) -> str:
        """Where a shard's rows are committed; the object's existence is the commit."""
        return storage.join(self.out, "summaries", self.digest, f"part-{shard:06d}.parquet")

    def crops_uri(self, shard: int) -> str:
        return storage.join(self.out, "crops", self.digest, f"part-{shard:06d}.parquet")

    def committed(self) -> set[int]:
        """Shards whose part exists, or has been compacted."""
        compaction = latest_compaction(self.out)
        if compaction and self.digest in compaction.covers:
            return set(range(self.shards))
        return {shard for digest, shard, _ in list_parts(self.out) if digest == self.digest}

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
    """The newest rows of finished snapshots, in few large parts; its marker makes it valid and outlives their own parts."""

    number: int  # of the newest snapshot in it
    digest: str
    covers: list[str]  # digests of the snapshots in it
    files: int
    rows: int

    def part_uri(self, out: str, file: int) -> str:
        return storage.join(out, "compacted", self.digest, f"part-{file:06d}.parquet")


def compactions(out: str) -> list[Compaction]:
    """The compactions that have a marker, oldest first."""
    markers = sorted(ref.uri for ref in storage.list_folder(storage.join(out, "_run"), "compacted-", deep=False))
    return [Compaction(**json.loads(storage.read(uri))) for uri in markers]


def latest_compaction(out: str) -> Compaction | None:
    return next(reversed(compactions(out)), None)


def compaction_marker(out: str, number: int) -> str:
    return storage.join(out, "_run", f"compacted-{number:06d}.json")


def open_snapshot(
    source: str,
    out: str,
    config: Config,
    *,
    limit: int | None = None,
    new: bool = False,
    restart: bool = False,
    again: Collection[str] = (),
) -> tuple[Snapshot, bool]:
    """The snapshot to work on and whether it was made now.

    An unfinished snapshot is continued. After a finished one, new, changed and vanished objects, and those whose URI is
    in `again`, make the next; with none of these the finished one comes back. `new` plans everything again; `restart`
    first deletes this output's rows.

    Raises SourceError, OutputError, or SnapshotMismatch with the difference when settings that change the answer differ.
    """
    source, out = storage.normalize(source), storage.normalize(out)
    latest = None if restart else latest_snapshot(out)
    if latest and not new:
        _check_same(latest, source, config)
        if len(latest.committed()) < latest.shards:
            return latest, False
    listed = _list(source, out)
    previous = _known(out) if latest else {}
    again = previous.keys() & set(again)
    refs = _choose(listed, previous, limit, new, again, same_source=bool(latest and latest.source == source))
    if not refs and latest:
        return latest, False
    conditional = storage.honours_conditions(out)  # raises OutputError when OUT cannot be written, before anything is
    if restart:
        _delete_run(out)
    number = latest.number + 1 if latest else 1
    return _create(out, number, refs, source, limit, conditional, config)


def latest_snapshot(out: str) -> Snapshot | None:
    """The newest plan of an output, or None where there is none."""
    plans = sorted(_plan_uris(out))
    return _load(out, plans[-1]) if plans else None


def snapshots(out: str) -> list[Snapshot]:
    """All plans of an output, oldest first."""
    return [_load(out, uri) for uri in sorted(_plan_uris(out))]


def list_parts(out: str) -> Iterator[tuple[str, int, str]]:
    """(plan digest, shard, URI) of every committed part."""
    root = storage.join(out, "summaries")
    for ref in storage.list_folder(root):
        digest, _, name = ref.uri[len(root) :].strip("/").partition("/")
        # An empty object is no commit: a killed writer can leave one on stores without conditional creates.
        if name.startswith("part-") and name.endswith(".parquet") and ref.size:
            yield digest, int(name[5:-8]), ref.uri


def _plan_uris(out: str) -> Iterator[str]:
    for ref in storage.list_folder(storage.join(out, "_run"), "plan-", deep=False):
        if ref.uri.endswith(".parquet"):
            yield ref.uri


def _list(source: str, out: str) -> list[ObjectRef]:
    inside = out.rstrip("/") + "/"
    refs = sorted((ref for ref in storage.list_source(source) if not ref.uri.startswith(inside)), key=lambda r: r.uri)
    unique = [ref for at, ref in enumerate(refs) if at == 0 or refs[at - 1].uri != ref.uri]
    if not unique:
        raise SourceError(
            f"{source}: nothing to summarize there; give a file, a folder, a glob or a list that has documents"
        )
    return unique


def _known(out: str) -> dict[str, str]:
    """{URI: version} as last planned; deleted ones are left out."""
    known: dict[str, str] = {}
    for snapshot in snapshots(out):
        columns = (snapshot.documents[name].to_pylist() for name in ("uri", "version", "op"))
        for uri, version, op in zip(*columns, strict=True):
            if op == "delete":
                known.pop(uri, None)
            else:
                known[uri] = version
    return known


def _choose(
    listed: list[ObjectRef],
    known: dict[str, str],
    limit: int | None,
    everything: bool,
    again: Collection[str],
    *,
    same_source: bool,
) -> list[ObjectRef]:
    """Objects to plan: all, or the new and changed ones and those asked for, and a tombstone for each that is gone."""
    chosen = [
        ref for ref in islice(listed, limit) if everything or known.get(ref.uri) != ref.version or ref.uri in again
    ]
    if same_source:
        present = {ref.uri for ref in listed}
        chosen += [ObjectRef(uri, 0, version, op="delete") for uri, version in known.items() if uri not in present]
    return sorted(chosen, key=lambda ref: ref.uri)


def cut_shards(refs: Iterable[ObjectRef], shard_size: int, shard_bytes: int) -> Iterator[int]:
    """The shard number of each ref, in order: full by count or by bytes; an object above `shard_bytes` stands alone."""
    shard, count, held = 0, 0, 0
    for ref in refs:
        size = max(ref.size, 0)
        if count and (count >= shard_size or held + size > shard_bytes):
            shard, count, held = shard + 1, 0, 0
        yield shard
        count, held = count + 1, held + size


def _create(
    out: str, number: int, refs: list[ObjectRef], source: str, limit: int | None, conditional: bool, config: Config
) -> tuple[Snapshot, bool]:
    shards = list(cut_shards(refs, config.shard_size, config.shard_mb * 2**20))
    table = pa.table(
        {
            "uri": [ref.uri for ref in refs],
            "size": [ref.size for ref in refs],
            "version": [ref.version for ref in refs],
            "op": [ref.op for ref in refs],
            "shard": shards,
        },
        schema=PLAN_SCHEMA,
    )
    settings = {"snapshot": number, "source": source, "limit": limit, "answers": config.answers()}
    settings |= {"shards": shards[-1] + 1, "conditional": conditional}
    text = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for ref, shard in zip(refs, shards, strict=True):
        digest.update(f"{shard}\0{ref.op}\0{ref.version}\0{ref.uri}\n".encode())
    metadata = {"mmsum": json.dumps({**settings, "digest": digest.hexdigest()[:16]}, sort_keys=True)}
    uri = storage.join(out, "_run", f"plan-{number:06d}.parquet")
    created = storage.create(uri, storage.parquet_bytes(table.replace_schema_metadata(metadata)))
    adopted = _load(out, uri)
    if not created:
        _check_same(adopted, source, config)
    return adopted, created


def _load(out: str, uri: str) -> Snapshot:
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
    )


def _check_same(snapshot: Snapshot, source: str, config: Config) -> None:
    """Raises SnapshotMismatch where a resume would mix answers made in two ways."""
    was = {"SRC": snapshot.source, **snapshot.answers}
    now = {"SRC": source, **config.answers()}
    changed = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    if not changed:
        return
    differences = ", ".join(f"{key}: {was.get(key)!r} then, {now.get(key)!r} now" for key in changed)
    raise SnapshotMismatch(
        f"{snapshot.out} was begun with other settings ({differences}); "
        "use the same ones to resume, --snapshot new to summarize everything again, or another OUT"
    )


def _delete_run(out: str) -> None:
    """Rows first, plans last: killed half-way, the plan still knows which rows are missing.

    Before them the markers of compactions, which say that rows are there.
    """
    storage.delete([compaction_marker(out, compaction.number) for compaction in compactions(out)])
    for folder in ("summaries", "compacted", "crops", "_run"):
        storage.delete([ref.uri for ref in storage.list_folder(storage.join(out, folder))])
