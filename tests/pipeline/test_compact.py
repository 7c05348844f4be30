"""Compact and prune: the same rows in fewer objects, whenever either is killed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum import commands, storage
from mmsum.commands import _status_table
from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, SourceError
from mmsum.generation.summarizer import Draft
from mmsum.pipeline import compact as compact_module
from mmsum.pipeline import status as status_module
from mmsum.pipeline.commit import commit_shard, hash_ids, rows_table, to_summary, tombstone
from mmsum.pipeline.compact import compact, prune
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.reading import read_summaries
from mmsum.pipeline.runlog import RunLog, oldest, run_folder
from mmsum.pipeline.snapshots import Snapshot, compactions, list_parts, snapshots
from mmsum.pipeline.status import Kept, read_status
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


@pytest.fixture
def out(archive: Path, tmp_path: Path) -> Path:
    """Three finished snapshots: seven documents, then one changed and one gone, then a new one."""
    out = tmp_path / "out"
    finish(plan(archive, out), "first")
    (archive / "report-001.txt").write_text("changed")
    (archive / "report-002.txt").unlink()
    finish(plan(archive, out), "second")
    (archive / "report-900.txt").write_text("new")
    finish(plan(archive, out), "third")
    return out


def parts(out: Path, folder: str) -> list[Path]:
    return sorted((out / folder).rglob("*.parquet"))


def test_compacting_and_pruning_change_no_row(out: Path, archive: Path) -> None:
    before = read_summaries(str(out))
    assert before.num_rows == 8
    done, is_new = compact(str(out))
    assert (is_new, done.files, done.rows) == (True, 1, 8)
    assert len(parts(out, "summaries")) == 6, "compacting deletes nothing"
    assert read_summaries(str(out)).equals(before)
    assert pq.read_table(parts(out, "compacted")[0]).sort_by("uri").equals(before)
    assert compact(str(out))[1] is False
    assert prune(str(out)) == 6
    assert parts(out, "summaries") == []
    assert read_summaries(str(out)).equals(before)
    assert plan(archive, out).committed() == set(range(1)), "the marker says that the pruned snapshot is finished"
    assert prune(str(out)) == 0


def test_life_goes_on_after_pruning(out: Path, archive: Path) -> None:
    compact(str(out), part_bytes=1)
    prune(str(out))
    (archive / "report-003.txt").write_text("changed later")
    fourth = plan(archive, out)
    assert [Path(uri).name for uri in fourth.documents["uri"].to_pylist()] == ["report-003.txt"]
    assert compact(str(out))[1] is False, "an unfinished snapshot is left out"
    finish(fourth, "fourth")
    before = read_summaries(str(out))
    done, is_new = compact(str(out))
    assert (is_new, done.files, done.rows) == (True, 1, 8)
    assert prune(str(out)) == 1 + 6, "its one part, and the six of the older compaction"
    assert read_summaries(str(out)).equals(before)
    assert [row["summary"] for row in before.to_pylist() if row["uri"].endswith("003.txt")] == ["fourth"]


def test_a_snapshot_that_was_given_up_is_no_hindrance(archive: Path, tmp_path: Path) -> None:
    """`--snapshot new` before another was finished: once it has all of its documents, that one is as good as finished."""
    out = tmp_path / "out"
    finish(plan(archive, out), "first")
    (archive / "report-001.txt").write_text("changed")
    (archive / "report-003.txt").write_text("changed")
    (archive / "report-005.txt").write_text("changed")
    given_up = plan(archive, out)
    finish(given_up, "second", range(1))
    everything = plan(archive, out, new=True)
    assert compact(str(out))[0].number == 1
    finish(everything, "third")
    before = read_summaries(str(out))
    done, _ = compact(str(out))
    assert (done.number, done.rows, given_up.digest in done.covers) == (3, 7, True)
    prune(str(out))
    assert parts(out, "summaries") == []
    assert read_summaries(str(out)).equals(before)
    assert set(before["summary"].to_pylist()) == {"third"}


def test_snapshots_that_were_given_up_in_turn_hold_up_only_what_follows(archive: Path, tmp_path: Path) -> None:
    """The last one has the documents of the second, but not those of the third, which is unfinished."""
    out = tmp_path / "out"
    finish(plan(archive, out, limit=2), "first")
    for limit in (1, 4):
        plan(archive, out, new=True, limit=limit)
    finish(plan(archive, out, new=True, limit=2), "fourth")
    done, is_new = compact(str(out))
    assert (is_new, done.number, done.rows) == (True, 1, 2)
    assert {row["summary"] for row in read_summaries(str(out)).to_pylist()} == {"fourth"}


def test_what_was_compacted_while_pruning_is_kept(out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact(str(out))
    (archive / "report-901.txt").write_text("newer")
    finish(plan(archive, out), "fourth")
    before = read_summaries(str(out))
    found = compactions(str(out))
    with monkeypatch.context() as patched:
        patched.setattr("mmsum.pipeline.compact.compactions", lambda out: found)  # as it was when pruning began
        compact(str(out))
        with pytest.raises(EnvironmentFailure, match="compacted anew meanwhile; nothing was deleted"):
            prune(str(out))
    assert read_summaries(str(out)).equals(before)
    prune(str(out))
    assert read_summaries(str(out)).equals(before)


def test_a_killed_compaction_leaves_nothing_after_the_next(
    out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain reader of OUT/compacted would see its rows twice."""
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(storage, "create", _dying(2, storage.create))
        compact(str(out), part_bytes=1)
    (archive / "report-901.txt").write_text("newer")
    finish(plan(archive, out), "fourth")
    done, _ = compact(str(out))
    assert len(parts(out, "compacted")) == done.files + 2
    prune(str(out))
    assert len(parts(out, "compacted")) == done.files


