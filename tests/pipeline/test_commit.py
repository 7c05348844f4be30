"""Commit: one object per shard, exactly the planned documents, newest row wins."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, FailureKind
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.commit import commit_shard, hash_ids, rows_table, to_summary
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.reading import read_summaries
from mmsum.pipeline.runlog import read_logs
from mmsum.pipeline.snapshots import Snapshot, count_in_all, latest_compaction, latest_snapshot
from mmsum.pipeline.status import read_status
from mmsum.pipeline.summarize import _announce
from mmsum.records import SUMMARY_SCHEMA, Document, Figure, ObjectRef

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
    crops = pq.read_table(snapshot.crops_uri(0)).to_pylist()
    assert [crop["image"] for crop in crops] == [b"picture"] * 4


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


def row(document: Document, draft: Draft) -> tuple[str, str | None, str]:
    made = to_summary(document, draft, snapshot=1, **MARKS)  # type: ignore[arg-type]
    return made.status, made.failure_kind, made.summary


def test_statuses() -> None:
    ref = ObjectRef("/x", 1, "")
    whole, half = Document(ref=ref), Document(ref=ref, status="partial", failure_kind="timed_out")
    assert row(whole, Draft(text="t")) == ("ok", None, "t")
    assert row(half, Draft(text="t")) == ("partial", "timed_out", "t")
    assert row(whole, Draft(text="t", failure_kind=FailureKind.TOO_LARGE)) == ("partial", "too_large", "t")
    assert row(whole, Draft()) == row(whole, Draft(text=" \n")) == ("failed", "generation_failed", "")
    silent = to_summary(whole, Draft(), snapshot=1, **MARKS)  # type: ignore[arg-type]
    assert silent.failure_message == "the summarizer wrote nothing", "one of a caller's own may say nothing of it"
    assert row(Document.failed(ref, FailureKind.CORRUPT, "bad"), Draft(text="never")) == ("failed", "corrupt", "")


def test_an_empty_plan_is_none(archive: Path, tmp_path: Path) -> None:
    """Azure keeps an empty object where a write was cut off."""
    run = tmp_path / "out" / "_run"
    (run / "log" / "000001-x").mkdir(parents=True)
    for name in ("plan-000001.parquet", "compacted-000001.json", "log/000001-x/000000.jsonl"):
        (run / name).write_bytes(b"")
    assert latest_snapshot(str(tmp_path / "out")) is None and latest_compaction(str(tmp_path / "out")) is None
    assert list(read_logs(str(tmp_path / "out"), 1)) == []
