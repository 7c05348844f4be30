"""What is to be summarized is decided once, cut into shards, and kept as a plan under OUT/_run.

A plan is one immutable Parquet object, created conditionally; whoever loses a race adopts the winner's. Its digest names
the folder of its parts, so two plans never mix. `OUT/_run/plan-000001.parquet` has one row per document with its shard,
and the snapshot's settings in the schema metadata.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

import pyarrow as pa

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import SnapshotMismatch, SourceError
from mmsum.pipeline.snapshots import (
    FOLDERS,
    PLAN_SCHEMA,
    Snapshot,
    compaction_marker,
    compactions,
    is_ours,
    latest_snapshot,
    load_plan,
    plan_uri,
    snapshots,
    versions_with_rows,
)
from mmsum.records import ObjectRef


def open_snapshot(
    source: str,
    out: str,
    config: Config,
    *,
    limit: int | None = None,
    new: bool = False,
    restart: bool = False,
    again: Mapping[str, str] | None = None,
) -> tuple[Snapshot, bool]:
    """The snapshot to work on and whether it was made now.

    An unfinished snapshot is continued. After a finished one, new, changed and vanished objects, and those in `again`
    (URI -> status of their newest row), make the next; with none of these the finished one comes back. `new` plans
    everything again, and continues what `new` planned; `restart` first deletes this output's rows. With `again`, limits may
    be others than they were.

    Raises SourceError, OutputError, or SnapshotMismatch with the difference when settings that change the answer differ.
    """
    source, out = storage.normalize(source), storage.normalize(out)
    latest = None if restart else latest_snapshot(out)
    if latest:
        goes_on = len(latest.committed()) < latest.shards
        if new:
            goes_on &= (latest.asked, latest.limit) == ("new", limit) and not _differences(latest, source, config)
        elif goes_on:
            _check_same(latest, source, config)
        else:
            _check_same(_before_retries(latest, config), source, config, but_limits=again is not None)
        if goes_on:
            return latest, False
    listed = _list(source, out)
    previous, of_source = versions_with_rows(out, source) if latest else ({}, set())
    asked = "new" if new else "retry" if again is not None else ""
    again = {uri: status for uri, status in (again or {}).items() if uri in previous}
    refs = _choose(listed, previous, of_source, limit, new, again)
    if not refs and latest:
        return latest, False
    conditional = storage.honours_conditions(out)  # raises OutputError when OUT cannot be written, before anything is
    if restart:
        _delete_run(out)
    number = latest.number + 1 if latest else 1
    return _create(out, number, refs, source, limit, conditional, asked, config)


def _before_retries(latest: Snapshot, config: Config) -> Snapshot:
    """The snapshot whose settings a command has to have. A retry had limits of its own: its, or those from before it."""
    if latest.asked != "retry" or not _differences(latest, latest.source, config):
        return latest
    return next((snapshot for snapshot in reversed(snapshots(latest.out)) if snapshot.asked != "retry"), latest)


_PLAN = re.compile(r"(.+)/_run/plan-\d{6,}\.parquet")
"""Tells another run's output, which may lie in the source as well."""


def _list(source: str, out: str) -> list[ObjectRef]:
    refs = sorted(storage.list_source(source), key=lambda r: r.uri)
    plans = (ref.uri for ref in refs if "/_run/plan-" in ref.uri)  # the pattern alone is slow over a million names
    outs = {out, *(match[1] for uri in plans if (match := _PLAN.fullmatch(uri)))}
    refs = [ref for ref in refs if not any(is_ours(one, ref.uri) for one in outs)]
    unique = [ref for at, ref in enumerate(refs) if at == 0 or refs[at - 1].uri != ref.uri]
    if not unique:
        raise SourceError(
            f"{source}: nothing to summarize there; give a file, a folder, a glob or a list that has documents"
        )
    return unique


def _choose(
    listed: list[ObjectRef],
    known: dict[str, str],
    of_source: set[str],
    limit: int | None,
    everything: bool,
    again: Mapping[str, str],
) -> list[ObjectRef]:
    """Objects to plan: all, or the new and changed ones and those asked for, and a tombstone for each that is gone.

    Gone is only what this source once had: another one's documents (SRC may change with `--snapshot new`) keep their rows.
    """
    chosen = []
    for ref in islice(listed, limit):
        if everything or known.get(ref.uri) != ref.version:
            chosen.append(ref)
        elif ref.uri in again:
            chosen.append(replace(ref, op="retry") if again[ref.uri] == "failed" else ref)
    gone = of_source - {ref.uri for ref in listed}
    chosen += [ObjectRef(uri, 0, known[uri], op="delete") for uri in gone]
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
    out: str,
    number: int,
    refs: list[ObjectRef],
    source: str,
    limit: int | None,
    conditional: bool,
    asked: str,
    config: Config,
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
    settings |= {"shards": shards[-1] + 1, "conditional": conditional, "asked": asked}
    text = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for ref, shard in zip(refs, shards, strict=True):
        digest.update(f"{shard}\0{ref.op}\0{ref.version}\0{ref.uri}\n".encode())
    metadata = {"mmsum": json.dumps({**settings, "digest": digest.hexdigest()[:16]}, sort_keys=True)}
    uri = plan_uri(out, number)
    created = storage.create(uri, storage.parquet_bytes(table.replace_schema_metadata(metadata)))
    adopted = load_plan(out, uri)
    if not created:
        _check_same(adopted, source, config)
    return adopted, created


def _differences(snapshot: Snapshot, source: str, config: Config) -> dict[str, str]:
    """{key: what it was and is} of all that changes an answer."""
    was = {"SRC": snapshot.source, **snapshot.answers}
    now = {"SRC": source, **config.answers()}
    changed = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    return {key: f"{key}: {was.get(key)!r} then, {now.get(key)!r} now" for key in changed}


def _check_same(snapshot: Snapshot, source: str, config: Config, *, but_limits: bool = False) -> None:
    """Raises SnapshotMismatch where a resume would mix answers made in two ways."""
    changed = _differences(snapshot, source, config)
    told = [said for key, said in changed.items() if not (but_limits and key.startswith("limits."))]
    if not told:
        return
    differences = ", ".join(told)
    raise SnapshotMismatch(
        f"{snapshot.out} was begun with other settings ({differences}); "
        "use the same ones to resume, --snapshot new to summarize everything again, or another OUT"
    )


def _delete_run(out: str) -> None:
    """Rows first, plans last: killed half-way, the plan still knows which rows are missing.

    Before them the markers of compactions, which say that rows are there.
    """
    storage.delete([compaction_marker(out, compaction.number) for compaction in compactions(out)])
    for folder in FOLDERS:
        found = storage.list_folder(storage.join(out, folder))
        storage.delete([ref.uri for ref in found if is_ours(out, ref.uri)])
