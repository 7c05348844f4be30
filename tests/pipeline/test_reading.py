"""Reading: the newest row of each document wins, whatever parts and schemas hold it; crops belong to a snapshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum.config import load_config
from mmsum.pipeline import reading
from mmsum.pipeline.commit import commit_shard
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.reading import Crops, read_summaries
from mmsum.pipeline.snapshots import Snapshot
from mmsum.records import SUMMARY_SCHEMA, document_id
from tests.conftest import write_archive
from tests.pipeline.test_commit import commit, shard_rows


@pytest.fixture
def snapshot(archive: Path, tmp_path: Path) -> Snapshot:
    return open_snapshot(str(archive), str(tmp_path / "out"), load_config(summarizer="lead", shard_size=4))[0]


def test_crops_are_known_by_their_snapshot(snapshot: Snapshot, archive: Path) -> None:
    """A changed document whose crops were not stored has none: those before show what is no longer in it."""
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard, crops=True))
    (archive / "report-003.txt").write_text("changed")
    second, _ = open_snapshot(str(archive), snapshot.out, load_config(summarizer="lead"))
    commit(second, shard_rows(second))
    crops = Crops(snapshot.out)
    rows = read_summaries(snapshot.out).to_pylist()
    found = [crops.get(row["snapshot"], row["document_id"], 0) for row in rows]
    assert found == [b"" if row["uri"].endswith("-003.txt") else b"picture" for row in rows]
    assert crops.get(1, document_id(str(archive / "report-003.txt")), 0) == b"picture"
    assert crops.get(1, rows[0]["document_id"], 1) == b""


def test_crops_are_read_part_by_part(snapshot: Snapshot) -> None:
    """All of an archive's do not fit into memory: a damaged part is not met before its own pictures are asked for."""
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard, crops=True))
    Path(snapshot.crops_uri(1)).write_bytes(b"damaged")
    crops = Crops(snapshot.out)
    first, second = (document_id(table["uri"][0].as_py()) for table in snapshot.shard_tables(range(2)))
    assert crops.get(snapshot.number, first, 0) == b"picture"
    with pytest.raises(pa.ArrowInvalid):
        crops.get(snapshot.number, second, 0)


def test_the_newest_snapshot_wins(snapshot: Snapshot, archive: Path) -> None:
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard, text="old"))
    (archive / "report-003.txt").write_text("changed")
    second, _ = open_snapshot(str(archive), snapshot.out, load_config(summarizer="lead"))
    commit(second, shard_rows(second, text="new"))
    table = read_summaries(snapshot.out)
    assert table.num_rows == 7
    assert table["uri"].to_pylist() == sorted(str(p) for p in archive.iterdir())
    assert [r["uri"][-7:-4] for r in table.to_pylist() if r["summary"] == "new"] == ["003"]


def test_parts_of_an_unknown_plan_are_not_read(snapshot: Snapshot) -> None:
    commit(snapshot, shard_rows(snapshot))
    commit_shard(shard_rows(snapshot, text="stray"), snapshot_out=snapshot.out, digest="feedfeedfeedfeed")
    assert set(read_summaries(snapshot.out)["summary"].to_pylist()) == {"It says so."}


def test_rows_of_an_earlier_schema_are_read(snapshot: Snapshot) -> None:
    old = shard_rows(snapshot).select(SUMMARY_SCHEMA.names).drop_columns(["language", "retryable"])
    Path(snapshot.part_uri(0)).parent.mkdir(parents=True)
    pq.write_table(old, snapshot.part_uri(0))
    table = read_summaries(snapshot.out)
    assert table.schema == SUMMARY_SCHEMA
    assert table["language"].null_count == 4


def test_nothing_committed_reads_as_no_rows(tmp_path: Path) -> None:
    assert read_summaries(str(tmp_path)).num_rows == 0
    write_archive(tmp_path / "a", 1)
    open_snapshot(str(tmp_path / "a"), str(tmp_path / "o"), load_config(summarizer="lead"))
    assert read_summaries(str(tmp_path / "o")).schema == SUMMARY_SCHEMA


def test_rows_are_taken_in_any_order_from_any_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_TAKEN", 7)
    draw = np.random.default_rng(0)
    sizes = (5, 1, 0, 30, 12)
    parts = [pa.table({"n": draw.integers(99, size=n), "s": pa.array([f"{n}"] * n, pa.string())}) for n in sizes]
    table = pa.concat_tables(parts)
    for rows in (0, 1, 20, 48):
        order = draw.permutation(table.num_rows)[:rows].astype(np.uint64)
        assert reading._take(table, order).to_pydict() == table.take(pa.array(order)).to_pydict()


def test_a_column_may_hold_more_than_two_gigabytes() -> None:
    """Of captions, at a million documents. One part twenty-two times: each is there once."""
    part = pa.table({"captions": ["x" * 10**6] * 100})
    table = pa.concat_tables([part] * 22)
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        table.take(pa.array([0, 2199]))
    assert reading._take(table, np.array([0, 2199], np.uint64)).num_rows == 2
