"""A few kills of each kind; `make chaos` does many, with other seeds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.killing import check, content, run_to_the_end
from tests.conftest import write_archive

SETTINGS = ("--set", "summarizer=lead", "--set", "shard_size=3", "--set", "resources.object_store_mb=100")


@pytest.mark.parametrize("kinds", [("driver",), ("worker", "actor", "parser child", "board")], ids=["driver", "others"])
def test_whatever_is_killed_the_rows_are_those_of_an_undisturbed_run(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    archive = write_archive(tmp_path / "archive", 36)
    calm, killed = str(tmp_path / "calm"), str(tmp_path / "killed")
    seed = 11
    run_to_the_end(("summarize", archive, calm, *SETTINGS), calm, tmp_path / "calm.log", random.Random(seed), kills=0)
    command = ("summarize", archive, killed, *SETTINGS)
    report = run_to_the_end(command, killed, tmp_path / "killed.log", random.Random(seed), kills=3, kinds=kinds)
    assert report.kills.total() > 0
    check(killed, content(calm, texts=True), finished=True)
