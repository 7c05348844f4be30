"""The batch flow on a real Ray: every document gets its row, whatever is in the archive and whoever else runs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pymupdf
import pytest

import mmsum
import mmsum.pipeline.plan as plan_module
from mmsum import storage
from mmsum.config import Config, load_config
from mmsum.errors import EnvironmentFailure
from mmsum.generation.summarizer import Draft
from mmsum.pipeline.plan import open_snapshot
from mmsum.pipeline.reading import unread
from mmsum.pipeline.snapshots import latest_snapshot
from mmsum.pipeline.status import read_status
from mmsum.pipeline.summarize import cause_of
from mmsum.records import Document
from tests.conftest import Run, mmsum_command, write_archive
from tests.servers import moto_s3, rclone_s3


def ids(out: str | Path) -> list[str]:
    return list(mmsum.read_summaries(out)["document_id"].to_pylist())


def uris(out: str) -> list[str]:
    return list(mmsum.read_summaries(out)["uri"].to_pylist())


def assert_complete(out: str | Path) -> None:
    """Invariant 1: the set of ids equals the plan's, none twice."""
    snapshot = latest_snapshot(str(out))
    assert snapshot is not None
    assert snapshot.committed() == set(range(snapshot.shards))
    rows = ids(out)
    assert len(rows) == len(set(rows))
    assert set(rows) == snapshot.ids()


@pytest.mark.parametrize("last", ["the disk is full", "store down; check the store, then start the same command again"])
def test_what_to_do_after_a_worker_failed_is_said_once(last: str) -> None:
    told = str(cause_of(RuntimeError(f"ray::parse_shard() (pid=1)\nmmsum.errors.StorageError: {last}")))
    assert told.startswith(last) and told.count("the same command again") == 1


