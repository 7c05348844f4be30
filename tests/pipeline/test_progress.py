"""What a user sees while a run goes on."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from mmsum.config import Robustness
from mmsum.pipeline.progress import ProgressDisplay, start_board


@pytest.mark.usefixtures("local_ray")
def test_nothing_is_cut_off_on_a_terminal_of_80_columns() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with ProgressDisplay(console, start_board(Robustness()), planned=123_456, done=100_000):
        deadline = time.monotonic() + 60
        while "pages/s" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.1)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "100000/123456" in shown and re.search(r"\d:\d\d:\d\d", shown)
    assert "parsed 0  committed 100000  failed 0  0.0 pages/s  0 tokens/s" in shown
    assert "…" not in shown and max(map(len, re.split(r"[\r\n]+", shown))) <= 80
