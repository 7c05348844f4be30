"""Bytes -> Document, in one child process that can be killed.

MuPDF may hang, crash or eat all memory on a hostile file. The child (mmsum.documents.child) is spawned once, reused for
many documents and replaced when it dies; pages that it finished before are kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from mmsum.config import Figures, Limits
from mmsum.documents import child
from mmsum.errors import DocumentFailure, EnvironmentFailure, FailureKind
from mmsum.records import Box, Document, ObjectRef

_DOCUMENTS_PER_CHILD = 5000
"""Documents after which the child is replaced, so that what MuPDF leaks stays small. A start takes 1.6 s: at 200 documents of
a millisecond each it was five times their own time. MuPDF's cache is full after about 300, at 530 MB; then it grows no more.
"""
_STARTUP_SECONDS = 300.0
"""Allowed for spawning a child, beside the document's own time. A minute is short at a load of 15 a core."""
_POLL_SECONDS = 0.25
_POOLS_TRIED = 4
_NEARLY_ALL = 0.8
"""Share of the memory limit seen in use, _POLL_SECONDS before a death at most, that explains it."""
_SWEEP_AFTER_SECONDS = 60.0
"""Age of a lock before it is looked at: a parser that starts has made it, but may not hold it yet."""


_FOLDER = "mmsum-parse-"


def _sweep() -> None:
    """Remove the folders of parsers that were killed with SIGKILL: nobody holds their lock any more."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/lock"):
        with suppress(OSError):  # held, another user's, or just removed by another sweep
            if time.time() - lock.stat().st_mtime > _SWEEP_AFTER_SECONDS:
                with lock.open("r+") as held:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent, ignore_errors=True)


class _Killed(Exception):
    """The child did not finish: how, and what to tell."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


