"""Kills parts of a run at random instants, starts it again where its driver died, and checks what must always be true."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mmsum
from mmsum import storage
from mmsum.pipeline.snapshots import list_parts, snapshots
from tests.conftest import mmsum_command

VICTIMS = {
    "driver": "mmsum.cli",
    "worker": "ray::MapBatches(parse_shard",
    "actor": "ray::MapWorker(MapBatches(GenerateShards",
    "parser child": "multiprocessing.spawn",
    "commit": "ray::MapBatches(commit_shard",
    "board": "ray::Board",
    "raylet": "ray/raylet/raylet ",
    "gcs": "ray/gcs/gcs_server ",
}
"""What is killed, and how its command line reads."""

FIND_SECONDS = 15.0

WITH_THE_DRIVER = ("driver", "raylet", "gcs")
"""Victims that take the driver with them; it notices a dead GCS after a minute."""

COMPARED = ("status", "failure_kind", "content_hash", "title", "pages_total", "pages_read", "tokens_total", "figures")
"""Columns that never depend on what was killed. Texts of `lead` do not either; a model's depend on its batches."""


@dataclass
class Report:
    """What happened to one output."""

    kills: Counter[str] = field(default_factory=Counter)
    drivers: int = 0
    documents: int = 0
    repeated: int = 0  # documents begun again, a killed shard counting whole
    crashed: int = 0  # documents that were at work in several kills
    seconds: float = 0.0


def processes() -> Iterator[tuple[int, int, str]]:
    """(pid, parent, command line) of everything that runs."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                yield (
                    int(entry.name),
                    parent,
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"),
                )
            except (FileNotFoundError, ProcessLookupError):
                continue


def descendants(pid: int) -> dict[int, str]:
    """{pid: command line} of a process and all below it."""
    found: dict[int, str] = {}
    everything = list(processes())
    wanted = {pid}
    while wanted:
        found |= {child: line for child, _, line in everything if child in wanted}
        wanted = {child for child, parent, _ in everything if parent in found and child not in found}
    return found


def start(command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
    """`mmsum COMMAND` with its output appended to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(mmsum_command(*command), stdout=file, stderr=file, cwd=log.parent)


def is_at_work(out: str) -> bool:
    """Whether some shard was begun or committed."""
    attempts = storage.list_folder(storage.join(out, "_run", "attempts"))
    return next(iter(attempts), None) is not None or next(iter(list_parts(out)), None) is not None


def kill_one(driver: subprocess.Popen[bytes], kind: str, rng: random.Random) -> bool:
    """SIGKILL to one process of that kind below the driver, within a second of there being one, for which it waits."""
    give_up, instant = time.monotonic() + FIND_SECONDS, 0.0
    while time.monotonic() < give_up and driver.poll() is None:
        found = sorted(pid for pid, line in descendants(driver.pid).items() if VICTIMS[kind] in line)
        if kind == "driver":
            found = [driver.pid]
        if found:
            instant = instant or time.monotonic() + rng.uniform(0, 1)
        if found and time.monotonic() >= instant:
            try:
                os.kill(rng.choice(found), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.01)
    return False


def run_to_the_end(
    command: Sequence[str | Path],
    out: str,
    log: Path,
    rng: random.Random,
    kills: int,
    kinds: Sequence[str] = tuple(VICTIMS),
    patience: float = 900.0,
) -> Report:
    """One `mmsum summarize` that is killed `kills` times, or as often as it can be before it is done.

    Raises AssertionError where the run ends otherwise than done, or the rows are not a part of the plan on the way.
    """
    report, begun = Report(), time.monotonic()
    driver = start(command, log)
    report.drivers += 1
    ends = False  # whether this driver has to be started again
    while driver.poll() is None or (driver.returncode and ends):
        assert time.monotonic() - begun < patience, f"no end within {patience:.0f} s; see {log}"
        if driver.poll() is not None:
            check(out, {}, finished=False)
            driver, ends = start(command, log), False
            report.drivers += 1
        if report.kills.total() < kills and not ends:
            _wait_for_an_instant(driver, out, rng)
            kind = rng.choice(kinds)
            if kill_one(driver, kind, rng):
                report.kills[kind] += 1
                ends = kind in WITH_THE_DRIVER
        try:
            driver.wait(0.5 if report.kills.total() < kills else 5)
        except subprocess.TimeoutExpired:
            continue
    assert driver.returncode == 0, f"exit code {driver.returncode}; see {log}: {log.read_text()[-2000:]}"
    rows = mmsum.read_summaries(out)
    report.documents = rows.num_rows
    report.repeated = sum(rows["attempts"].to_pylist()) - rows.num_rows
    report.seconds = time.monotonic() - begun
    return report


def _wait_for_an_instant(driver: subprocess.Popen[bytes], out: str, rng: random.Random) -> None:
    """One time in four any moment, also before work has begun; else a moment within two seconds of work."""
    if rng.random() > 0.25:
        while driver.poll() is None and not is_at_work(out):
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 2))
    else:
        time.sleep(rng.uniform(0, 8))


def content(out: str, *, texts: bool) -> dict[str, tuple[Any, ...]]:
    """{name of the document: what its row says} without times and attempts."""
    columns = (*COMPARED, "summary") if texts else COMPARED
    return {
        row["uri"].rsplit("/", 1)[-1]: tuple(repr(row[name]) for name in columns)
        for row in mmsum.read_summaries(out).to_pylist()
    }


def check(out: str, expected: dict[str, tuple[Any, ...]], *, finished: bool) -> None:
    """Invariant 1: no row twice, none that was not planned, and in the end each planned one, with the expected content."""
    planned = set[str]().union(*(snapshot.ids() for snapshot in snapshots(storage.normalize(out))))
    ids = mmsum.read_summaries(out)["document_id"].to_pylist()
    assert len(ids) == len(set(ids)), "a document has two rows"
    assert set(ids) <= planned, "a row was not planned"
    if finished:
        assert set(ids) == planned, "a document has no row"
        found = content(out, texts=len(next(iter(expected.values()))) > len(COMPARED))
        wrong = [name for name in expected if found.get(name) != expected[name]]
        said = f"; {wrong[0]}: {found.get(wrong[0])} instead of {expected[wrong[0]]}" if wrong else ""
        assert found.keys() == expected.keys() and not wrong, f"rows differ from the undisturbed run's: {wrong}{said}"
