"""The driver's wait for receipts: over when there are no more, when nothing moves, or when a preemption's grace is over."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mmsum.config import Robustness
from mmsum.errors import EnvironmentFailure
from mmsum.pipeline.progress import format_seconds

TICK_SECONDS = 1.0

STOP_SECONDS = 10.0
"""How long an execution that is to end is waited for; a step of its loop takes a tenth of a second."""

Look = tuple[dict[str, int], list[dict[str, Any]]]
"""What a board's look() gives: the counts, and what is under way."""


@dataclass(frozen=True)
class Notice:
    """What a run was told from outside: that its machine goes away (SIGTERM), or to stop (SIGINT, Ctrl-C)."""

    leave: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def noticed() -> Iterator[Notice]:
    """The two signals do nothing but set their event until the block ends; a second Ctrl-C interrupts at once.

    A KeyboardInterrupt raised wherever the main thread happens to be can be lost: Python drops exceptions in finalizers
    and callbacks, and the run went on to its end. Only the main thread can ask for signals.
    """
    notice = Notice()
    if threading.current_thread() is not threading.main_thread():
        yield notice
        return

    def interrupt(*_: object) -> None:
        if notice.stop.is_set():
            raise KeyboardInterrupt
        notice.stop.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, lambda *_: notice.leave.set())
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield notice
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def receipts_of(committed: Any, board: Any, robustness: Robustness, notice: Notice) -> Iterator[dict[str, Any] | Look]:
    """Each shard's receipt when it is committed, and about once a second what the board shows, or showed last.

    committed: the Ray dataset whose rows are receipts; iterated in a thread, so that this one keeps its eyes open. After
    `notice.leave` no shard is begun any more, and those under way have robustness.grace_seconds. Raises KeyboardInterrupt
    after `notice.stop`, EnvironmentFailure when nothing was finished for robustness.stall_minutes, and what the dataset
    raises.
    """
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pump = threading.Thread(target=_pump, args=(committed, arrived), name="receipts", daemon=True)
    pump.start()
    last_counts: dict[str, int] = {}
    seen: Look = {}, []
    moved, looked, leave_at = time.monotonic(), 0.0, float("inf")
    try:
        while True:
            try:
                item = arrived.get(timeout=TICK_SECONDS)
            except queue.Empty:
                item = None
            now = time.monotonic()
            if notice.stop.is_set():
                raise KeyboardInterrupt
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                moved = now
                yield item
            if now - looked < TICK_SECONDS:
                continue
            looked = now
            seen = look(board) or seen  # no answer is no news: neither a restarted board nor progress
            yield seen
            counts, under_way = seen
            if notice.leave.is_set():
                board.stop.remote()  # again each time: a board that died and came back has forgotten
                leave_at = min(leave_at, now + robustness.grace_seconds)
            if now > leave_at:
                return
            counts = {name: count for name, count in counts.items() if name != "lost"}
            if counts != last_counts:
                moved, last_counts = now, counts
            elif now - moved > 60 * robustness.stall_minutes:
                raise EnvironmentFailure(
                    f"nothing was finished for {format_seconds(now - moved)}; {_waiting_for(under_way)} "
                    "(run the same command again to resume)"
                )
    finally:
        _stop(committed, pump)


_END = object()


def _pump(committed: Any, arrived: queue.SimpleQueue[Any]) -> None:
    try:
        # prefetch_batches=0: a receipt is shown when its shard is committed, not when the next one is.
        for table in committed.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for receipt in table.to_pylist():
                arrived.put(receipt)
    except BaseException as error:  # handed to the thread that waits
        arrived.put(error)
    else:
        arrived.put(_END)


def _stop(committed: Any, pump: threading.Thread) -> None:
    """Ends the execution where it still goes on: Ray Data does so by itself only when its iterator is read to the end.

    A dataset knows its executor only once the first receipt has come, so it is found among this process's threads. Left
    running into Ray's own shutdown it brings the process down with a segmentation fault.
    """
    import ray

    deadline = time.monotonic() + STOP_SECONDS
    while pump.is_alive() and time.monotonic() < deadline:
        name = f"StreamingExecutor-{committed.get_dataset_id()}"
        for executor in [thread for thread in threading.enumerate() if thread.name == name]:
            with suppress(ray.exceptions.RayError):  # what ends the run is already on its way, Ctrl-C for one
                executor.shutdown(force=True)  # type: ignore[attr-defined]
        pump.join(0.1)


def look(board: Any) -> Look | None:
    """The board's counts and what is under way; None where it does not answer."""
    import ray

    try:
        seen: Look = ray.get(board.look.remote(), timeout=2)
    except ray.exceptions.RayError:
        return None
    return seen


def _waiting_for(under_way: list[dict[str, Any]]) -> str:
    if not under_way:
        return "no shard is under way: check that the cluster has the CPUs and GPUs that config resources.* asks for"
    oldest = min(under_way, key=lambda work: work["since"])
    document = f" at {oldest['document']}" if oldest["document"] else ""
    waited = format_seconds(time.time() - oldest["since"])
    return (
        f"waiting for {len(under_way)} shards, longest for {oldest['stage']} of shard {oldest['shard']} on "
        f"{oldest['node']}{document}, for {waited}"
    )
