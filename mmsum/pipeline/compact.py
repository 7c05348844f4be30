"""Many small parts become few large ones (`mmsum compact`), and what they replace is deleted later (`mmsum prune`).

Both may be killed at any instant and run again. Compacting deletes nothing: its parts count from the moment their marker,
`OUT/_run/compacted-<snapshot>.json`, is there. Pruning deletes only what a marker's parts were checked to hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

import pyarrow as pa

from mmsum import storage
from mmsum.errors import EnvironmentFailure, SourceError
from mmsum.pipeline.reading import read_parts, row_uris
from mmsum.pipeline.snapshots import (
    Compaction,
    Snapshot,
    compaction_marker,
    compactions,
    latest_compaction,
    snapshots,
    stored_rows,
)

PART_BYTES = 128 * 2**20
"""Size in memory at which a compacted part is full."""


def compact(out: str, part_bytes: int = PART_BYTES) -> tuple[Compaction, bool]:
    """The newest rows of all snapshots up to the last finished one in OUT/compacted/<digest>/, and whether there was anything
    to do. One before it that is unfinished was given up (by `--snapshot new`): nothing is added to it any more.

    Raises SourceError where no snapshot is finished, EnvironmentFailure where rows are missing.
    """
    out = storage.normalize(out)
    finished, stored = snapshots(out), stored_rows(out)
    while finished and len(finished[-1].committed_of(*stored)) < finished[-1].shards:
        finished.pop()
    if not finished:
        raise SourceError(
            f"{out}: no snapshot is finished there; finish it with the same mmsum summarize command first"
        )
    before, covers = latest_compaction(out), [snapshot.digest for snapshot in finished]
    if before and before.covers == covers:
        return before, False
    newest: dict[str, int] = {}
    undone: dict[str, list[int]] = {}
    for snapshot in finished:
        committed = sorted(snapshot.committed_of(*stored))
        for table in snapshot.shard_tables(committed):
            newest |= dict.fromkeys(table["uri"].to_pylist(), snapshot.number)
        if len(committed) < snapshot.shards:
            undone[snapshot.digest] = sorted(set(range(snapshot.shards)).difference(committed))
    # What is read is in the digest: another compaction of the same snapshots, cut differently, never shares a folder.
    number, basis = finished[-1].number, [before.digest if before else "", str(part_bytes), *covers, json.dumps(undone)]
    digest = hashlib.sha256("\n".join(basis).encode()).hexdigest()[:16]
    plan = Compaction(number, digest, covers, files=0, rows=0, undone=undone)
    files = rows = 0
    for table in _full(_kept(_rows(out, finished), newest), part_bytes):
        storage.create(plan.part_uri(out, files), storage.parquet_bytes(table))
        files, rows = files + 1, rows + table.num_rows
    if rows != len(newest):
        raise EnvironmentFailure(
            f"{out}: {rows} rows for {len(newest)} documents; no marker was written; please report it"
        )
    if not all(storage.exists(plan.part_uri(out, file)) for file in range(files)):
        raise EnvironmentFailure(
            f"{out}: compacted parts were deleted meanwhile; run mmsum prune only after mmsum compact"
        )
    done = replace(plan, files=files, rows=rows)
    marker = compaction_marker(out, number)
    storage.create(marker, json.dumps(asdict(done)).encode())
    return Compaction(**json.loads(storage.read(marker))), True


def prune(out: str) -> int:
    """Deletes the parts and attempts of compacted snapshots, and other compactions, also those that were never finished;
    returns how many objects.

    Raises SourceError where nothing is compacted, EnvironmentFailure where the compacted parts are not whole.
    """
    out = storage.normalize(out)
    found = compactions(out)
    if not found:
        raise SourceError(f"{out}: nothing is compacted there; run mmsum compact {out} first")
    *older, newest = found
    rows = sum(table.num_rows for table in read_parts(newest.part_uri(out, file) for file in range(newest.files)))
    if rows != newest.rows:
        raise EnvironmentFailure(
            f"{out}: its compacted parts hold {rows} rows instead of {newest.rows}; nothing was deleted; restore them"
        )
    others = [ref.uri for ref in storage.list_folder(storage.join(out, "compacted"))]
    if latest_compaction(out) != newest:  # written while this one was read; what it holds is not to be deleted
        raise EnvironmentFailure(f"{out}: compacted anew meanwhile; nothing was deleted; run mmsum prune again")
    storage.delete([compaction_marker(out, old.number) for old in older])
    deleted = 0
    for folder in [
        storage.join(out, parent, digest) for digest in newest.covers for parent in ("summaries", "_run/attempts")
    ]:
        deleted += _delete(ref.uri for ref in storage.list_folder(folder))
    kept = storage.join(out, "compacted", newest.digest) + "/"
    return deleted + _delete(uri for uri in others if not uri.startswith(kept))


def _delete(uris: Iterable[str]) -> int:
    found = list(uris)
    storage.delete(found)
    return len(found)


def _rows(out: str, finished: list[Snapshot]) -> Iterator[pa.Table]:
    open_folders = {f"/{snapshot.digest}/" for snapshot in snapshots(out)} - {f"/{s.digest}/" for s in finished}
    return read_parts(uri for uri in row_uris(out) if not any(folder in uri for folder in open_folders))


def _kept(tables: Iterable[pa.Table], newest: dict[str, int]) -> Iterator[pa.Table]:
    """The rows that no later snapshot replaces."""
    for table in tables:
        rows = zip(table["uri"].to_pylist(), table["snapshot"].to_pylist(), strict=True)
        yield table.filter(pa.array([newest.get(uri) == snapshot for uri, snapshot in rows]))


def _full(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in tables of at least `size` bytes, the last one excepted."""
    held: list[pa.Table] = []
    held_bytes = 0
    for table in tables:
        held.append(table)
        held_bytes += table.nbytes  # 0.1 ms each: asked of all that are held, a thousand parts took a minute
        if held_bytes >= size:
            yield pa.concat_tables(held)
            held, held_bytes = [], 0
    if held:
        yield pa.concat_tables(held)
