"""The parsing child is killed while it starts, while it waits, and while it works: the next document is read all the same."""

from __future__ import annotations

import inspect
import os
import signal
import struct
import threading
import time
from pathlib import Path

import pytest
from pebble import CONSTS
from pebble.pool.channel import WorkerChannel

from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser, _Killed
from mmsum.pipeline.stages import fetch_and_parse
from mmsum.records import ObjectRef
from tests.chaos.killing import VICTIMS, descendants


def kill_children() -> int:
    children = [pid for pid, line in descendants(os.getpid()).items() if VICTIMS["parser child"] in line]
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    return len(children)


def a_document(tmp_path: Path) -> ObjectRef:
    path = tmp_path / "report.txt"
    path.write_text("# Loans\n\nThe library lent a hundred books.\n")
    return ObjectRef(str(path), path.stat().st_size, "")


def die_while_answering() -> None:
    """In the child: half of an answer is in pebble's pipe, which is locked for as long as it is written."""
    channel = next(f.frame.f_locals["channel"] for f in inspect.stack() if "channel" in f.frame.f_locals)
    assert isinstance(channel, WorkerChannel)
    assert channel.mutex.acquire()
    os.write(channel.writer.fileno(), struct.pack("!i", 100) + b"half")
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_while_it_answers(tmp_path: Path) -> None:
    ref = a_document(tmp_path)
    with Parser(Limits(), Figures()) as parser:
        for _ in range(2):
            with pytest.raises(_Killed, match="died"):
                parser._run(die_while_answering)
            document = fetch_and_parse(ref, parser, parser.limits)
            assert document.status == "ok"
            assert document.seconds_parse < CONSTS.channel_lock_timeout  # nobody waited for the dead child's locks


def test_killed_while_it_starts_or_waits(tmp_path: Path) -> None:
    ref = a_document(tmp_path)
    with Parser(Limits(), Figures()) as parser:
        killed = kill_children()
        for _ in range(2):
            assert fetch_and_parse(ref, parser, parser.limits).status == "ok"
            killed += kill_children()
            time.sleep(0.3)  # pebble looks every tenth of a second
        assert fetch_and_parse(ref, parser, parser.limits).status == "ok"
        assert killed >= 2


@pytest.mark.parametrize("instant", [0.0, 0.1])
def test_killed_once_at_work(tmp_path: Path, instant: float) -> None:
    ref = a_document(tmp_path)
    with Parser(Limits(), Figures()) as parser:
        fetch_and_parse(ref, parser, parser.limits)
        killer = threading.Timer(instant, kill_children)
        killer.start()
        until = time.monotonic() + instant + 1
        while time.monotonic() < until:
            assert fetch_and_parse(ref, parser, parser.limits).status == "ok"
        killer.join()
