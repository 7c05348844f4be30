"""Commit: one object per shard, exactly the planned documents, newest row wins."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, FailureKind
from mmsum.generation.summarizer import Draft
from mmsum.pipeline import commit as commit_module
from mmsum.pipeline.commit import Crops, commit_shard, hash_ids, read_summaries, rows_table, to_summary
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.runlog import read_logs
from mmsum.pipeline.snapshots import Snapshot, count_in_all, latest_compaction, latest_snapshot
from mmsum.pipeline.status import read_status
from mmsum.pipeline.summarize import _announce
from mmsum.records import SUMMARY_SCHEMA, Document, Figure, ObjectRef, document_id
from tests.conftest import write_archive

MARKS = {"model": "lead-1", "config": "c"}


def shard_rows(snapshot: Snapshot, shard: int = 0, text: str = "It says so.", crops: bool = False) -> pa.Table:
    plan = next(iter(snapshot.shard_tables([shard]))).to_pylist()
    figure = Figure("Figure 1", 1, (0, 0, 9, 9), "A line.", "chart", 4, 4, image=b"picture")
    documents = [
        Document(ref=ObjectRef(row["uri"], row["size"], row["version"]), pages_total=1, pages_read=1, figures=[figure])
        for row in plan
    ]
    rows = [to_summary(d, Draft(text=text), snapshot=snapshot.number, **MARKS) for d in documents]  # type: ignore[arg-type]
    ids = hash_ids(row.document_id for row in rows)
    return rows_table(rows, documents, shard=shard, shard_ids=ids, idle=0.0, crops=crops)


@pytest.fixture
def snapshot(archive: Path, tmp_path: Path) -> Snapshot:
    return open_snapshot(str(archive), str(tmp_path / "out"), load_config(summarizer="lead", shard_size=4))[0]


def commit(snapshot: Snapshot, rows: pa.Table) -> dict[str, object]:
    receipt: dict[str, object] = commit_shard(rows, snapshot_out=snapshot.out, digest=snapshot.digest).to_pylist()[0]
    return receipt


def test_a_shard_is_one_plain_parquet_object(snapshot: Snapshot) -> None:
    receipt = commit(snapshot, shard_rows(snapshot))
    assert receipt["created"] is True
    assert json.loads(str(receipt["counts"])) == {"ok": 4}
    assert snapshot.committed() == {0}
    assert pq.read_schema(snapshot.part_uri(0)).equals(SUMMARY_SCHEMA)
    count = duckdb.sql(f"select count(*) from read_parquet('{snapshot.out}/summaries/*/*.parquet')").fetchall()
    assert count == [(4,)]


def test_the_second_to_commit_changes_nothing(snapshot: Snapshot) -> None:
    commit(snapshot, shard_rows(snapshot, text="first"))
    receipt = commit(snapshot, shard_rows(snapshot, text="second"))
    assert receipt["created"] is False
    assert set(read_summaries(snapshot.out)["summary"].to_pylist()) == {"first"}


@pytest.mark.parametrize("wrong", ["missing", "twice"])
def test_rows_that_are_not_the_plan_are_never_committed(snapshot: Snapshot, wrong: str) -> None:
    rows = shard_rows(snapshot)
    rows = rows.slice(1) if wrong == "missing" else pa.concat_tables([rows, rows.slice(0, 1)])
    with pytest.raises(EnvironmentFailure, match="not the planned documents"):
        commit(snapshot, rows)
    assert snapshot.committed() == set()


def test_crops_go_beside_the_summaries_when_asked(snapshot: Snapshot) -> None:
    commit(snapshot, shard_rows(snapshot, crops=True))
    assert len(Crops(snapshot.out)) == 4
    assert set(Crops(snapshot.out).values()) == {b"picture"}


def test_crops_are_known_by_their_snapshot(snapshot: Snapshot, archive: Path) -> None:
    """A changed document whose crops were not stored has none: those before show what is no longer in it."""
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard, crops=True))
    (archive / "report-003.txt").write_text("changed")
    second, _ = open_snapshot(str(archive), snapshot.out, load_config(summarizer="lead"))
    commit(second, shard_rows(second))
    crops = Crops(snapshot.out)
    rows = read_summaries(snapshot.out).to_pylist()
    without = [row["uri"][-7:-4] for row in rows if (row["snapshot"], row["document_id"], 0) not in crops]
    assert (len(crops), without) == (7, ["003"])


def test_crops_are_read_part_by_part(snapshot: Snapshot) -> None:
    """All of an archive's do not fit into memory: a damaged part is not met before its own pictures are asked for."""
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard, crops=True))
    Path(snapshot.crops_uri(1)).write_bytes(b"damaged")
    crops = Crops(snapshot.out)
    first, second = (document_id(table["uri"][0].as_py()) for table in snapshot.shard_tables(range(2)))
    assert crops[snapshot.number, first, 0] == b"picture"
    with pytest.raises(pa.ArrowInvalid):
        crops[snapshot.number, second, 0]


