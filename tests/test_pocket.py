"""The real pocket preset from end to end: real PDFs in, a real language model with a real vision tower, Parquet out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsum.api import read_summaries
from mmsum.claims import judge, read_facts
from mmsum.config import load_config
from mmsum.data.synthetic.pdf import write_demo_archive
from mmsum.data.synthetic.render import render_report
from mmsum.data.synthetic.report import plan_report
from mmsum.examples import split_by_figure, to_document
from mmsum.generation.descriptions import DESCRIPTION_TOKENS
from mmsum.generation.fused import FusedSummarizer
from tests.conftest import Run


@pytest.mark.pocket
def test_the_pocket_preset_summarizes_real_reports(tmp_path: Path, mmsum: Run) -> None:
    (tmp_path / "archive").mkdir()
    write_demo_archive(tmp_path / "archive", n=1)
    settings = ("--preset", "pocket", "--set", "generation.summary_tokens=24", "--set", "crops=true")
    done = mmsum("summarize", "archive", "out", *settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "4 (2 ok, 2 failed)" in done.stdout  # the tests install OCR: the scanned page is read
    rows = {Path(row["uri"]).name: row for row in read_summaries(tmp_path / "out").to_pylist()}
    assert len(rows) == 4
    kinds = {name: row["failure_kind"] for name, row in rows.items() if row["status"] == "failed"}
    assert kinds == {"encrypted.pdf": "encrypted", "truncated.pdf": "corrupt"}
    assert len(rows["scanned.pdf"]["summary"].split()) >= 5
    for row in (row for name, row in rows.items() if name[0].isdigit()):
        assert row["status"] == "ok"
        assert row["model"].startswith("fused:pocket:")
        assert len(row["summary"].split()) >= 5
        assert row["tokens_read"] == row["tokens_total"] > 300
        assert row["pages_read"] == row["pages_total"] >= 2
        assert row["figures"]
        assert 8 <= row["output_tokens"] <= 24 + DESCRIPTION_TOKENS * len(row["figures"])
        assert all(figure["shown"] for figure in row["figures"])
    report = mmsum("report", "out")
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(row["title"] in page for row in rows.values() if row["status"] == "ok")
    assert page.count("UklGR") == sum(len(row["figures"]) for row in rows.values())  # a WebP picture for every figure


@pytest.mark.pocket
def test_the_shipped_adapters_read_figures_that_they_never_saw() -> None:
    """New reports of the kind they learned from, each figure by itself; then with the figure of the next one."""
    reports = [render_report(plan_report("test", 77, index)) for index in range(5)]
    examples = [piece for report in reports for piece in split_by_figure(report) if piece.summary]
    summarizer = FusedSummarizer.load(load_config(preset="pocket", **{"generation.describe_figures": False}))  # type: ignore[arg-type]
    documents = [to_document(example) for example in examples]

    def right() -> float:
        texts = [draft.text for draft in summarizer.summarize(documents)]
        facts = [(fact, text) for one, text in zip(examples, texts, strict=True) for fact in read_facts(one.facts)]
        return sum(judge(fact, text) == "right" for fact, text in facts) / len(facts)

    own = right()
    images = [document.figures[0].image for document in documents]
    for document, image in zip(documents, images[1:] + images[:1], strict=True):
        document.figures[0].image = image
    swapped = right()
    assert own > 0.5
    assert swapped < own / 2
