from __future__ import annotations

import os
import signal
import threading
import time
from itertools import islice
from typing import Any

import pytest

from mmsum.config import Robustness
from mmsum.errors import EnvironmentFailure
from mmsum.pipeline import watch
from mmsum.pipeline.progress import Board, start_board
from mmsum.pipeline.watch import Notice, noticed, receipts_of


class Interrupts:
    """Ctrl-C in the middle of a finalizer, where Python drops whatever is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class Endless:
    """A dataset that never gives a receipt, nor a reason to end."""

    def iter_batches(self, **_: object) -> None:
        threading.Event().wait()

    def get_dataset_id(self) -> str:
        return "endless"


@pytest.mark.usefixtures("local_ray")
def test_ctrl_c_is_not_lost_and_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STOP_SECONDS", 0.2)
    board = start_board(Robustness())
    with noticed() as notice:
        Interrupts()
        assert notice.stop.is_set() and not notice.leave.is_set()
        with pytest.raises(KeyboardInterrupt):
            list(receipts_of(Endless(), board, Robustness(), notice))


class Dozing(Board):
    """Does not answer every third look in time."""

    looks = 0

    def look(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        self.looks += 1
        if self.looks % 3 == 0:
            time.sleep(3)
        return super().look()


@pytest.mark.usefixtures("local_ray")
def test_a_board_that_does_not_answer_has_neither_lost_its_counts_nor_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(watch, "STOP_SECONDS", 0.2)
    board = ray.remote(num_cpus=0)(Dozing).remote()
    board.end.remote("parse", 0, parsed=500)
    ray.get(board.look.remote())
    seen = []
    with pytest.raises(EnvironmentFailure, match=r"nothing was finished for"):
        for counts, _ in islice(receipts_of(Endless(), board, Robustness(stall_minutes=0.05), Notice()), 12):  # type: ignore[misc]
            seen.append(counts)
    assert len(seen) > 1 and all(counts == {"parsed": 500} for counts in seen)


def test_a_second_ctrl_c_interrupts_at_once_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with noticed():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
