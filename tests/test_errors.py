"""Every kind of failure is explained: to readers of the README, and in the report."""

from __future__ import annotations

import re
from pathlib import Path

from mmsum.errors import ADVICE, RETRYABLE, FailureKind

README = (Path(__file__).parents[1] / "README.md").read_text()
NAMED = re.compile(r"\b[a-z]+\.[a-z_]+\b|--[a-z]+ [a-z]+|\bmmsum\[[a-z]+\]")
"""What is to be typed: config keys, options with their value, extras."""


def test_every_kind_of_failure_is_documented_and_the_advice_is_that_of_the_readme() -> None:
    rows = [line.split("|") for line in README.partition("### Failures")[2].partition("###")[0].splitlines()]
    told = {name.strip(" `"): row[3] for row in rows if len(row) == 5 for name in row[1].split(",")}
    assert [kind for kind in FailureKind if not told.get(kind, "").strip()] == []
    assert set(ADVICE) == set(FailureKind) and set(FailureKind) >= RETRYABLE
    assert {kind: sorted(set(NAMED.findall(ADVICE[kind]))) for kind in FailureKind} == {
        kind: sorted(set(NAMED.findall(told[kind]))) for kind in FailureKind
    }