def test_documents_of_all_snapshots_are_counted(snapshot: Snapshot, archive: Path) -> None:
    for shard in range(snapshot.shards):
        commit(snapshot, shard_rows(snapshot, shard))
    (archive / "report-003.txt").unlink()
    for name in ("first.txt", "second.txt"):
        (archive / name).write_text("It rained.")
    second, created = open_snapshot(str(archive), snapshot.out, load_config(summarizer="lead"))
    assert created and second.count() == 3
    commit(second, shard_rows(second))
    seen = read_status(snapshot.out)
    assert (seen.done, count_in_all(seen.snapshot)) == (3, 8)
    said = io.StringIO()
    _announce(Console(file=said, width=200), second, False, 3)
    assert said.getvalue().endswith("nothing to do, all 8 documents have their rows\n")


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


def row(document: Document, draft: Draft) -> tuple[str, str | None, str]:
    made = to_summary(document, draft, snapshot=1, **MARKS)  # type: ignore[arg-type]
    return made.status, made.failure_kind, made.summary


def test_statuses() -> None:
    ref = ObjectRef("/x", 1, "")
    whole, half = Document(ref=ref), Document(ref=ref, status="partial", failure_kind="timed_out")
    assert row(whole, Draft(text="t")) == ("ok", None, "t")
    assert row(half, Draft(text="t")) == ("partial", "timed_out", "t")
    assert row(whole, Draft(text="t", failure_kind=FailureKind.TOO_LARGE)) == ("partial", "too_large", "t")
    assert row(whole, Draft()) == ("failed", "generation_failed", "")
    assert row(Document.failed(ref, FailureKind.CORRUPT, "bad"), Draft(text="never")) == ("failed", "corrupt", "")


def test_rows_are_taken_in_any_order_from_any_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_module, "ROWS_TAKEN", 7)
    draw = np.random.default_rng(0)
    sizes = (5, 1, 0, 30, 12)
    parts = [pa.table({"n": draw.integers(99, size=n), "s": pa.array([f"{n}"] * n, pa.string())}) for n in sizes]
    table = pa.concat_tables(parts)
    for rows in (0, 1, 20, 48):
        order = draw.permutation(table.num_rows)[:rows].astype(np.uint64)
        assert commit_module._take(table, order).to_pydict() == table.take(pa.array(order)).to_pydict()


def test_a_column_may_hold_more_than_two_gigabytes() -> None:
    """Of captions, at a million documents. One part twenty-two times: each is there once."""
    part = pa.table({"captions": ["x" * 10**6] * 100})
    table = pa.concat_tables([part] * 22)
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        table.take(pa.array([0, 2199]))
    assert commit_module._take(table, np.array([0, 2199], np.uint64)).num_rows == 2


def test_an_empty_plan_is_none(archive: Path, tmp_path: Path) -> None:
    """Azure keeps an empty object where a write was cut off."""
    run = tmp_path / "out" / "_run"
    (run / "log" / "000001-x").mkdir(parents=True)
    for name in ("plan-000001.parquet", "compacted-000001.json", "log/000001-x/000000.jsonl"):
        (run / name).write_bytes(b"")
    assert latest_snapshot(str(tmp_path / "out")) is None and latest_compaction(str(tmp_path / "out")) is None
    assert list(read_logs(str(tmp_path / "out"), 1)) == []
