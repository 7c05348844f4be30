"""jobs/summarize.py: the entry script for `ray job submit`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmsum.config import load_config
from mmsum.pipeline.cluster import Cluster
from mmsum.pipeline.summarize import COMMIT_CPUS, COMMITS_PER_ACTOR
from tests.conftest import write_archive

ROOT = Path(__file__).parents[2]


def run_job(folder: Path, settings: dict[str, object] | str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "job.yaml").write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    return run_script(folder, "job.yaml", "--set", "shard_size=2", *options)


def run_script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "jobs" / "summarize.py"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=dict(os.environ))


@pytest.mark.slow  # tests/jobs/test_submit.py runs it on a cluster
def test_a_job_file_is_a_run(tmp_path: Path) -> None:
    write_archive(tmp_path / "docs", 3)
    job = {"source": "docs", "out": "out", "limit": 2, "config": {"summarizer": "lead", "limits": {"pages": 9}}}
    done = run_job(tmp_path, job)
    assert done.returncode == 0, done.stderr
    assert "2 (2 ok)" in done.stdout


@pytest.mark.parametrize(
    ("job", "line"),
    [
        ({"source": "docs", "outs": "out"}, "outs is unknown; keys are source, out, limit, config"),
        ("just words", "holds no keys; keys are source, out, limit, config"),
        ("source: [docs", "is not YAML: while parsing a flow sequence"),
    ],
)
def test_a_wrong_job_file_is_one_line(tmp_path: Path, job: dict[str, object] | str, line: str) -> None:
    done = run_job(tmp_path, job)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"job.yaml: {line}")


def test_a_limit_of_none_is_no_whole_archive(tmp_path: Path) -> None:
    job = {"source": "docs", "out": "out", "limit": 0, "config": {"summarizer": "lead"}}
    done = run_job(tmp_path, job)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "argument --limit: '0' is not a number of documents above 0" in done.stderr


def test_a_missing_job_file_is_one_line(tmp_path: Path) -> None:
    done = run_script(tmp_path, "nowhere.yaml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("nowhere.yaml: cannot be read: No such file")


def test_options_of_summarize_follow_the_job_file(tmp_path: Path) -> None:
    """What an answer of the command itself recommends can be done on a cluster, too."""
    done = run_job(
        tmp_path,
        {"source": "nowhere", "out": "out", "config": {"summarizer": "lead"}},
        *("--retry", "failed", "--snapshot", "new"),
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"mmsum summarize: {tmp_path}/nowhere: ")


def test_the_example_job_is_valid() -> None:
    settings = yaml.safe_load((ROOT / "jobs" / "summarize.yaml").read_text())
    config = load_config(**settings["config"])
    assert config.model.backbone
    assert {"source", "out"} <= set(settings)
    _, actor = Cluster(cpus=8, gpus=0, nodes=1).actor_pool(config)
    beside = actor["num_cpus"] + COMMITS_PER_ACTOR * COMMIT_CPUS
    assert 8 * config.resources.parse_cpus + beside <= 8, "one core of eight would stay idle"
