"""Which document is to blame: what the marks of earlier attempts say, and what a summarizer's failures become."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmsum import storage
from mmsum.config import Config, Figures, Limits, Robustness
from mmsum.documents.parse import Parser
from mmsum.errors import EnvironmentFailure, FailureKind
from mmsum.generation.summarizer import Draft
from mmsum.pipeline import engine_room
from mmsum.pipeline.attempts import Attempts, attempts_uri, forget
from mmsum.pipeline.engine_room import EXIT_ENGINE_DIED, EngineRoom, within_memory
from mmsum.pipeline.stages import _parse_once
from mmsum.records import Document, ObjectRef


def attempt(out: Path, run: str = "run-a") -> Attempts:
    return Attempts.read(str(out), "digest", "parse", 3, run, write_seconds=0)


def test_the_first_attempt_takes_the_shard_together(tmp_path: Path) -> None:
    first = attempt(tmp_path)
    assert not first.one_by_one
    assert (first.count("x"), first.is_poison("x")) == (1, False)


def test_after_a_death_documents_are_taken_one_by_one_until_one_is_to_blame(tmp_path: Path) -> None:
    attempt(tmp_path).begin_together()
    for death in (1, 2):
        again = attempt(tmp_path)
        assert again.one_by_one
        again.begin("good")
        assert again.count("good") == 2
        again.finish("good")
        assert not again.is_poison("bad")
        again.begin("bad")
        assert again.count("bad") == 1 + death
    last = attempt(tmp_path)
    assert last.is_poison("bad")
    assert not last.is_poison("good")
    assert last.count("bad") == 3


def test_a_killed_driver_is_no_evidence_against_a_document(tmp_path: Path) -> None:
    attempt(tmp_path, "killed").begin_together()
    assert not attempt(tmp_path, "next").one_by_one
    attempt(tmp_path, "next").begin_together()
    third = attempt(tmp_path, "third")
    assert third.one_by_one, "two drivers died over it: from now on more carefully"
    for run in ("third", "fourth", "fifth"):
        assert not attempt(tmp_path, run).is_poison("bad")
        attempt(tmp_path, run).begin("bad")
    assert attempt(tmp_path, "sixth").is_poison("bad"), "whatever takes three drivers down is not tried by a fourth"


def test_a_shard_that_is_done_over_and_over_has_nobody_to_blame(tmp_path: Path) -> None:
    """Its output may be lost with a machine, its run be killed before the commit: no document died of that."""
    attempt(tmp_path).begin_together()
    for _ in range(5):
        again = attempt(tmp_path)
        assert again.one_by_one
        for name in ("first", "last"):
            assert not again.is_poison(name)
            again.begin(name)
            again.finish(name)
        again.end()
    room = EngineRoom(Small(), Robustness())
    for _ in range(5):
        marks = Attempts.read(str(tmp_path), "digest", "generate", 3, "run-a", write_seconds=0)
        assert [draft.text for draft in room.summarize(documents(2), marks)] == ["/0", "/1"]


def test_committed_shards_leave_no_marks(tmp_path: Path) -> None:
    attempt(tmp_path).begin_together()
    assert storage.exists(attempts_uri(str(tmp_path), "digest", "parse", 3))
    forget(str(tmp_path), "digest", 3)
    assert not storage.exists(attempts_uri(str(tmp_path), "digest", "parse", 3))


def documents(count: int) -> list[Document]:
    return [Document(ref=ObjectRef(f"/{number}", 1, "")) for number in range(count)]


class Small:
    """Runs out of memory above two documents, and over /5 in any company."""

    name = "small"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        self.calls.append(len(documents))
        if len(documents) > 2 or any(document.ref.uri == "/5" for document in documents):
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return [Draft(text=document.ref.uri) for document in documents]


def test_out_of_memory_halves_the_batch_down_to_one_document_which_then_has_its_row() -> None:
    drafts = within_memory(Small(), documents(8))
    assert [draft.text for draft in drafts] == ["/0", "/1", "/2", "/3", "/4", "", "/6", "/7"]
    assert drafts[5].failure_kind == FailureKind.OUT_OF_MEMORY
    assert "even alone (CUDA out of memory" in drafts[5].failure_message


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    class Broken(Small):
        def summarize(self, documents: Sequence[Document]) -> list[Draft]:
            raise RuntimeError("device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side assert"):
        within_memory(Broken(), documents(8))


def test_trouble_of_the_environment_is_left_to_the_run(tmp_path: Path) -> None:
    class Gone(Small):
        def summarize(self, documents: Sequence[Document]) -> list[Draft]:
            raise EnvironmentFailure("the endpoint is gone")

    with pytest.raises(EnvironmentFailure, match="the endpoint is gone"):
        EngineRoom(Gone(), Robustness()).summarize(documents(2), attempt(tmp_path))


def test_the_row_says_how_often_in_all_runs(tmp_path: Path) -> None:
    [document] = documents(1)
    for run in ("first", "second", "third"):
        attempt(tmp_path, run).begin(document.ref.document_id)
    last = attempt(tmp_path, "fourth")
    [draft] = EngineRoom(Small(), Robustness()).summarize([document], last)
    assert draft.failure_message == "the model's process died over it, alone, 3 times (no last words)"
    with Parser(Limits(), Figures()) as parser:
        failed = _parse_once(document.ref, parser, last, Config())
    assert str(failed.failure_message).startswith("the worker that parsed it died over it, alone, 3 times")


DYING = """
import sys, time
from mmsum.config import Robustness
from mmsum.pipeline.engine_room import EngineRoom
from tests.pipeline.test_attempts import Small, attempt, documents

