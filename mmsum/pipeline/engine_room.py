"""A summarizer at work in its actor: what happens when it runs out of memory, hangs or dies.

Out of memory: half as many documents at once, down to one, which then has its row. An engine that raises anything else,
or hangs, can no longer be trusted: its process ends at once, Ray starts another, and `Attempts` finds out whether one
document is to blame.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from mmsum.config import Robustness
from mmsum.errors import FailureKind, MmsumError
from mmsum.generation.summarizer import Draft, Summarizer
from mmsum.pipeline.attempts import Attempts
from mmsum.records import Document

EXIT_ENGINE_DIED = 70
"""Exit code of an actor whose engine died (EX_SOFTWARE of sysexits.h)."""

STALL_SHARE = 0.7
"""Part of robustness.stall_minutes after which a call is given up, so that an actor is replaced before the run is."""

NO_ANSWER = "no answer within"
"""How the last words of an engine begin whose time was up."""


class EngineRoom:
    """One summarizer and the rules for its failures."""

    def __init__(self, summarizer: Summarizer, robustness: Robustness) -> None:
        self.summarizer = summarizer
        self.robustness = robustness

    def summarize(
        self,
        documents: Sequence[Document],
        attempts: Attempts,
        passed: Callable[[Document], None] = lambda document: None,
    ) -> list[Draft]:
        """One draft per document, in order; `passed` hears of each that was done by itself.

        Ends this process where the engine dies; raises MmsumError for the run.
        """
        if not attempts.one_by_one:
            attempts.begin_together()
            return self._call(documents, attempts, "") if documents else []
        drafts = []
        for document in documents:
            drafts.append(self._alone(document, attempts))
            passed(document)
        attempts.end()
        return drafts

    def _alone(self, document: Document, attempts: Attempts) -> Draft:
        name = document.ref.document_id
        if attempts.is_poison(name):
            late = attempts.reasons.get(name, "").startswith(NO_ANSWER)  # marks that runs share hold words alone
            kind = FailureKind.TIMED_OUT if late else FailureKind.CRASHED
            return Draft(failure_kind=kind, failure_message=attempts.verdict(name, "the model's process"))
        attempts.begin(name)
        [draft] = self._call([document], attempts, name)
        attempts.finish(name)
        return draft

    def _call(self, documents: Sequence[Document], attempts: Attempts, name: str) -> list[Draft]:
        seconds, key = min(
            (len(documents) * self.robustness.generate_seconds, "generate_seconds"),
            (STALL_SHARE * 60 * self.robustness.stall_minutes, "stall_minutes"),
        )
        reason = f"{NO_ANSWER} {seconds:.0f} s; raise robustness.{key}"
        try:
            with _deadline(seconds, lambda: _end(attempts, name, reason)):
                return within_memory(self.summarizer, documents)
        except MmsumError:
            raise
        except Exception as error:  # whatever an engine dies of: the one place where that is met
            traceback.print_exc()
            _end(attempts, name, " ".join(f"{type(error).__name__}: {error}".split())[:500])
            raise AssertionError("unreachable") from error


def within_memory(summarizer: Summarizer, documents: Sequence[Document]) -> list[Draft]:
    """Drafts of all documents together, or of halves where they do not fit into memory; one that never fits fails."""
    try:
        return summarizer.summarize(documents)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
    # Out of the except block, whose traceback holds the tensors that did not fit.
    if len(documents) == 1:
        message = f"generating needs more memory than there is, even alone ({reason}); lower generation.context_tokens"
        return [Draft(failure_kind=FailureKind.OUT_OF_MEMORY, failure_message=message)]
    half = len(documents) // 2
    return within_memory(summarizer, documents[:half]) + within_memory(summarizer, documents[half:])


def _is_out_of_memory(error: BaseException) -> bool:
    """torch says so in a type of its own on GPUs, and in words on CPUs."""
    said = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in said
        or "can't allocate memory" in said
    )


def _end(attempts: Attempts, name: str, reason: str) -> None:
    attempts.note(name, reason)
    sys.stderr.flush()
    os._exit(EXIT_ENGINE_DIED)


@contextmanager
def _deadline(seconds: float, passed: Callable[[], None]) -> Iterator[None]:
    """Calls `passed` from another thread when the block is not left within `seconds`."""
    timer = threading.Timer(seconds, passed)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
