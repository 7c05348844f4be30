"""Documents that kill their worker, engines that die, runs that stand still or are told to leave: on a real Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmsum
from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.errors import EnvironmentFailure
from mmsum.generation.lead import LeadSummarizer
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.runlog import read_logs
from mmsum.pipeline.status import read_status
from mmsum.records import Document
from tests.chaos.proxy import Faults, faulty
from tests.conftest import Run, mmsum_command, write_archive
from tests.pipeline.test_summarize import assert_complete
from tests.servers import Server, moto_s3


def rows_by_name(out: str | Path) -> dict[str, dict[str, object]]:
    return {Path(row["uri"]).name: row for row in mmsum.read_summaries(out).to_pylist()}


class Poisoned(LeadSummarizer):
    """A lead summarizer whose process two documents bring down, each in its way."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.generation.lead_sentences)

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        titles = " ".join(document.title for document in documents)
        if "report 1" in titles:
            os._exit(11)
        if "report 2" in titles:
            raise ValueError("index 32000 is out of bounds for the embedding")
        return super().summarize(documents)


class Stuck(LeadSummarizer):
    def __init__(self, config: Config) -> None:
        time.sleep(3600)


@pytest.mark.usefixtures("local_ray")
class TestInProcess:
    def test_documents_that_kill_the_engine_become_rows_and_are_planned_again_on_request(
        self, archive: Path, tmp_path: Path
    ) -> None:
        config = load_config(summarizer="lead", shard_size=4)
        result = mmsum.summarize(archive, tmp_path / "out", config, summarizer=Poisoned)
        assert_complete(tmp_path / "out")
        rows = rows_by_name(tmp_path / "out")
        failed = {name: row["failure_kind"] for name, row in rows.items() if row["status"] != "ok"}
        assert failed == {"report-001.txt": "crashed", "report-002.txt": "crashed"}
        assert rows["report-001.txt"]["attempts"] == 3
        assert rows["report-005.txt"]["attempts"] == 1
        assert "out of bounds for the embedding" in str(rows["report-002.txt"]["failure_message"])
        assert rows["report-002.txt"]["retryable"]
        assert result.totals.documents == 7
        assert not list((tmp_path / "out" / "_run" / "attempts").rglob("*.json"))

        assert mmsum.summarize(archive, tmp_path / "out", config).totals.documents == 0
        again = mmsum.summarize(archive, tmp_path / "out", config, retry="failed")
        assert (again.snapshot.number, again.totals.documents) == (2, 2)
        assert {row["status"] for row in rows_by_name(tmp_path / "out").values()} == {"ok"}

    def test_failures_that_are_retried_and_fail_again_end_no_run(self, archive: Path, tmp_path: Path) -> None:
        """Six of the first twenty-five would, where none of them had failed before."""
        listed = [
            *(file.as_uri() for file in archive.iterdir()),
            *((tmp_path / f"gone-{n}").as_uri() for n in range(7)),
        ]
        pq.write_table(pa.table({"uri": listed, "size": [200] * len(listed)}), tmp_path / "list.parquet")
        arguments = (tmp_path / "list.parquet", tmp_path / "out")
        with pytest.raises(EnvironmentFailure, match="6 of the last .* could not be fetched"):
            mmsum.summarize(*arguments, summarizer="lead")
        mmsum.summarize(*arguments, summarizer="lead", robustness={"trouble_share": 1.0})
        again = mmsum.summarize(*arguments, summarizer="lead", retry="failed")
        assert (again.snapshot.number, again.totals.documents, again.totals.failures["not_found"]) == (2, 7, 7)

    def test_a_run_that_stands_still_ends_and_says_what_it_waits_for(self, archive: Path, tmp_path: Path) -> None:
        config = load_config(summarizer="lead", robustness={"stall_minutes": 0.25})
        with pytest.raises(EnvironmentFailure, match=r"nothing was finished for 1\d s.*the same command again"):
            mmsum.summarize(archive, tmp_path / "out", config, summarizer=Stuck)
        assert not [thread.name for thread in threading.enumerate() if "StreamingExecutor" in thread.name]
        [(_, events)] = read_logs(str(tmp_path / "out"), 1)
        assert events[-1]["error"].startswith("nothing was finished")
        mmsum.summarize(archive, tmp_path / "out", config)
        assert_complete(tmp_path / "out")


