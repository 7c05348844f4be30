"""Who was at work when a worker died: written under OUT/_run before the work, so that no document is tried for ever.

The first attempt at a shard takes its documents together. When the worker dies, the next attempt takes them one by one
and writes each one's name down first: a document whose worker died twice while it was alone there is `crashed`.
Deaths count as evidence within one run, where a repeated attempt can only mean a dead worker. Another run's marks weigh
less: that run may have been killed for reasons of its own, or be at work this moment.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mmsum import storage
from mmsum.errors import ObjectNotFound, StorageError

DEATHS_IN_RUN = 2
"""Deaths beside one document, alone, in one run, after which it is not tried again."""

DEATHS_EVER = 3
"""The same, over all runs."""


@dataclass
class Attempts:
    """The attempts at one stage of one shard. `run` names the driver's run."""

    uri: str
    run: str
    write_seconds: float
    one_by_one: bool = False  # an earlier attempt died: this one has to find out over which document
    together: list[str] = field(default_factory=list)  # runs that began the shard as a whole
    alone: dict[str, list[str]] = field(default_factory=dict)  # document id -> runs that began it alone
    reasons: dict[str, str] = field(
        default_factory=dict
    )  # document id, or "" for the shard -> what a dying engine said
    tried: dict[str, int] = field(default_factory=dict)  # document id -> attempts, of those begun here

    @classmethod
    def read(cls, out: str, digest: str, stage: str, shard: int, run: str, write_seconds: float) -> Attempts:
        """What earlier attempts left. Raises StorageError where that cannot be found out."""
        uri = attempts_uri(out, digest, stage, shard)
        try:
            data = storage.patiently(lambda: storage.read(uri), write_seconds)
        except ObjectNotFound:
            data = b""
        marks: dict[str, Any] = json.loads(data) if data else {}  # empty: its writer was killed, on Azure
        attempts = cls(uri, run, write_seconds, **marks)
        died = run in attempts.together or len(attempts.together) >= DEATHS_EVER - 1
        attempts.one_by_one = died or bool(attempts.alone)
        return attempts

    def begin_together(self) -> None:
        """Marks the shard as a whole."""
        self.together.append(self.run)
        self._write()

    def begin(self, document_id: str) -> None:
        """Marks one document as the one that is at work now."""
        deaths = self.alone.setdefault(document_id, [])
        deaths.append(self.run)
        self.tried[document_id] = len(self.together) + len(deaths)
        self._write()

    def finish(self, document_id: str) -> None:
        """It did not die over this one; written down together with the next mark, or at the end."""
        self.alone.pop(document_id, None)
        self.reasons.pop(document_id, None)

    def end(self) -> None:
        """The attempt came to its end: else the last document's mark would be held against it when the shard is done again."""
        if self.one_by_one:
            self._write()

    def is_poison(self, document_id: str) -> bool:
        deaths = self.alone.get(document_id, [])
        return deaths.count(self.run) >= DEATHS_IN_RUN or len(deaths) >= DEATHS_EVER

    def count(self, document_id: str) -> int:
        """Attempts at a document so far, the one under way included."""
        before = max(1, len(self.together) + len(self.alone.get(document_id, [])))
        return self.tried.get(document_id, before)

    def note(self, document_id: str, reason: str) -> None:
        """The last words of an engine that is about to be ended ("" for the shard as a whole); one try."""
        self.reasons[document_id] = reason
        with suppress(StorageError):
            storage.put(self.uri, self._marks())

    def reason(self, document_id: str) -> str:
        return self.reasons.get(document_id) or self.reasons.get("", "")

    def verdict(self, document_id: str, who: str) -> str:
        """Why a document is not tried again: how often `who` died over it, in this run and before, and what it said."""
        said = self.reason(document_id) or "no last words"
        return f"{who} died over it, alone, {len(self.alone[document_id])} times ({said})"

    def _write(self) -> None:
        storage.patiently(lambda: storage.put(self.uri, self._marks()), self.write_seconds)

    def _marks(self) -> bytes:
        return json.dumps({"together": self.together, "alone": self.alone, "reasons": self.reasons}).encode()


def attempts_uri(out: str, digest: str, stage: str, shard: int) -> str:
    return storage.join(out, "_run", "attempts", digest, f"{stage}-{shard:06d}.json")


def forget(out: str, digest: str, shard: int) -> None:
    """Deletes the marks of a committed shard."""
    storage.delete([attempts_uri(out, digest, stage, shard) for stage in ("parse", "generate")])
