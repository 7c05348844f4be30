"""Every kind of failure is explained: to readers of the README, and in the report."""

from __future__ import annotations

from pathlib import Path

from mmsum.errors import RETRYABLE, FailureKind
from mmsum.report.advice import ADVICE

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_kind_of_failure_is_documented() -> None:
    rows = [line.split("|") for line in README.partition("### Failures")[2].partition("###")[0].splitlines()]
    told = {name.strip(" `"): row[3] for row in rows if len(row) == 5 for name in row[1].split(",")}
    missing = [kind for kind in FailureKind if not told.get(kind, "").strip()]
    assert missing == [] and set(ADVICE) == set(FailureKind) and set(FailureKind) >= RETRYABLE