@pytest.mark.slow
def test_sigterm_finishes_what_is_under_way_and_says_how_to_resume(tmp_path: Path, mmsum: Run) -> None:
    archive, out = write_archive(tmp_path / "archive", 300), tmp_path / "out"
    command = ("summarize", archive, out, "--set", "summarizer=lead", "--set", "shard_size=2")
    driver = subprocess.Popen(
        mmsum_command(*command), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not list(out.glob("summaries/*/part-*.parquet")):
        time.sleep(0.05)
    driver.send_signal(signal.SIGTERM)
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert "stopped by SIGTERM after" in errors and "run the same command again to resume" in errors
    assert errors.count("\n") == 1
    assert 0 < len(list(out.glob("summaries/*/part-*.parquet"))) < 150
    assert not list((out / "_run" / "attempts").rglob("*.json")), "shards under way were finished, not dropped"
    assert read_status(str(out)).last_error == "stopped by SIGTERM"
    done = mmsum(*command)
    assert done.returncode == 0, done.stderr
    assert_complete(out)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """An archive of 60 documents in s3://bucket/docs, behind a proxy whose faults the test sets."""
    injected = Faults(seed=3)
    with moto_s3() as behind, faulty(behind, injected) as server:
        _use(server, monkeypatch)
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        for path in write_archive(tmp_path / "archive", 60).iterdir():
            client.put_object(Bucket="bucket", Key=f"docs/{path.name}", Body=path.read_bytes())
        yield injected


def _use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)


S3_RUN = ("summarize", "s3://bucket/docs/", "s3://bucket/out", "--set", "summarizer=lead", "--set", "shard_size=10")
IMPATIENT = ("--set", "robustness.fetch_seconds=1", "--set", "robustness.write_seconds=2")
ONE_TRY = {"AWS_MAX_ATTEMPTS": "1"}


@pytest.mark.slow
@pytest.mark.s3
def test_a_broken_object_is_a_row_and_a_broken_store_is_not(faults: Faults, mmsum: Run) -> None:
    faults.expired = True
    expired = mmsum(*S3_RUN, *IMPATIENT, **ONE_TRY)
    assert (expired.returncode, expired.stderr.count("\n")) == (1, 1)
    assert "ExpiredToken" in expired.stderr
    faults.expired = False

    faults.broken_keys = tuple(f"/report-{number:03d}.txt" for number in range(0, 60, 2))
    broken = mmsum(*S3_RUN, *IMPATIENT, **ONE_TRY)
    assert broken.returncode == 1
    assert "could not be fetched or crashed" in broken.stderr and "robustness.trouble_share" in broken.stderr

    committed = rows_by_name("s3://bucket/out")
    assert len(committed) < 30, "the run ended long before its end"
    faults.broken_keys = ("/report-057.txt",)
    faults.errors = faults.throttled = faults.cut = faults.lost_answers = 0.02
    done = mmsum(*S3_RUN, "--set", "robustness.fetch_seconds=10")
    assert done.returncode == 0, done.stderr
    assert_complete("s3://bucket/out")
    rows = rows_by_name("s3://bucket/out")
    failed = {
        name: row["failure_kind"] for name, row in rows.items() if row["status"] != "ok" and name not in committed
    }
    assert failed == {"report-057.txt": "fetch_failed"}
    assert rows["report-057.txt"]["retryable"]
    assert min(faults.injected[name] for name in ("errors", "throttled", "cut", "lost_answers")) > 0


@pytest.mark.slow
@pytest.mark.s3
def test_an_output_that_cannot_be_written_any_more_ends_the_run(faults: Faults, mmsum: Run) -> None:
    assert mmsum(*S3_RUN, "--limit", "10").returncode == 0
    faults.refuse_writes = True
    refused = mmsum(*S3_RUN, *IMPATIENT, **ONE_TRY)
    assert refused.returncode in (1, 2)
    assert "injected" in refused.stderr and refused.stderr.count("\n") == 1
    faults.refuse_writes = False
    assert len(list(storage.list_folder("s3://bucket/out/summaries"))) == 1
    assert mmsum(*S3_RUN).returncode == 0
    assert {row["status"] for row in rows_by_name("s3://bucket/out").values()} == {"ok"}
    assert len(rows_by_name("s3://bucket/out")) == 60