def test_restart_after_pruning_does_everything_again(out: Path, archive: Path) -> None:
    compact(str(out))
    prune(str(out))
    again = plan(archive, out, restart=True)
    assert (again.number, again.committed()) == (1, set())
    assert parts(out, "compacted") == []


class Killed(BaseException):
    """Ends a call as SIGKILL would: nothing catches it."""


def _dying(calls: int, real: Callable[..., object]) -> Callable[..., object]:
    left = [calls]

    def call(*arguments: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*arguments)

    return call


@pytest.mark.parametrize("steps", range(7))
def test_killed_at_any_write_or_deletion(out: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store stops answering after so many writes, or in the middle of a deletion: the rows never change."""
    before = read_summaries(str(out))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(storage, "create", _dying(min(steps, 4), storage.create))
        compact(str(out), part_bytes=1)
    assert read_summaries(str(out)).equals(before)
    done, _ = compact(str(out), part_bytes=1)
    assert done.files == len(parts(out, "compacted"))
    with monkeypatch.context() as patched, pytest.raises(Killed):

        def half(uris: list[str]) -> None:
            for uri in uris[: steps % 3]:
                Path(uri).unlink(missing_ok=True)
            raise Killed

        patched.setattr(storage, "delete", half)
        prune(str(out))
    assert read_summaries(str(out)).equals(before)
    prune(str(out))
    assert read_summaries(str(out)).equals(before)


def test_damaged_compactions_are_never_pruned_to(out: Path) -> None:
    compact(str(out))
    [part] = parts(out, "compacted")
    pq.write_table(pq.read_table(part).slice(1), part)
    with pytest.raises(EnvironmentFailure, match="7 rows instead of 8; nothing was deleted"):
        prune(str(out))
    assert len(parts(out, "summaries")) == 6


def test_parts_are_listed_once_however_many_snapshots_there_are(
    out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing of a million documents' parts is hundreds of requests."""
    for number in range(3):
        (archive / f"more-{number}.txt").write_text("text")
        finish(plan(archive, out), "text")
    listed: list[str] = []
    monkeypatch.setattr(compact_module, "list_parts", lambda out: listed.append(out) or list_parts(out))
    monkeypatch.setattr(Snapshot, "committed", lambda snapshot: pytest.fail("lists the parts for one snapshot"))
    assert len(compact_module._finished(str(out))) == len(snapshots(str(out))) > 3
    assert len(listed) == 1


def test_nothing_to_compact_or_prune(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing is compacted"):
        prune(str(tmp_path / "out"))
    plan(archive, tmp_path / "out")
    with pytest.raises(SourceError, match="no snapshot is finished"):
        compact(str(tmp_path / "out"))


def shown(out: Path) -> str:
    table = _status_table(read_status(str(out)), None)
    return "\n".join(f"{a} {b}" for a, b in zip(table.columns[0]._cells, table.columns[1]._cells, strict=True))


def test_status_counts_what_is_logged_and_what_is_not(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    snapshot = plan(archive, out)
    receipts = finish(snapshot, "text", range(3))
    with RunLog(run_folder(str(out), 1, "0a")) as log:
        log.add("start", nodes=2, documents=7, node_hour_price=3.0)
        for receipt in receipts[:2]:
            log.add("shard", **receipt)
        log.flush()
        log.add("beat", nodes=2, counts={"lost": 1}, under_way=[])
    seen = read_status(str(out))
    assert (seen.done, seen.planned, dict(seen.counts)) == (6, 7, {"ok": 6}), "the third shard's driver died too early"
    assert (seen.drivers, seen.lost_workers, seen.is_running) == (1, 1, False)
    assert [seconds for seconds, _ in seen.slowest] == [1.5] * 4
    text = shown(out)
    assert "unfinished; the same summarize command resumes" in text
    assert "documents 6 of 7 (86%)" in text
    assert "at 3 an hour" in text
    finish(snapshot, "text")
    compact(str(out))
    prune(str(out))
    assert dict(read_status(str(out)).counts) == {"ok": 7}
    assert "complete" in shown(out)


def test_status_shows_rate_time_left_and_cost(archive: Path, tmp_path: Path) -> None:
    """Two documents every ten seconds, on two nodes at 3 an hour, for a minute."""
    out = tmp_path / "out"
    snapshot = plan(archive, out)
    receipts = finish(snapshot, "text", range(2))
    lines = [{"at": 1000.0, "event": "start", "nodes": 2, "documents": 7, "node_hour_price": 3.0}]
    lines += [{"at": 1010.0 + 10 * n, "event": "shard", **receipt} for n, receipt in enumerate(receipts)]  # type: ignore[arg-type]
    lines += [{"at": 1060.0, "event": "end", "error": "the disk is full"}]  # type: ignore[list-item]
    log = out / "_run" / "log" / "000001-x" / "000001.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("\n".join(map(json.dumps, lines)))
    seen = read_status(str(out))
    assert (seen.rate, seen.rate_seconds, seen.seconds_left) == (0.2, 20.0, 15.0)
    assert seen.node_hours == pytest.approx(2 / 60)
    text = shown(out)
    assert "0.20 documents/s, 0.2 pages/s, 0 generated tokens/s over 20 s" in text
    assert "about 15 s (3 documents at that rate)" in text
    assert "0.03 node-hours in 1 runs, 0.10 at 3 an hour, 25.00 per 1,000 documents" in text
    assert "it ended with: the disk is full" in text
    assert isinstance(read_summaries(str(out)), pa.Table)


def test_status_joins_drivers_at_work_at_the_same_time(archive: Path, tmp_path: Path) -> None:
    """The one that started last says nothing of the others."""
    out, now = tmp_path / "out", time.time()
    plan(archive, out)

    def log(run: str, *events: dict[str, object]) -> None:
        path = out / "_run" / "log" / f"000001-{run}" / "000001.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(map(json.dumps, events)))

    work = [{"stage": "parse", "shard": n, "node": "10.0.0.7", "document": "", "since": now - n} for n in range(6)]
    start = {"event": "start", "nodes": 1, "documents": 7, "node_hour_price": None}
    beat = {"event": "beat", "nodes": 1, "counts": {}, "at": now - 1}
    log("a", {**start, "at": now - 90}, {**beat, "under_way": work})
    log("b", {**start, "at": now - 80}, {**beat, "under_way": work})
    log("c", {**start, "at": now - 70}, {"event": "end", "error": "stopped by SIGTERM", "at": now - 60})
    seen = read_status(str(out))
    assert (seen.drivers, seen.is_running, seen.last_error, seen.last_heard) == (3, True, None, now - 1)
    assert [work["shard"] for work in seen.under_way] == [5, 5, 4, 4, 3, 3, 2, 2]
    log("d", {**start, "at": now - 70}, {"event": "end", "error": "the disk is full", "at": now})
    seen = read_status(str(out))
    assert (seen.is_running, seen.last_error) == (True, "the disk is full")


def test_a_look_reads_what_is_new_alone(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night's log is many objects, and `--watch` looks every ten seconds."""
    out, kept, read = tmp_path / "out", Kept(), list[str]()
    snapshot = plan(archive, out)
    finish(snapshot, "text")
    one = RunLog(run_folder(str(out), 1, "0a"))
    one.add("start", nodes=2, documents=7, node_hour_price=None)
    one.flush()
    for module, name in ((storage, "read"), (status_module, "load_plan")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *what, real=real: read.append(what[-1][-12:]) or real(*what))
    assert read_status(str(out), kept).drivers == 1
    assert read_status(str(out), kept).drivers == 1
    one.add("end", error="stopped")
    one.flush()
    assert read_status(str(out), kept).last_error == "stopped"
    assert read == ["0001.parquet", "000001.jsonl", "000002.jsonl"]
    plan(archive, out, restart=True)
    assert read_status(str(out), kept).done == 0


def test_a_beat_names_what_is_under_way_the_longest() -> None:
    under_way = [{"shard": n, "since": 1000.0 + n % 100} for n in range(5000)]
    assert {work["since"] for work in oldest(under_way)} == {1000.0} and len(oldest(under_way)) == 8


def test_watching_shows_what_runs_where_until_all_is_done(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    snapshot = plan(archive, out)
    finish(snapshot, "text", range(2))
    work = {
        "stage": "parse",
        "shard": 2,
        "node": "10.0.0.7",
        "document": "/reports/long.pdf",
        "since": time.time() - 60,
    }
    log = RunLog(run_folder(str(out), 1, "0a"))
    log.add("beat", nodes=2, counts={}, under_way=[work])
    log.flush()
    monkeypatch.setattr("time.sleep", lambda _: finish(snapshot, "text"))
    commands.status(str(out), watch=True)
    first, _, second = capsys.readouterr().out.partition("complete")
    assert "unfinished; a driver is at work" in first and "4 of 7 (57%)" in first
    assert re.search(r"under way +parse of shard 2 on 10.0.0.7, 6\d s /reports/long.pdf", first)
    assert "7 of 7 (100%)" in second
