"""A real head by `ray start`, jobs by `ray job submit` as docs/laptop.md says it, and a real Prometheus that watches.

One job is submitted, stopped and submitted again; another trains beside it. Then every query of the
Grafana dashboard must have data.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
import pytest
import yaml
from PIL import Image
from rich.console import Console

from mmsum import read_summaries
from mmsum.training.launch import run_training
from tests.conftest import PARAGRAPHS
from tests.jobs.head import ROOT, Head, get, running_head, running_prometheus, wait_for
from tests.training.runs import losses, training_config, write_config

DOCUMENTS = 24


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    with running_head(tmp_path_factory.mktemp("head")) as started:
        yield started


@pytest.fixture(scope="module")
def prometheus(head: Head) -> Iterator[str]:
    with running_prometheus(head) as address:
        yield address


@dataclass
class Night:
    """What happened: a job stopped after `first_parts`, what its second submission printed, and what a training job did."""

    first_log: str
    first_parts: int
    scraped: str
    second: subprocess.CompletedProcess[str]
    train: subprocess.CompletedProcess[str]
    began: float
    ended: float


@pytest.fixture(scope="module")
def night(head: Head, prometheus: str) -> Night:
    """Documents large enough that the job is still at work when it is stopped, one broken, one a picture."""
    archive = head.folder / "archive"
    archive.mkdir()
    for number in range(DOCUMENTS - 2):
        text = " ".join(p.format(n=number, m=number) for p in PARAGRAPHS)
        (archive / f"report-{number:03d}.txt").write_text(f"# Report {number}\n\n" + text * (2_000_000 // len(text)))
    (archive / "report-000-broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    Image.new("RGB", (300, 200), "navy").save(archive / "report-000-chart.png")
    job = {"source": str(archive), "out": str(head.folder / "out")}
    # A GPU that Ray was told of: the generating actors ask for it, as those of a model would.
    resources = {"parse_tasks": 1, "max_cpus": 2, "generate_gpus": 1, "max_gpus": 1, "max_object_store_mb": 150}
    config = {"summarizer": "lead", "shard_size": 1, "resources": resources}
    (head.folder / "job.yaml").write_text(yaml.safe_dump({**job, "config": config}))
    # A variable that the driver would hand to its workers too: Ray refuses to be told twice.
    runtime = yaml.safe_load((ROOT / "jobs" / "runtime_env.yaml").read_text())
    runtime["env_vars"]["HF_HUB_OFFLINE"] = "1"
    (head.folder / "runtime_env.yaml").write_text(yaml.safe_dump(runtime))

    # That GPU is none: training, which would use it, is told not to.
    keys = {"training.steps": 4, "training.zero": 2, "training.workers": 2, "training.worker_cpus": 0.4}
    training = training_config(head.folder / "training", **keys, **{"resources.max_gpus": 0})
    write_config(training, head.folder / "train.yaml")

    began = time.time()
    submit = head.submit_command("--no-wait", "--submission-id", "first")
    # The node's agent comes up a little after the dashboard, which says so until then.
    first = wait_for("agent", lambda: (done := head.run(*submit)) and "No available agent" not in done.stderr and done)
    assert first.returncode == 0, first.stdout + first.stderr
    log = head.temp / "session_latest" / "logs" / "job-driver-first.log"
    wait_for("progress in the job's log", lambda: log.exists() and "tokens/s" in log.read_text())
    wait_for("rows", lambda: len(head.parts()) >= 3)
    stopped = head.run("ray", "job", "stop", "--address", head.dashboard, "first")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    first_parts = len(head.parts())
    scraped = get(head.metrics) or ""
    with ThreadPoolExecutor(1) as beside:  # two jobs on one cluster
        later = beside.submit(head.run, *head.submit_command("--submission-id", "second"))
        train = head.run(*head.submit_command("--submission-id", "train", script="train.py", job="train.yaml"))
        second = later.result()
    return Night(log.read_text(), first_parts, scraped, second, train, began, time.time())


def test_progress_stands_in_the_job_s_log(night: Night) -> None:
    assert f"{DOCUMENTS} documents in {DOCUMENTS} shards" in night.first_log
    assert re.search(rf"\d+ s  \d+/{DOCUMENTS} documents  parsed \d+  committed \d+", night.first_log)


def test_a_stopped_job_submitted_again_resumes(head: Head, night: Night) -> None:
    assert 3 <= night.first_parts < DOCUMENTS
    assert night.second.returncode == 0, night.second.stdout + night.second.stderr
    resumed = re.search(rf"resuming, (\d+) of {DOCUMENTS} documents have their rows", night.second.stdout)
    assert resumed and int(resumed[1]) >= night.first_parts
    rows = read_summaries(str(head.folder / "out"))
    assert len(set(rows["document_id"].to_pylist())) == rows.num_rows == DOCUMENTS
    assert len(head.parts()) == DOCUMENTS
    failed = [kind for kind in rows["failure_kind"].to_pylist() if kind]
    assert "corrupt" in failed


def test_a_training_job_learns_what_one_process_learns(head: Head, night: Night) -> None:
    assert night.train.returncode == 0, night.train.stdout + night.train.stderr
    assert "18 examples with 18 figures" in night.train.stdout and "step 4/4" in night.train.stdout
    run = head.folder / "training" / "run"
    assert (run / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert f"mmsum summarize SRC OUT --model {run}/export" in night.train.stdout
    keys = {"training.steps": 4, "training.zero": 2, "training.out": str(head.folder / "alone")}
    alone = training_config(head.folder / "training", **keys)
    run_training(alone, Console(quiet=True), local=True)
    assert losses(training_config(head.folder / "training")) == pytest.approx(losses(alone), abs=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("night")
def test_clip_and_evaluation_are_jobs_too(head: Head) -> None:
    keys = {"training.stage": "finetune_clip", "training.steps": 2, "resources.max_gpus": 0}
    keys |= {"training.out": str(head.folder / "clip"), "training.worker_cpus": 0.5}
    clip = training_config(head.folder / "training", **keys)
    write_config(clip, head.folder / "clip.yaml")
    done = head.run(*head.submit_command("--submission-id", "clip", script="train.py", job="clip.yaml"))
    assert done.returncode == 0 and "step 2/2" in done.stdout, done.stdout + done.stderr

    job = {"model": str(head.folder / "training" / "run" / "export"), "data": clip.training.data}
    job |= {"out": str(head.folder / "evaluation"), "json": str(head.folder / "scores.json"), "limit": 4}
    # Nothing but the export says which models; no GPU for them either.
    settings = {"resources": {"generate_gpus": 0, "max_gpus": 0}, "generation": {"summary_tokens": 16}}
    settings["generation"]["context_tokens"] = 700
    (head.folder / "evaluate.yaml").write_text(yaml.safe_dump({**job, "config": settings}))
    done = head.run(*head.submit_command("--submission-id", "scores", script="evaluate.py", job="evaluate.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((head.folder / "scores.json").read_text())["n"] == 4


@pytest.mark.usefixtures("night")
def test_nobody_gets_in_without_the_token(head: Head) -> None:
    assert get(f"{head.dashboard}/api/jobs/") == "HTTP 401"
    assert get(f"{head.dashboard}/api/jobs/", "f" * 64) == "HTTP 403"
    assert "first" in (get(f"{head.dashboard}/api/jobs/", head.token) or "")


def test_metrics_hold_no_uri_and_no_text(head: Head, night: Night) -> None:
    assert "ray_mmsum_documents_total" in night.scraped
    for content in ("report-0", str(head.folder), "library", "Loans"):
        assert content not in night.scraped


@pytest.mark.usefixtures("night")
def test_logs_hold_no_text_of_documents(head: Head) -> None:
    """Every log that Ray and the jobs left on the node: URIs may stand there, sentences may not."""
    session = next(head.temp.glob("session_2*"))
    logs = [file for file in (session / "logs").rglob("*") if file.is_file() and file.stat().st_size]
    assert len(logs) > 10 and any("committed" in file.read_text(errors="replace") for file in logs)
    for file in logs:
        text = file.read_text(errors="replace")
        for sentence in ("books in its first week", "Loans rose by", "opening hours matter"):
            assert sentence not in text, file


def test_only_this_machine_reaches_the_dashboard(head: Head) -> None:
    port = int(head.dashboard.rpartition(":")[2])
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port}
    assert listening == {"127.0.0.1"}


def panels() -> list[tuple[str, str]]:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "mmsum.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_panel_of_the_dashboard_has_data(prometheus: str, night: Night) -> None:
    values = {"$__rate_interval": "20s", "$__range": "5m", "$run": ".*"}
    empty = []
    for title, expression in panels():
        for name, value in values.items():
            expression = expression.replace(name, value)
        span = {"query": expression, "start": night.began, "end": night.ended, "step": "2"}
        answer = get(f"{prometheus}/api/v1/query_range?{urllib.parse.urlencode(span)}")
        assert answer is not None and not answer.startswith("HTTP"), f"{title}: {expression}: {answer}"
        points = [float(value) for series in json.loads(answer)["data"]["result"] for _, value in series["values"]]
        if not any(math.isfinite(point) for point in points):
            empty.append((title, expression))
    assert empty == []


def test_counts_agree_with_the_rows(prometheus: str, head: Head, night: Night) -> None:
    """Committed documents as Prometheus last saw them, of both submissions; the last second may be missing."""
    span = {"query": "sum(max_over_time(ray_mmsum_documents_total[10m]))", "time": night.ended}
    answer = json.loads(get(f"{prometheus}/api/v1/query?{urllib.parse.urlencode(span)}") or "{}")
    (series,) = answer["data"]["result"]
    assert DOCUMENTS * 0.5 <= float(series["value"][1]) <= DOCUMENTS
