"""A few kills of each kind; `make chaos` does many, with other seeds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.killing import check, content, run_to_the_end
from tests.conftest import write_archive

SETTINGS = ("--set", "summarizer=lead", "--set", "shard_size=3", "--set", "resources.object_store_mb=100")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("chaos") / "archive", 36)


@pytest.fixture(scope="module")
def undisturbed(archive: Path) -> dict[str, tuple[str, ...]]:
    """What the rows say when nobody is killed."""
    out = str(archive.parent / "calm")
    run_to_the_end(("summarize", archive, out, *SETTINGS), out, archive.parent / "calm.log", random.Random(0), kills=0)
    return content(out, texts=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [("driver", "raylet"), ("worker", "actor", "parser child", "board")], ids=["driver", "others"]
)
def test_whatever_is_killed_the_rows_are_those_of_an_undisturbed_run(
    archive: Path, undisturbed: dict[str, tuple[str, ...]], tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    out = str(tmp_path / "out")
    command = ("summarize", archive, out, *SETTINGS)
    report = run_to_the_end(command, out, tmp_path / "log", random.Random(11), kills=3, kinds=kinds)
    assert report.kills.total() > 0
    assert (report.drivers > 1) == ("driver" in kinds), "only a dead driver has to be started again"
    check(out, undisturbed, finished=True)
