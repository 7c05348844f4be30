"""The real pocket preset from end to end: real PDFs in, a real language model with a real vision tower, Parquet out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.api import read_summaries
from mmsum.data.figure_reports import write_sample_archive
from tests.conftest import Run


@pytest.mark.pocket
def test_the_pocket_preset_summarizes_real_reports(tmp_path: Path, mmsum: Run) -> None:
    write_sample_archive(tmp_path / "archive", n=2)
    settings = ("--preset", "pocket", "--set", "generation.summary_tokens=24", "--set", "crops=true")
    done = mmsum("summarize", "archive", "out", *settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "5 (3 ok, 2 failed)" in done.stdout  # the tests install OCR: the scanned page is read
    rows = {Path(row["uri"]).name: row for row in read_summaries(tmp_path / "out").to_pylist()}
    assert len(rows) == 5
    kinds = {name: row["failure_kind"] for name, row in rows.items() if row["status"] == "failed"}
    assert kinds == {"encrypted.pdf": "encrypted", "truncated.pdf": "corrupt"}
    assert len(rows["scanned.pdf"]["summary"].split()) >= 5
    for row in (row for name, row in rows.items() if name[0].isdigit()):
        assert row["status"] == "ok"
        assert row["model"].startswith("fused:pocket:")
        assert len(row["summary"].split()) >= 5
        assert row["tokens_read"] == row["tokens_total"] > 300
        assert row["pages_read"] == row["pages_total"] >= 2
        assert 8 <= row["output_tokens"] <= 24
        assert row["figures"]
        assert not any(figure["shown"] for figure in row["figures"])  # the fusion is not trained: nothing was seen
    report = mmsum("report", "out")
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(row["title"] in page for row in rows.values() if row["status"] == "ok")
    assert page.count("UklGR") == sum(len(row["figures"]) for row in rows.values())  # a WebP picture for every figure
