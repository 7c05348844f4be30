"""jobs/summarize.py: the entry script for `ray job submit`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import write_archive

ROOT = Path(__file__).parents[2]


def run_job(folder: Path, settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    (folder / "job.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, str(ROOT / "jobs" / "summarize.py"), "job.yaml", "--set", "shard_size=2"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=dict(os.environ))


@pytest.mark.slow  # tests/jobs/test_submit.py runs it on a cluster
def test_a_job_file_is_a_run(tmp_path: Path) -> None:
    write_archive(tmp_path / "docs", 3)
    job = {"source": "docs", "out": "out", "limit": 2, "config": {"summarizer": "lead", "limits": {"pages": 9}}}
    done = run_job(tmp_path, job)
    assert done.returncode == 0, done.stderr
    assert "2 (2 ok)" in done.stdout


def test_a_wrong_job_file_is_one_line(tmp_path: Path) -> None:
    done = run_job(tmp_path, {"source": "docs", "outs": "out"})
    assert done.returncode != 0
    assert done.stderr.strip() == "job.yaml: outs is unknown; keys are source, out, limit, config"


def test_the_example_job_is_valid() -> None:
    settings = yaml.safe_load((ROOT / "jobs" / "summarize.yaml").read_text())
    from mmsum.config import load_config

    assert load_config(**settings["config"]).model.backbone
    assert {"source", "out"} <= set(settings)
