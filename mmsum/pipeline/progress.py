"""What a user sees while a run goes on, and the table at its end.

Stages report to one small board actor as documents pass; the driver looks at it once a second (watch.py). On a terminal
that is a live line with rates and a time to go, elsewhere a plain line now and then. Lost reports cost accuracy on screen,
nothing else.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mmsum.config import Robustness
from mmsum.pipeline.cluster import beside_the_driver

PLAIN_INTERVAL = 10.0
"""Seconds between two lines when output goes to a file or a job's log."""


class Board:
    """The actor that counts, knows what is under way where, and says when trouble is more than single documents'."""

    def __init__(self, trouble_share: float = 0.2, trouble_window: int = 200) -> None:
        self.counts: Counter[str] = Counter()
        self.under_way: dict[tuple[str, int], dict[str, Any]] = {}
        self.trouble_share = trouble_share
        self.trouble: deque[bool] = deque(maxlen=trouble_window)
        self.stopping = False

    def look(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """The counts, and what is under way: stage, shard, node, document (a URI or ""), since (Unix time)."""
        return dict(self.counts), list(self.under_way.values())

    def begin(self, stage: str, shard: int, node: str) -> bool:
        """A stage begins a shard; False: the run is about to end, leave it. A second beginning follows a lost worker.

        What is parsed is still generated: a run's end is only then early when it has to be.
        """
        if self.stopping and stage == "parse":
            return False
        self.counts["lost"] += (stage, shard) in self.under_way
        self.under_way[stage, shard] = {
            "stage": stage,
            "shard": shard,
            "node": node,
            "document": "",
            "since": time.time(),
        }
        return True

    def at(self, stage: str, shard: int, document: str, sound: int = 0, **counts: int) -> None:
        """A stage comes to a document; the counts are of what it has passed since it last said so, `sound` without trouble."""
        self._add(sound, counts)
        if work := self.under_way.get((stage, shard)):
            work |= {"document": document, "since": time.time()}

    def end(self, stage: str, shard: int, sound: int = 0, **counts: int) -> None:
        """A stage is through with a shard; counts as for at()."""
        self._add(sound, counts)
        self.under_way.pop((stage, shard), None)

    def _add(self, sound: int, counts: dict[str, int]) -> None:
        self.counts.update(counts)
        self.trouble.extend([False] * sound)

    def stop(self) -> None:
        """No other shard is begun."""
        self.stopping = True

    def judge(self) -> str:
        """Counts one document in trouble. What to say when the environment itself is in trouble, else ""."""
        self.trouble.append(True)
        found, seen = sum(self.trouble), len(self.trouble)
        # A share of a few documents says little: six of the first twenty-five have to be in trouble, at a share of 0.2.
        if found <= self.trouble_share * max(seen, TROUBLE_MINIMUM):
            return ""
        return f"{found} of the last {seen} documents could not be fetched or crashed their worker"


TROUBLE_MINIMUM = 25
"""Documents of which the share of trouble is taken before so many have passed."""


def start_board(robustness: Robustness) -> Any:
    """The run's board."""
    import ray

    return ray.remote(**beside_the_driver())(Board).remote(robustness.trouble_share, robustness.trouble_window)


@dataclass
class Totals:
    """Sums of what this run committed."""

    documents: int = 0
    shards: int = 0
    repeated: int = 0  # shards that another driver had committed first
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    figures: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0

    def add(self, receipt: dict[str, Any]) -> None:
        """Adds one shard's receipt (RECEIPT_SCHEMA)."""
        self.shards += 1
        self.repeated += not receipt["created"]
        self.counts.update(json.loads(receipt["counts"]))
        self.failures.update(json.loads(receipt["failures"]))
        for name in ("documents", "pages", "figures", "prompt_tokens", "output_tokens"):
            setattr(self, name, getattr(self, name) + receipt[name])
        for name in ("fetch", "parse", "generate", "commit", "idle"):
            self.seconds[name] += receipt[f"seconds_{name}"]

    @property
    def idle_share(self) -> float:
        """Share of the generating actors' time, between their first and last shard, in which they waited."""
        busy = self.seconds["generate"] + self.seconds["idle"]
        return self.seconds["idle"] / busy if busy else 0.0


class _TwoLines(Progress):
    """The bar, and its task's `detail` below: beside each other they are cut off at 110 columns."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(task.fields["detail"], no_wrap=True, overflow="ellipsis")


class ProgressDisplay:
    """Shows a run's progress, as `see` is told of it, until the `with` block ends."""

    def __init__(self, console: Console, planned: int, done: int) -> None:
        self.console, self.planned, self.done = console, planned, done
        self.committed = done
        self.started = self.said = time.monotonic()
        columns = (TextColumn("summarizing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = _TwoLines(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=planned, completed=done, detail="starting")

    def __enter__(self) -> ProgressDisplay:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def see(self, counts: dict[str, int]) -> None:
        """A board's counts, about once a second."""
        written, now = min(self.done + counts.get("generated", 0), self.planned), time.monotonic()
        if self.console.is_terminal:
            self.bar.update(self.task, completed=written, detail=self.describe(counts))
        elif now - self.said >= PLAIN_INTERVAL:
            self.said = now
            line = f"{now - self.started:6.0f} s  {written}/{self.planned} documents  {self.describe(counts)}"
            self.console.print(line, soft_wrap=True)

    def describe(self, counts: dict[str, int]) -> str:
        """One line: what is parsed, written, committed, how fast, and how long it may still take."""
        elapsed = max(time.monotonic() - self.started, 1e-6)
        generated = counts.get("generated", 0)
        parts = [
            f"parsed {counts.get('parsed', 0)}",
            f"committed {self.committed}",
            f"failed {counts.get('failed', 0)}",
            f"{counts.get('pages', 0) / elapsed:.1f} pages/s",
            f"{counts.get('tokens', 0) / elapsed:.0f} tokens/s",
        ]
        if generated:
            left = (self.planned - self.done - generated) * elapsed / generated
            parts.append(f"about {format_seconds(left)} left")
        return "  ".join(parts)


def format_seconds(seconds: float) -> str:
    """ "42 s", "7 min", "3 h 20 min"."""
    seconds = max(0, round(seconds))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def print_totals(console: Console, totals: Totals) -> None:
    """The table at the end of a run."""
    wall = max(totals.wall, 1e-6)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    counts = ", ".join(f"{totals.counts[s]} {s}" for s in ("ok", "partial", "failed", "deleted") if totals.counts[s])
    table.add_row("documents", f"{totals.documents} ({counts or 'none'}) in {format_seconds(wall)}")
    if totals.failures:
        kinds = ", ".join(f"{count} {kind}" for kind, count in totals.failures.most_common())
        table.add_row("failures", kinds)
    if totals.repeated:
        table.add_row("repeated", f"{totals.repeated} shards had been committed by another run meanwhile")
    table.add_row("read", f"{totals.pages} pages, {totals.figures} figures, {totals.prompt_tokens} prompt tokens")
    table.add_row(
        "rates",
        f"{totals.documents / wall:.2f} documents/s, {totals.pages / wall:.1f} pages/s, "
        f"{totals.output_tokens / wall:.0f} generated tokens/s",
    )
    spent = sum(totals.seconds[name] for name in ("fetch", "parse", "generate", "commit")) or 1e-6
    where = ", ".join(
        f"{name} {totals.seconds[name]:.1f} s ({totals.seconds[name] / spent:.0%})"
        for name in ("fetch", "parse", "generate", "commit")
    )
    table.add_row("time", where)
    table.add_row("waiting", f"generating actors waited {totals.idle_share:.0%} of their time for documents")
    console.print(table)
