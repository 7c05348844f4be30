from __future__ import annotations

import os
import signal
import threading

import pytest

from mmsum.config import Robustness
from mmsum.pipeline import watch
from mmsum.pipeline.progress import start_board
from mmsum.pipeline.watch import noticed, receipts_of


class Interrupts:
    """Ctrl-C in the middle of a finalizer, where Python drops whatever is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class Endless:
    """A dataset that never gives a receipt, nor a reason to end."""

    def iter_batches(self, **_: object) -> object:
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


def test_a_second_ctrl_c_interrupts_at_once_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with noticed():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
