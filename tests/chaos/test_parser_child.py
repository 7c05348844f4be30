"""The parsing child is killed while it starts, while it waits, and while it works: the next document is read all the same."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser
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
