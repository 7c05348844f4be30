"""What runs wrote under OUT, read again: every document's newest row, the parts that hold rows, stored crops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmsum import storage
from mmsum.errors import EnvironmentFailure, ObjectNotFound
from mmsum.pipeline.snapshots import READERS, snapshots, stored_rows
from mmsum.records import SCHEMA_VERSION, SUMMARY_SCHEMA, document_id


def read_summaries(out: str, columns: Sequence[str] = tuple(SUMMARY_SCHEMA.names)) -> pa.Table:
    """Every document's newest row (that of the highest snapshot), sorted by URI, as SUMMARY_SCHEMA.

    columns: of these alone, `uri` and `snapshot` among them. Rows of earlier schema versions get nulls for columns they did
    not have. Tombstones (`deleted`) are included.
    """
    tables = _read_all(storage.normalize(out), columns)
    table = pa.concat_tables(tables) if tables else SUMMARY_SCHEMA.empty_table().select(columns)
    if table.num_rows == 0:
        return table
    order = pc.sort_indices(
        table.select(["uri", "snapshot"]), sort_keys=[("uri", "ascending"), ("snapshot", "descending")]
    )
    uris = table["uri"].take(order).combine_chunks()
    is_other = pc.not_equal(uris.slice(1), uris.slice(0, len(uris) - 1))
    return _take(table, order.filter(pa.concat_arrays([pa.array([True]), is_other])).to_numpy())


def _read_all(out: str, columns: Sequence[str], missed: Sequence[str] = ()) -> list[pa.Table]:
    """The tables of all parts. Those that are pruned while they are read are compacted: their rows are in others by now."""
    uris = row_uris(out)
    try:
        return [table.select(columns) for table in read_parts(uris)]
    except ObjectNotFound:
        if uris == missed:
            raise
    return _read_all(out, columns, missed=uris)


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
    compaction, parts = stored_rows(out)
    covered = compaction.covers if compaction else []
    known = {snapshot.digest for snapshot in snapshots(out)} - set(covered)
    compacted = [compaction.part_uri(out, file) for file in range(compaction.files)] if compaction else []
    return compacted + [uri for digest, _, uri in sorted(parts) if digest in known]


def read_parts(uris: Iterable[str]) -> Iterator[pa.Table]:
    """Each object's rows as SUMMARY_SCHEMA, in order, read a few at a time."""
    uris = list(uris)
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(uris), READERS):
            yield from readers.map(_read_part, uris[start : start + READERS])


def unread(out: str, retry: str) -> dict[str, str]:
    """{URI: status} of the documents whose newest row is "failed"; with "partial" also of those that were read in part."""
    table = read_summaries(out, ("uri", "snapshot", "status"))
    wanted = pa.array(["failed", "partial"] if retry == "partial" else ["failed"])
    rows = table.filter(pc.is_in(table["status"], wanted))
    return dict(zip(rows["uri"].to_pylist(), rows["status"].to_pylist(), strict=True))


class Crops:
    """All stored crops of an output's figures; none where they were not asked for.

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

    def get(self, snapshot: int, document: str, figure: int) -> bytes:
        """The encoded picture of a figure (its index) of a document (its id), as that snapshot had it; b"" for none."""
        part = self.parts.get((snapshot, document))
        return self._read(snapshot, part).get((document, figure), b"") if part else b""

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
