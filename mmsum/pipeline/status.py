"""What `mmsum status` shows, from the plan, the committed parts and the run logs: from any machine that sees OUT."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from mmsum import storage
from mmsum.pipeline.reading import read_parts, row_uris
from mmsum.pipeline.runlog import FLUSH_SECONDS, oldest, read_logs
from mmsum.pipeline.snapshots import Snapshot, list_parts, load_plan, newest_plan
from mmsum.records import ObjectRef

RATE_SECONDS = 600.0
"""The rate is that of the last ten minutes that the log knows of."""

SLOWEST = 5


@dataclass
class Status:
    """One look at the newest snapshot of an output."""

    snapshot: Snapshot
    committed: set[int]
    done: int  # documents of it with a row
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str]] = field(default_factory=list)  # seconds, URI
    drivers: int = 0  # drivers that ever worked on it
    last_error: str | None = None  # how the driver last heard of ended, if it did so with an error
    last_heard: float | None = None  # Unix time of the newest log line
    is_running: bool = False  # whether any driver is
    under_way: list[dict[str, Any]] = field(default_factory=list)  # the oldest of all drivers
    lost_workers: int = 0
    repeated: int = 0  # documents beyond one attempt each
    rate: float = 0.0  # documents/s
    pages_rate: float = 0.0  # pages/s
    tokens_rate: float = 0.0  # generated tokens/s
    rate_seconds: float = 0.0  # the time over which those rates were taken
    node_hours: float = 0.0
    node_hour_price: float | None = None

    @property
    def planned(self) -> int:
        return self.snapshot.count()

    @property
    def is_complete(self) -> bool:
        return len(self.committed) == self.snapshot.shards

    @property
    def seconds_left(self) -> float | None:
        return (self.planned - self.done) / self.rate if self.rate and not self.is_complete else None


@dataclass
class Kept:
    """What one look at an output read for the next ones: plans and log objects are written once."""

    plan: dict[ObjectRef, Snapshot] = field(
        default_factory=dict
    )  # by its object's version: --restart takes the name anew
    log: dict[str, bytes] = field(default_factory=dict)


def read_status(out: str, kept: Kept | None = None) -> Status:
    """One look. Of many, `kept` saves reading everything again. Raises SourceError where no run has been started in `out`."""
    out, kept = storage.normalize(out), kept or Kept()
    plan = newest_plan(out)
    if plan not in kept.plan:
        kept.plan = {plan: load_plan(out, plan.uri)}
    snapshot = kept.plan[plan]
    committed = snapshot.committed()
    status = Status(snapshot, committed, snapshot.count(committed))
    receipts: dict[int, dict[str, Any]] = {}
    starts: list[float] = []
    for _, events in read_logs(out, snapshot.number, kept.log):
        _add_driver(status, events)
        starts += [event["at"] for event in events if event["event"] == "start"]
        receipts |= {event["shard"]: event for event in events if event["event"] == "shard"}
    for receipt in receipts.values():
        status.counts.update(json.loads(receipt["counts"]))
        status.failures.update(json.loads(receipt["failures"]))
        status.repeated += receipt["lost_attempts"]
        status.slowest += [(seconds, uri) for seconds, uri in json.loads(receipt["slowest"])]
    status.slowest = sorted(status.slowest, reverse=True)[:SLOWEST]
    _add_unlogged(status, committed - set(receipts))
    _add_rate(status, list(receipts.values()), starts)
    return status


def _add_driver(status: Status, events: list[dict[str, Any]]) -> None:
    status.drivers += 1
    nodes, before = 0, events[0]["at"]
    for event in events:
        status.node_hours += nodes * (event["at"] - before) / 3600
        nodes, before = event.get("nodes", nodes), event["at"]
        if event["event"] == "start":
            status.node_hour_price = event["node_hour_price"]
    last = events[-1]
    beats = [event for event in events if event["event"] == "beat"]
    if last["at"] >= (status.last_heard or 0.0):
        status.last_heard = last["at"]
        status.last_error = last["error"] if last["event"] == "end" else None
    is_running = last["event"] != "end" and time.time() - last["at"] < 3 * FLUSH_SECONDS
    status.is_running |= is_running
    if beats and is_running:
        status.under_way = oldest(status.under_way + beats[-1]["under_way"])
    status.lost_workers += beats[-1]["counts"].get("lost", 0) if beats else 0


def _add_unlogged(status: Status, shards: set[int]) -> None:
    """Counts the rows of shards without a receipt: their driver died between a commit and its next log object."""
    snapshot = status.snapshot
    if not shards:
        return
    present = {shard: uri for digest, shard, uri in list_parts(snapshot.out) if digest == snapshot.digest}
    if shards <= present.keys():
        tables = read_parts(present[shard] for shard in sorted(shards))
    else:  # pruned: every row of the newest snapshot is in the compaction
        status.counts.clear()
        status.failures.clear()
        tables = (
            table.filter(pc.equal(table["snapshot"], snapshot.number)) for table in read_parts(row_uris(snapshot.out))
        )
    for table in tables:
        status.counts.update(table["status"].to_pylist())
        status.failures.update(kind for kind in table["failure_kind"].to_pylist() if kind)


def _add_rate(status: Status, receipts: list[dict[str, Any]], starts: list[float]) -> None:
    """Over RATE_SECONDS before the newest commit, or since a driver started in them: the first shards took that long."""
    if not receipts:
        return
    newest = max(receipt["at"] for receipt in receipts)
    recent = [receipt for receipt in receipts if receipt["at"] > newest - RATE_SECONDS]
    times = [receipt["at"] for receipt in recent]
    started = [at for at in starts if newest - RATE_SECONDS < at < newest]
    begin = min(times + started) if started or len(recent) == len(receipts) else newest - RATE_SECONDS
    status.rate_seconds = newest - begin
    if not status.rate_seconds:
        return
    status.rate, status.pages_rate, status.tokens_rate = (
        sum(receipt[name] for receipt in recent if receipt["at"] > begin) / status.rate_seconds
        for name in ("documents", "pages", "output_tokens")
    )
