"""Shared fixtures: small archives of real text, one local Ray for all tests that need one, a CLI runner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach for a hub
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # as the command has it
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray gives its workers 15: anything else on the machine goes first

PARAGRAPHS = (
    "The town library lent {n} books in its first week. Most of them went to children. Adults came later in the day.",
    "Loans rose by {m} percent over the year. Nobody had expected that. The reading room was extended in spring.",
    "A survey of {n} visitors found that opening hours matter more than new titles. Evening hours were tried at once.",
)

ONE_AFTER_THE_OTHER = (
    *("chaos/", "docs/", "evaluation/", "jobs/", "pipeline/"),
    *("report/test_build", "test_cli", "test_pocket", "training/test_ray"),
)
"""What starts Rays: two such tests at a time would fight for the cores, and waits would run out."""


class _Lanes(LoadScopeScheduling):
    """With `pytest -n 2`: beside a test that starts a Ray runs only what needs none, file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].removeprefix("tests/")
        return "Ray" if file.startswith(ONE_AFTER_THE_OTHER) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Lanes(config, log)


def write_archive(folder: Path, count: int) -> Path:
    """`count` short text documents, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = "\n\n".join(p.format(n=100 + number, m=3 + number) for p in PARAGRAPHS)
        (folder / f"report-{number:03d}.txt").write_text(f"# Library report {number}\n\n{text}\n")
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "archive", 7)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A Ray that `summarize()` finds running, so that tests do not each pay for a start."""
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=300 * 2**20)
    yield
    ray.shutdown()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def mmsum_command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "mmsum.cli", *map(str, arguments)]


@pytest.fixture
def mmsum(tmp_path: Path) -> Run:
    """Runs `mmsum ARGUMENTS` as a user would, in an empty folder; returns the finished process."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            mmsum_command(*arguments),
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=400,
        )

    return run
