"""Machines for a large archive, from the rates of a small run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from mmsum.cli import main
from mmsum.errors import SourceError
from mmsum.pipeline.sizing import Need, Rates, machines, read_rates
from tests.pages import page_command
from tests.pipeline.outputs import finish, plan


def test_the_sums() -> None:
    """The example of docs/sizing.md."""
    rates = Rates(documents=300, generate=1.5, parse=0.6, idle=0.02)
    need = machines(rates, 1_000_000, 10, actor_hour=1.2, cpu_hour=0.05)
    assert need == Need(actors=42, cpus=20, cost=pytest.approx(10 * (42 * 1.2 + 20 * 0.05)))  # type: ignore[arg-type]


def test_rates_are_those_of_the_log_each_shard_once(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two drivers did the first shard; one of them was first to commit it."""
    out = tmp_path / "out"
    with pytest.raises(SourceError, match="no rates are logged"):
        read_rates(str(out))
    receipts = finish(plan(archive, out), "text", range(2))
    for number, receipt in enumerate(receipts):
        receipt |= {"seconds_fetch": 0.2, "seconds_parse": 1.0 + number, "seconds_generate": 6.0, "seconds_idle": 2.0}
    for driver, done in {"a": receipts, "b": receipts[:1]}.items():
        lines = [{"at": 1000.0, "event": "start", "nodes": 1, "documents": 7, "node_hour_price": None}]
        lines += [{"at": 1010.0, "event": "shard", **receipt} for receipt in done]
        log = out / "_run" / "log" / f"000001-{driver}" / "000001.jsonl"
        log.parent.mkdir(parents=True)
        log.write_text("\n".join(map(json.dumps, lines)))
    rates = read_rates(str(out))
    assert rates.documents == 4
    assert (rates.generate, rates.parse, rates.idle) == pytest.approx((3.0, 0.85, 0.25))

    line = page_command("sizing.md", "mmsum sizing")
    assert main(shlex.split(line.replace("s3://my-bucket/trial/", str(out)))[1:]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3600 / g = 1,200 documents an hour" in said
    assert "1,000,000 x g / (3600 x 10 h) = 84 " in said
    assert "1.2 x 1,000,000 x p / (3600 x 10 h) = 29 " in said
    assert "10 h x (84 x 1.2 + 29 x 0.05) = 1,022.50, or 1.02 per 1,000 documents" in said
    for wrong in (["--hours", "0"], ["--hours", "nan"], ["--hours", "inf"], ["--hours", "1", "--actor-hour", "-1"]):
        assert main(["sizing", str(out), "--documents", "10", *wrong]) == 2
