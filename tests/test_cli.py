"""The command line: what a user types wrong is one clear line and exit 2, and nothing is half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from mmsum.cli import _parser
from mmsum.commands import config_of
from tests.conftest import Run, write_archive


def test_importing_the_cli_loads_nothing_heavy() -> None:
    code = (
        "import sys, mmsum.cli; mmsum.cli._parser(); "
        "print([m for m in ('torch', 'ray', 'transformers', 'pyarrow', 'pymupdf', 'boto3', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version_and_help(mmsum: Run) -> None:
    assert mmsum("--version").stdout.startswith("mmsum 0.")
    for command in ("summarize", "status", "report", "inspect", "demo"):
        assert mmsum(command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("summarise", "a", "b"), "invalid choice: 'summarise'"),
        (("summarize", "archive"), "the following arguments are required: OUT"),
        (("summarize", "nowhere", "out"), "nowhere: no such file or folder"),
        (("summarize", "empty", "out"), "nothing to summarize there"),
        (("summarize", "archive", "out", "--limit", "0"), "--limit: '0' is not a number of documents above 0"),
        (("data", "figure-reports", "--made-up", "2", "out"), "--made-up: '2' is not a number from 0 to 1"),
        (
            ("data", "figure-reports", "--kinds", "line,bar", "out"),
            "--kinds: 'bar' is no kind of figure; there are line, area",
        ),
        (("summarize", "archive", "out", "--set", "limits.page=3"), "no such config key; the nearest is limits.pages"),
        (("summarize", "archive", "out", "--config", "none.yaml"), "none.yaml: No such file"),
        (("summarize", "archive", "out", "--preset", "vest"), "preset: there is none called 'vest'"),
        (("summarize", "archive", "file.txt/out"), "file.txt"),
        (("summarize", "archive", "out", "--set", "summarizer=fused"), "model.backbone: summarizer fused needs it"),
        (
            ("summarize", "archive", "out", "--preset", "pocket", "--set", "model.backbone=package:no_such_pkg/x.gguf"),
            "the package no_such_pkg is not installed; run: pip install",
        ),
        (("summarize", "archive", "out", "--preset", "pocket", "--model", "archive"), "has no mmsum.json"),
        (("status", "archive"), "no run has been started there"),
        (("report", "archive"), "no summaries there yet"),
        (("inspect", "nowhere.pdf"), "nowhere.pdf: no such file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(mmsum: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    write_archive(tmp_path / "archive", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("not a folder")
    before = sorted(tmp_path.rglob("*"))
    if arguments[:1] == ("summarize",) and "--set" not in arguments and "--preset" not in arguments:
        arguments += ("--set", "summarizer=lead")
    done = mmsum(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("uri", ["s3://no-such-bucket-here/docs/", "s3://bucket/docs/"])
def test_a_missing_bucket_or_prefix_is_one_line(mmsum: Run, tmp_path: Path, uri: str) -> None:
    from tests.servers import rclone_s3

    (tmp_path / "served" / "bucket").mkdir(parents=True)
    with rclone_s3(tmp_path / "served") as server:
        done = mmsum("summarize", uri, "out", "--set", "summarizer=lead", **server.env)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "s3://" in done.stderr


def test_sigterm_before_a_run_is_under_way(tmp_path: Path) -> None:
    """Listing a bucket takes minutes, starting Ray a while."""
    script = "import signal, sys; from mmsum import cli, storage\n"
    script += "storage.list_source = lambda source: signal.raise_signal(signal.SIGTERM)\n"
    script += f"sys.exit(cli.main(['summarize', 'docs', {str(tmp_path / 'out')!r}, '--set', 'summarizer=lead']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mmsum summarize: stopped; what is committed stays, the same command")


def test_inspect_prints_what_scripts_read(mmsum: Run, tmp_path: Path) -> None:
    page = pymupdf.open()
    page.new_page().insert_text((72, 90), "A report about loans", fontsize=20)
    page[0].insert_text((72, 130), "The library lent a hundred books.", fontsize=11)
    page.save(tmp_path / "report.pdf")
    done = mmsum("inspect", "report.pdf", "--json", "--boxes", "boxes.png")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["uri", "title", "pages", "text", "figures", "status", "failure"]
    assert (found["pages"], found["status"], found["failure"], found["figures"]) == (1, "ok", None, [])
    assert "lent a hundred books" in found["text"]
    assert pymupdf.Pixmap(str(tmp_path / "boxes.png")).width > 100
    assert "A report about loans" in mmsum("inspect", "report.pdf").stdout


def test_inspect_of_a_broken_file_says_why(mmsum: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    done = mmsum("inspect", "broken.pdf", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["status"] == "failed"
    assert found["failure"]["kind"] == "corrupt"


def test_a_whole_run_from_the_command_line(mmsum: Run, tmp_path: Path) -> None:
    write_archive(tmp_path / "archive", 3)
    command = ("summarize", "archive", "out", "--set", "summarizer=lead")
    first = mmsum(*command)
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert "3 (3 ok)" in first.stdout
    assert "nothing to do, all 3 documents have their rows" in mmsum(*command).stdout
    refused = mmsum(*command, "--set", "limits.pages=2")
    assert refused.returncode == 2
    assert "limits.pages: 2000 then, 2 now" in refused.stderr
    assert "complete" in mmsum("status", "out").stdout
    report = mmsum("report", "out", "--to", "page.html")
    assert report.returncode == 0, report.stderr
    assert "The town library lent" in (tmp_path / "page.html").read_text()


def test_a_model_alone_is_read_as_it_was_trained() -> None:
    """As `mmsum evaluate` reads it; a preset or a file decides for itself, and --set above all."""
    export = "package:mmsum/presets/pocket"
    trained = config_of(_parser().parse_args(["summarize", "a", "b", "--model", export])).generation
    assert trained.describe_figures and trained.context_tokens == 1536
    command = ["summarize", "a", "b", "--model", export, "--set", "generation.context_tokens=99"]
    assert config_of(_parser().parse_args(command)).generation.context_tokens == 99
    command = ["summarize", "a", "b", "--model", export, "--preset", "pocket"]
    assert config_of(_parser().parse_args(command)).generation.context_tokens == 4096