class Parser:
    """Owns one spawned, killable, reusable child process. A context manager; else call close(). Not thread-safe.

    limits.memory_mb has to hold Python, MuPDF and the layout model: 1.1 GiB of address space before any document.
    """

    def __init__(self, limits: Limits, figures: Figures) -> None:
        self.limits = limits
        self.figures = figures
        _sweep()
        self._folder = tempfile.TemporaryDirectory(prefix=_FOLDER)
        self._lock = Path(self._folder.name, "lock").open("w")  # noqa: SIM115  held until close()
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._pid = Path(self._folder.name, "pid")
        self._open_pool()

    def parse(self, ref: ObjectRef, data: bytes) -> Document:
        """The document in `data`; for a document's fault its status is failed or partial, with the kind of failure.

        Raises EnvironmentFailure where the child cannot be started at all, or its disk is full.
        """
        started = time.monotonic()
        document = self._parse(ref, data)
        document.content_hash = hashlib.sha256(data).hexdigest()
        document.seconds_parse = time.monotonic() - started
        return document

    def render(self, ref: ObjectRef, data: bytes, places: list[tuple[int, Box]], longest_side: int) -> list[bytes]:
        """PNG or JPEG crops of (page from 1, box in points), longest side in pixels; b"" for what cannot be made.

        ref: where the document lies; pictures beside a web page or a Markdown text are found from there.
        """
        try:
            done: list[bytes] = self._run(
                child.render_places, ref, self._write(data), places, longest_side, self.limits
            )
        except (_Killed, DocumentFailure):
            return [b"" for _ in places]
        return done

    def draw_boxes(self, data: bytes, document: Document) -> bytes:
        """One PNG: the pages that have figures, side by side, with boxes, labels and captions drawn on them.

        Raises DocumentFailure where the data is of no known type, or the child was killed over it.
        """
        try:
            image: bytes = self._run(child.draw_boxes, self._write(data), document)
        except _Killed as killed:
            raise DocumentFailure(killed.kind, killed.message) from killed
        return image

    def peak_mb(self) -> float:
        """The child's largest resident memory in MiB since the last call, or since its start."""
        peak: float = self._run(child.peak_mb)
        return peak

    def close(self) -> None:
        """Kill the child and remove its files. May be called twice."""
        self._close_pool()
        self._lock.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_pool(self) -> None:
        self._closing = threading.Event()
        self._started = threading.Event()
        self._refused: BaseException | None = None
        # The child asks the kernel to be killed when the *thread* that spawned it ends; so one lives until close().
        self._keeper = threading.Thread(target=self._keep_pool, name="mmsum-parse", daemon=True)
        self._keeper.start()
        self._started.wait()
        if self._refused:
            reason = " ".join(str(self._refused).split())[:200]
            raise EnvironmentFailure(
                f"the parsing child could not be started ({reason}); {self._what_to_check()}"
            ) from self._refused

    def _close_pool(self) -> None:
        self._closing.set()
        self._keeper.join()

    def _replace_pool(self) -> None:
        """After a death. The next child would find pebble's pipe as the dead one left it: half a result in it, or locked, for
        which it waits two minutes."""
        self._close_pool()
        self._open_pool()

    def _keep_pool(self) -> None:
        try:
            self._pool = ProcessPool(
                max_workers=1,
                max_tasks=_DOCUMENTS_PER_CHILD,
                initializer=child.start_child,
                initargs=(os.getpid(), self.limits.memory_mb, self._pid),
                context=multiprocessing.get_context("spawn"),
            )
            assert self._pool.active  # asking spawns the first child, from this thread
        except BaseException as error:  # handed to the thread that waits; no process may be left, or may not be started
            self._refused = error
            return
        finally:
            self._started.set()
        self._closing.wait()
        self._pool.stop()
        self._pool.join()

    def _parse(self, ref: ObjectRef, data: bytes) -> Document:
        if len(data) > self.limits.bytes:
            message = f"{len(data)} bytes are more than limits.bytes={self.limits.bytes}; raise the limit"
            return Document.failed(ref, FailureKind.TOO_LARGE, message)
        source = self._write(data)
        spool = source.with_name("pages")
        spool.unlink(missing_ok=True)
        try:
            done: Document = self._run(child.parse_file, ref, source, spool, self.limits, self.figures, spool=spool)
        except _Killed as killed:
            return self._keep_pages(ref, spool, killed)
        return done

    def _keep_pages(self, ref: ObjectRef, spool: Path, killed: _Killed) -> Document:
        try:
            kept: Document = self._run(child.finish_spool, ref, spool, self.limits, killed.kind, killed.message)
        except _Killed:
            return Document.failed(ref, killed.kind, killed.message)
        return kept

    def _write(self, data: bytes) -> Path:
        """The bytes as a file: MuPDF reads it piece by piece, where a pipe would hold a large one three times."""
        source = Path(self._folder.name, "source")
        try:
            source.write_bytes(data)
        except OSError as error:
            raise self._machines_fault(error) from error
        return source

    def _machines_fault(self, error: OSError) -> EnvironmentFailure:
        return EnvironmentFailure(
            f"{self._folder.name}: {error.strerror or error}; documents are taken apart there: make room, or set TMPDIR to a "
            "folder that has some"
        )

    def _run(self, job: Callable[..., Any], *args: Any, spool: Path | None = None) -> Any:
        """The result of job(*args) in the child. Raises _Killed where the child was killed or died over it.

        A child that dies between two jobs, as when the machine's memory runs out, breaks pebble's pool for good: then
        the job goes to a new one.
        """
        for _ in range(_POOLS_TRIED):
            try:
                return self._run_in_pool(job, *args, spool=spool)
            except BrokenProcessPool:
                self._replace_pool()
        raise EnvironmentFailure(
            f"the parsing child died {_POOLS_TRIED} times before it had begun; {self._what_to_check()}"
        )

    def _what_to_check(self) -> str:
        return (
            f"check that the machine has free memory, that limits.memory_mb={self.limits.memory_mb} is enough, and that a "
            "script that calls this does so under `if __name__ == '__main__':`"
        )

    def _run_in_pool(self, job: Callable[..., Any], *args: Any, spool: Path | None) -> Any:
        try:
            future = self._pool.schedule(job, args=args)
        except RuntimeError as error:  # what pebble says of a pool that is broken already
            raise BrokenProcessPool(str(error)) from error
        begun = progress = time.monotonic()
        size, running, peak = -1, False, 0
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS)
            except TimeoutError:
                pass
            except ProcessExpired as error:
                self._replace_pool()
                if peak > _NEARLY_ALL * self.limits.memory_mb * 2**20:  # C code that gets no memory may just die
                    raise _Killed(FailureKind.OUT_OF_MEMORY, child.out_of_memory(self.limits)) from error
                raise _Killed(FailureKind.CRASHED, f"the parser died on this document ({error})") from error
            except MemoryError as error:
                raise _Killed(FailureKind.OUT_OF_MEMORY, child.out_of_memory(self.limits)) from error
            except OSError as error:  # child.MACHINES_ERRORS
                raise self._machines_fault(error) from error
            now = time.monotonic()
            peak = max(peak, self._address_space())
            written = spool.stat().st_size if spool and spool.exists() else 0
            if written != size:
                size, progress = written, now
            if future.running() and not running:
                running, begun, progress = True, now, now
            if running:
                self._check_time(future, now - begun, now - progress if spool else 0.0)
            elif now - begun > _STARTUP_SECONDS:
                future.cancel()
                raise EnvironmentFailure(
                    f"the parsing child did not start within {_STARTUP_SECONDS:.0f} s; {self._what_to_check()}"
                )

    def _address_space(self) -> int:
        """What the child has mapped now, in bytes: what limits.memory_mb bounds. 0 where that cannot be seen."""
        try:
            pages = int(Path("/proc", self._pid.read_text(), "statm").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _check_time(self, future: ProcessFuture[Any], whole: float, page: float) -> None:
        for spent, name in ((whole, "seconds_per_document"), (page, "seconds_per_page")):
            allowed: float = getattr(self.limits, name)
            if spent > allowed:
                future.cancel()  # pebble kills the child and starts another
                raise _Killed(FailureKind.TIMED_OUT, f"parsing took longer than limits.{name}={allowed:g}; raise it")