@pytest.mark.usefixtures("local_ray")
class TestInProcess:
    def test_every_document_has_its_row(self, archive: Path, tmp_path: Path) -> None:
        (archive / "empty.pdf").write_bytes(b"")
        (archive / "broken.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<<")
        (archive / "program.bin").write_bytes(b"\x7fELF" + bytes(range(256)))
        locked = pymupdf.open()
        locked.new_page().insert_text((72, 72), "secret")
        locked.save(archive / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
        result = mmsum.summarize(archive, tmp_path / "out", summarizer="lead", shard_size=3)
        assert_complete(tmp_path / "out")
        rows = {Path(row["uri"]).name: row for row in mmsum.read_summaries(tmp_path / "out").to_pylist()}
        assert rows["report-000.txt"]["status"] == "ok"
        assert rows["report-000.txt"]["summary"].startswith("The town library lent 100 books")
        assert rows["locked.pdf"]["failure_kind"] == "encrypted"
        assert rows["program.bin"]["failure_kind"] == "unsupported"
        for name in ("empty.pdf", "broken.pdf"):
            assert rows[name]["status"] == "failed"
            assert rows[name]["failure_message"]
        assert result.totals.counts == {"ok": 7, "failed": 4}
        assert result.totals.documents == 11

    def test_again_does_nothing_and_says_so(self, archive: Path, tmp_path: Path) -> None:
        mmsum.summarize(archive, tmp_path / "out", summarizer="lead")
        before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")}
        again = mmsum.summarize(archive, tmp_path / "out", summarizer="lead")
        assert (again.totals.documents, again.skipped) == (0, 7)
        assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")} == before

    def test_a_vanished_document_gets_a_row_then_a_tombstone(self, archive: Path, tmp_path: Path) -> None:
        listing = tmp_path / "list.txt"
        listing.write_text("\n".join([*map(str, archive.iterdir()), str(archive / "gone.txt")]))
        mmsum.summarize(listing, tmp_path / "out", summarizer="lead")
        rows = {Path(r["uri"]).name: r for r in mmsum.read_summaries(tmp_path / "out").to_pylist()}
        assert (rows["gone.txt"]["status"], rows["gone.txt"]["failure_kind"]) == ("failed", "not_found")
        listing.write_text("\n".join(map(str, archive.iterdir())))
        mmsum.summarize(listing, tmp_path / "out", summarizer="lead")
        rows = {Path(r["uri"]).name: r for r in mmsum.read_summaries(tmp_path / "out").to_pylist()}
        assert rows["gone.txt"]["status"] == "deleted"
        assert rows["report-000.txt"]["snapshot"] == 1

    def test_a_trial_that_was_stopped_is_finished_and_then_the_rest_is_done(
        self, archive: Path, tmp_path: Path
    ) -> None:
        """Whoever tries `--limit` and then starts the night finds all rows in the morning."""
        open_snapshot(str(archive), str(tmp_path / "out"), load_config(summarizer="lead"), limit=2)
        result = mmsum.summarize(archive, tmp_path / "out", summarizer="lead")
        assert (result.snapshot.number, result.totals.documents) == (2, 5)
        rows = mmsum.read_summaries(tmp_path / "out").to_pylist()
        assert sorted(row["snapshot"] for row in rows) == [1, 1, 2, 2, 2, 2, 2]
        assert mmsum.summarize(archive, tmp_path / "out", summarizer="lead").totals.documents == 0

    def test_what_was_asked_for_is_done_once(self, archive: Path, tmp_path: Path) -> None:
        """Resumed or not: a retry retries once, `--snapshot new` also takes what came since, `--restart` deletes once."""
        out, config = tmp_path / "out", load_config(summarizer="lead", shard_size=3)
        (archive / "report-000.txt").write_text("")

        def numbers() -> list[int]:
            return sorted(row["snapshot"] for row in mmsum.read_summaries(out).to_pylist())

        mmsum.summarize(archive, out, config)
        failed = unread(str(out), "failed")
        assert [(Path(uri).name, status) for uri, status in failed.items()] == [("report-000.txt", "failed")]
        open_snapshot(str(archive), str(out), config, again=failed)
        assert mmsum.summarize(archive, out, config, retry="failed").snapshot.number == 2
        open_snapshot(str(archive), str(out), config, new=True)
        (archive / "zz.txt").write_text("It came later.")
        assert mmsum.summarize(archive, out, config, snapshot="new").snapshot.number == 4
        assert numbers() == [3] * 7 + [4]
        assert mmsum.summarize(archive, out, config, restart=True).totals.documents == 8
        assert numbers() == [1] * 8

    def test_a_lost_answer_to_a_restart_deletes_nothing_twice(
        self, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store may answer a conditional create that went through with `exists`."""
        out, config = tmp_path / "out", load_config(summarizer="lead", shard_size=3)
        mmsum.summarize(archive, out, config)
        create, delete, deleted = storage.create, plan_module._delete_run, list[str]()

        def lost(uri: str, data: bytes) -> bool:
            return create(uri, data) and "/plan-" not in uri

        monkeypatch.setattr(storage, "create", lost)
        monkeypatch.setattr(plan_module, "_delete_run", lambda out: (deleted.append(out), delete(out)))
        assert mmsum.summarize(archive, out, config, restart=True).totals.documents == 7
        assert len(deleted) == 1 and len(ids(out)) == 7

    def test_what_was_read_in_part_is_read_again_when_asked(self, tmp_path: Path) -> None:
        (tmp_path / "archive").mkdir()
        book = pymupdf.open()
        for number in range(3):
            book.new_page().insert_text((72, 72), f"Page {number} tells of the town.")
        book.save(tmp_path / "archive" / "book.pdf")

        def summarize(pages: int, retry: str | None = None) -> tuple[int, str, int]:
            config = load_config(summarizer="lead", limits={"pages": pages})
            result = mmsum.summarize(tmp_path / "archive", tmp_path / "out", config, retry=retry)
            [row] = mmsum.read_summaries(tmp_path / "out").to_pylist()
            return result.totals.documents, row["status"], row["pages_read"]

        assert summarize(1) == (1, "partial", 1)
        assert summarize(3, "failed") == (0, "partial", 1)
        assert summarize(3, "partial") == (1, "ok", 3)

    def test_documents_that_a_node_does_not_find_are_trouble(self, archive: Path, tmp_path: Path) -> None:
        """They were there when they were listed: a folder that is not mounted everywhere must not become rows."""
        for number in range(40):
            (archive / f"more-{number:03d}.txt").write_text("Some words.")
        open_snapshot(str(archive), str(tmp_path / "out"), load_config(summarizer="lead", shard_size=4))
        archive.rename(tmp_path / "unmounted")
        with pytest.raises(EnvironmentFailure, match=r"could not be fetched .* on node \S+: .*more-"):
            mmsum.summarize(archive, tmp_path / "out", summarizer="lead", shard_size=4)
        assert len(ids(tmp_path / "out")) < 40
        (tmp_path / "unmounted").rename(archive)
        mmsum.summarize(archive, tmp_path / "out", summarizer="lead", shard_size=4)
        rows = mmsum.read_summaries(tmp_path / "out").to_pylist()
        assert (len(rows), sum(row["status"] == "ok" for row in rows) > 30) == (47, True)

    def test_a_broken_summarizer_stops_the_run_with_its_reason(self, archive: Path, tmp_path: Path) -> None:
        config = load_config(summarizer="lead")
        with pytest.raises(EnvironmentFailure, match="the accelerator is gone"):
            mmsum.summarize(archive, tmp_path / "out", config, summarizer=Broken)
        assert len(ids(tmp_path / "out")) == 0
        told = read_status(str(tmp_path / "out")).last_error
        assert told == "the accelerator is gone; start it again (run the same command again to resume)"
        mmsum.summarize(archive, tmp_path / "out", config)
        assert_complete(tmp_path / "out")

    def test_parsing_is_not_fused_into_the_generating_actor(self, archive: Path, tmp_path: Path) -> None:
        equal = {"parse_cpus": 0.5, "generate_cpus": 0.5}  # what Ray Data would otherwise put together
        mmsum.summarize(archive, tmp_path / "out", summarizer=Witness, shard_size=3, resources=equal)
        parsers = {row["summary"] for row in mmsum.read_summaries(tmp_path / "out").to_pylist()}
        assert parsers == {"no parser here"}

    def test_crops_are_stored_only_when_asked(self, tmp_path: Path) -> None:
        picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 300, 200))
        picture.clear_with(120)
        (tmp_path / "archive").mkdir()
        picture.save(tmp_path / "archive" / "photo.png")
        mmsum.summarize(tmp_path / "archive", tmp_path / "plain", summarizer="lead")
        mmsum.summarize(tmp_path / "archive", tmp_path / "crops", summarizer="lead", crops=True)
        assert not (tmp_path / "plain" / "crops").exists()
        stored = pq.read_table(tmp_path / "crops" / "crops").to_pylist()
        assert len(stored) == 1
        assert stored[0]["width"] > 0
        assert stored[0]["image"]


class Broken:
    name = "broken"

    def __init__(self, config: Config) -> None:
        pass

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        raise EnvironmentFailure("the accelerator is gone; start it again")


class Witness:
    """Says whether this process has parsed anything."""

    name = "witness"

    def __init__(self, config: Config) -> None:
        pass

    def summarize(self, documents: Sequence[Document]) -> list[Draft]:
        from mmsum.pipeline.stages import _parser

        parsed = _parser.cache_info().currsize
        return [Draft(text="a parser here" if parsed else "no parser here") for _ in documents]


def test_a_killed_driver_is_resumed_by_the_same_command(tmp_path: Path, mmsum: Run) -> None:
    archive, out = write_archive(tmp_path / "archive", 30), tmp_path / "out"
    command = ("summarize", archive, out, "--set", "summarizer=lead", "--set", "shard_size=2")
    driver = subprocess.Popen(mmsum_command(*command), cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while driver.poll() is None and time.monotonic() < deadline and not list(out.glob("summaries/*/part-*.parquet")):
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    committed = {p.name: p.stat().st_mtime_ns for p in out.glob("summaries/*/part-*.parquet")}
    assert 0 < len(committed) < 15, "the driver was to be killed half-way"
    assert not list(out.rglob("*.tmp"))
    status = mmsum("status", out)
    assert "unfinished" in status.stdout
    again = mmsum(*command)
    assert again.returncode == 0, again.stderr
    assert "resuming" in again.stdout
    assert_complete(out)
    kept = {p.name: p.stat().st_mtime_ns for p in out.glob("summaries/*/part-*.parquet")}
    assert {name: kept[name] for name in committed} == committed


def test_ctrl_c_stops_cleanly(tmp_path: Path) -> None:
    archive, out = write_archive(tmp_path / "archive", 200), tmp_path / "out"
    command = mmsum_command("summarize", archive, out, "--set", "summarizer=lead", "--set", "shard_size=2")
    driver = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while driver.poll() is None and time.monotonic() < deadline and not list(out.glob("summaries/*/part-*.parquet")):
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    printed, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130, printed + errors
    assert (
        errors.strip()
        == "mmsum summarize: stopped; what is committed stays, the same command (without --restart) resumes"
    )


@pytest.mark.s3
def test_the_same_archive_through_a_real_s3_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmsum: Run) -> None:
    with rclone_s3(tmp_path / "served") as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        write_archive(tmp_path / "served" / "bucket" / "docs", 5)
        done = mmsum(
            "summarize", "s3://bucket/docs/", "s3://bucket/out", "--set", "summarizer=lead", "--set", "shard_size=2"
        )
        assert done.returncode == 0, done.stderr
        assert_complete("s3://bucket/out")
        assert "5 (5 ok)" in done.stdout
        assert "100%" in mmsum("status", "s3://bucket/out").stdout
        again = mmsum(
            "summarize", "s3://bucket/docs/", "s3://bucket/out", "--set", "summarizer=lead", "--set", "shard_size=2"
        )
        assert "nothing to do" in again.stdout


@pytest.mark.slow  # what they rest on, conditional creates, is tested in test_commit.py
@pytest.mark.s3
def test_two_drivers_at_once_over_a_growing_archive_write_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmsum: Run
) -> None:
    """moto honours conditional creates, as S3 does."""
    import boto3

    with moto_s3() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=server.endpoint)
        client.create_bucket(Bucket="bucket")
        files = sorted(write_archive(tmp_path / "archive", 25).iterdir())

        def upload(path: Path) -> None:
            client.put_object(Bucket="bucket", Key=f"docs/{path.name}", Body=path.read_bytes())

        for path in files[:20]:
            upload(path)
        command = ("summarize", "s3://bucket/docs/", "s3://bucket/out", "--set", "summarizer=lead")
        # The two disagree about shard size: the loser of the race to plan must adopt the winner's.
        drivers = [
            subprocess.Popen(
                mmsum_command(*command, "--set", f"shard_size={size}"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for size in (2, 3)
        ]
        for path in files[20:]:
            time.sleep(0.5)
            upload(path)
        for driver in drivers:
            _, errors = driver.communicate(timeout=240)
            assert driver.returncode == 0, errors
        rows = ids("s3://bucket/out")
        assert len(rows) == len(set(rows)) and 20 <= len(rows) <= 25
        done = mmsum(*command)
        assert done.returncode == 0, done.stderr
        assert uris("s3://bucket/out") == [f"s3://bucket/docs/{path.name}" for path in files]


def test_answers_do_not_depend_on_the_number_of_workers(tmp_path: Path, archive: Path, local_ray: None) -> None:
    def texts(name: str, **resources: object) -> list[tuple[str, str]]:
        config = load_config(summarizer="lead", shard_size=2, resources=resources)
        mmsum.summarize(archive, tmp_path / name, config)
        table = mmsum.read_summaries(tmp_path / name)
        return list(zip(table["uri"].to_pylist(), table["summary"].to_pylist(), strict=True))

    assert texts("one", parse_tasks=1) == texts("two", parse_tasks=2, generate_actors=2, shards_in_flight=1)


def test_settings_are_readable_in_the_plan(archive: Path, tmp_path: Path, local_ray: None) -> None:
    mmsum.summarize(archive, tmp_path / "out", load_config(summarizer="lead"))
    metadata = pq.read_schema(tmp_path / "out" / "_run" / "plan-000001.parquet").metadata
    assert json.loads(metadata[b"mmsum"])["answers"]["summarizer"] == "lead"