class Dying(Small):
    def summarize(self, documents):
        if sys.argv[2] == "hang":
            time.sleep(60)
        raise ValueError("device-side assert triggered")

room = EngineRoom(Dying(), Robustness(generate_seconds=0.2))
room.summarize(documents(2), attempt(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raise", "ValueError: device-side assert triggered"),
        ("hang", "no answer within 0 s; raise robustness.generate_seconds"),
    ],
)
def test_a_dead_or_hanging_engine_takes_its_process_with_it_and_says_why(tmp_path: Path, how: str, reason: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), how], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == EXIT_ENGINE_DIED, done.stderr
    left = attempt(tmp_path)
    assert left.one_by_one
    assert left.reason("/0") == reason


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"generate_seconds": 0.2}, "generate_seconds"), ({"stall_minutes": 0.001}, "stall_minutes")],
)
def test_a_document_that_generates_too_long_is_late_and_says_which_limit_to_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, float], key: str
) -> None:
    """Nothing crashed, and no machine is to blame."""

    class Slow(Small):
        def summarize(self, documents: Sequence[Document]) -> list[Draft]:
            time.sleep(0.4)
            return super().summarize(documents)

    monkeypatch.setattr(engine_room, "_end", Attempts.note)
    room, [document] = EngineRoom(Slow(), Robustness(**settings)), documents(1)
    for _ in range(2):  # its process would have ended in each
        room._alone(document, attempt(tmp_path))
    draft = room._alone(document, attempt(tmp_path))
    assert draft.failure_kind == FailureKind.TIMED_OUT
    assert re.search(rf"alone, 2 times \(no answer within 0 s; raise robustness\.{key}\)", draft.failure_message)


def test_each_document_that_was_done_by_itself_is_told_of(tmp_path: Path) -> None:
    """A run stands still where nothing is told: a shard of books takes longer than that."""
    told: list[str] = []
    for together in (True, False):
        EngineRoom(Small(), Robustness()).summarize(documents(3), attempt(tmp_path), lambda d: told.append(d.ref.uri))
        assert told == ([] if together else ["/0", "/1", "/2"])


def test_marks_whose_writer_was_killed_say_nothing(tmp_path: Path) -> None:
    """Azure keeps an empty object where a write was cut off."""
    attempt(tmp_path).begin_together()
    (marks,) = (tmp_path / "_run" / "attempts").rglob("*.json")
    marks.write_bytes(b"")
    assert not attempt(tmp_path).one_by_one
