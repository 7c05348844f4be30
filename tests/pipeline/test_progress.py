"""What a user sees while a run goes on."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from mmsum.pipeline import progress
from mmsum.pipeline.progress import Board, ProgressDisplay


def test_nothing_is_cut_off_on_a_terminal_of_80_columns() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with ProgressDisplay(console, planned=123_456, done=100_000) as display:
        display.see({})
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "100000/123456" in shown and re.search(r"\d:\d\d:\d\d", shown)
    assert "parsed 0  committed 100000  failed 0  0.0 pages/s  0 tokens/s" in shown
    assert "…" not in shown and max(map(len, re.split(r"[\r\n]+", shown))) <= 80


def test_a_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    with ProgressDisplay(Console(file=said, width=80), planned=9, done=2) as display:
        display.see({"parsed": 1})
        assert said.getvalue() == "", "the first one comes after a while"
        monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.0)
        display.see({"parsed": 4, "generated": 3})
    assert re.fullmatch(r" +0 s  5/9 documents  parsed 4  committed 2  .* about \d+ s left\n", said.getvalue())


def test_trouble_is_a_share_of_the_last_documents() -> None:
    board = Board(trouble_share=0.2, trouble_window=50)
    assert board.begin("parse", 0, "10.0.0.7")
    assert [board.judge() for _ in range(5)] == [""] * 5, "a share of five documents says nothing"
    assert board.judge() == "6 of the last 6 documents could not be fetched or crashed their worker"
    for number in range(40):
        board.at("parse", 0, f"/{number}", sound=1, parsed=1, pages=3)
    assert [board.judge() for _ in range(10)] == [""] * 10, "the first six leave the window meanwhile"
    assert board.judge() == "11 of the last 50 documents could not be fetched or crashed their worker"
    board.end("parse", 0, sound=1, parsed=1)
    assert board.judge() == "12 of the last 50 documents could not be fetched or crashed their worker"
    counts, under_way = board.look()
    assert (counts["parsed"], counts["pages"], under_way) == (41, 120, [])
