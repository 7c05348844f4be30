"""What a large archive will take, by the rates that a run of some hundred documents has logged."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmsum import storage
from mmsum.errors import SourceError
from mmsum.pipeline.progress import Totals
from mmsum.pipeline.runlog import read_logs
from mmsum.pipeline.snapshots import latest_snapshot

SPARE = 1.2
"""CPUs beyond the mean need: documents come unevenly, and a waiting GPU costs more than a waiting CPU."""


@dataclass(frozen=True)
class Rates:
    """Means over the documents of a snapshot, failures included."""

    documents: int
    generate: float  # seconds of a generating actor: of a GPU, where the run had them
    parse: float  # seconds of a parsing CPU, fetching included
    idle: float  # share of their time in which generating actors waited for documents


@dataclass(frozen=True)
class Need:
    """What `documents` in `hours` take."""

    actors: int
    cpus: int
    cost: float


def read_rates(out: str) -> Rates:
    """The rates of the newest snapshot of an output, from its run logs. Raises SourceError where there are none."""
    out = storage.normalize(out)
    snapshot = latest_snapshot(out)
    events = [] if snapshot is None else [e for _, events in read_logs(out, snapshot.number) for e in events]
    receipts = {event["shard"]: event for event in events if event["event"] == "shard"}
    totals = Totals()
    for receipt in receipts.values():
        totals.add(receipt)
    if not totals.documents or not totals.seconds["generate"]:
        raise SourceError(f"{out}: no rates are logged there; summarize some hundred documents into it first")
    parse = totals.seconds["fetch"] + totals.seconds["parse"]
    return Rates(
        totals.documents, totals.seconds["generate"] / totals.documents, parse / totals.documents, totals.idle_share
    )


def machines(rates: Rates, documents: int, hours: float, *, actor_hour: float = 0.0, cpu_hour: float = 0.0) -> Need:
    """Whole actors and CPUs that do it in time, and what they cost at these prices."""
    seconds = 3600 * hours
    actors = math.ceil(documents * rates.generate / seconds)
    cpus = math.ceil(SPARE * documents * rates.parse / seconds)
    return Need(actors, cpus, hours * (actors * actor_hour + cpus * cpu_hour))
