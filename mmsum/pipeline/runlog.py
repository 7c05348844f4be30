"""The run log: what each driver saw, as JSON lines under OUT/_run/log, in objects of bounded size.

One folder a driver, `OUT/_run/log/<snapshot>-<start>-<run>/000001.jsonl`, ..., each object written once. Events: `start`,
`shard` (a receipt), `beat` (the board's counts and what is under way), `end`. It tells people and `mmsum status` what
happened; nothing else depends on it, so a log that cannot be written is left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from types import TracebackType
from typing import Any

from mmsum import storage
from mmsum.errors import StorageError
from mmsum.pipeline.snapshots import READERS

FLUSH_SECONDS = 30.0
FLUSH_EVENTS = 1000

UNDER_WAY = 8
"""Shards under way that a beat names. All of a large run's, in every beat of a night, were a gigabyte."""


@dataclass
class RunLog:
    """The log of one driver's run; `folder` is run_folder(...). A context manager, which writes how the run ended."""

    folder: str
    written: int = 0
    waiting: list[str] = field(default_factory=list)
    flushed: float = field(default_factory=time.monotonic)
    stopped: str | None = None  # why the run ends early, where nothing is raised

    def add(self, event: str, **fields: Any) -> None:
        """Appends one line; written with the next flush."""
        self.waiting.append(json.dumps({"at": round(time.time(), 3), "event": event, **fields}))

    def __enter__(self) -> RunLog:
        self.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.add("end", error=(str(error) or type(error).__name__) if error else self.stopped)
        self.flush()

    def is_due(self) -> bool:
        return len(self.waiting) >= FLUSH_EVENTS or time.monotonic() - self.flushed > FLUSH_SECONDS

    def flush(self) -> None:
        """Writes the waiting lines as the next object."""
        self.flushed = time.monotonic()
        if not self.waiting:
            return
        uri = storage.join(self.folder, f"{self.written + 1:06d}.jsonl")
        with suppress(StorageError):
            storage.put(uri, ("\n".join(self.waiting) + "\n").encode())
            self.written += 1
            self.waiting.clear()


def run_folder(out: str, snapshot: int, run: str) -> str:
    start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return storage.join(out, "_run", "log", f"{snapshot:06d}-{start}-{run}")


def oldest(under_way: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what is under way that which is so the longest."""
    return sorted(under_way, key=lambda work: float(work["since"]))[:UNDER_WAY]


def read_logs(
    out: str, snapshot: int, kept: dict[str, bytes] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(run, its events in order) of every driver that worked on a snapshot, the oldest first.

    `kept` remembers what was read, URI -> bytes, for another call with it: an object is written once.
    """
    kept = {} if kept is None else kept
    root = storage.join(out, "_run", "log")
    uris = sorted(ref.uri for ref in storage.list_folder(root, f"{snapshot:06d}-"))
    new = [uri for uri in uris if not kept.get(uri)]  # an empty one may be at its writing, on Azure
    with ThreadPoolExecutor(READERS) as readers:
        kept.update(zip(new, readers.map(storage.read, new), strict=True))
    for folder, group in groupby(uris, key=lambda uri: uri.rpartition("/")[0]):
        lines = [line for uri in group for line in kept[uri].decode().splitlines()]
        if lines:  # none where the first write was killed, on Azure
            yield folder.rpartition("/")[2], [json.loads(line) for line in lines]
