"""What `mmsum status` tells of an output, from what is committed and logged."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pyarrow as pa
import pytest

from mmsum import commands, storage
from mmsum.commands import _status_table
from mmsum.pipeline import status as status_module
from mmsum.pipeline.compact import compact, prune
from mmsum.pipeline.reading import read_summaries
from mmsum.pipeline.runlog import RunLog, oldest, run_folder
from mmsum.pipeline.status import Kept, read_status
from tests.pipeline.outputs import finish, plan


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
