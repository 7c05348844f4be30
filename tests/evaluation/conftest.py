"""Examples with facts that stand only in a figure, and an evaluation of `lead` on them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmsum.claims import CheckedFact, write_facts
from mmsum.evaluation import Evaluation, evaluate
from mmsum.examples import Example, ExampleFigure, examples_to_table
from tests.tiny import png

COLORS = ("red", "green", "blue", "white", "black", "yellow")
HOSTILE = "</style><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"


def example(number: int) -> Example:
    """Its text says `Loans rose`, which is right for odd numbers, and `Kelso was the largest`, citing another figure."""
    trend = "rose" if number % 2 else "fell"
    loans, towns, boats = (
        {"up": "rose", "down": "fell"},
        {"Kelso": "kelso", "Ayr": r"\bayr\b"},
        {"40": "40", "50": "50"},
    )
    facts = [
        CheckedFact("trend", f"Loans {trend}.", "Figure 1", False, ["loans"], loans, "up" if number % 2 else "down"),
        CheckedFact("largest", "Kelso was largest.", "Figure 2", False, ["largest"], towns, "Kelso"),
        CheckedFact("count", "There were 40 boats.", "", True, ["boats"], boats, "40"),
    ]
    text = f"Figure 1 shows that loans rose. In Figure 1, Kelso was the largest town. Year {number} was wet {HOSTILE}."
    return Example(
        id=f"report-{number}",
        title=f"Report {number} {HOSTILE}",
        text=f"{text}\n\n# Boats\n\nThere were 40 boats. More words stand here. The end came soon.",
        figures=[
            ExampleFigure("Figure 1", f"Loans {HOSTILE}", png(COLORS[number % 6])),
            ExampleFigure("Figure 2", "Towns.", png(COLORS[number % 6], (60, 60))),
        ],
        summary=f"Loans {trend} (Figure 1). Kelso was the largest town (Figure 2). There were 40 boats.",
        split="test" if number else "valid",
        facts=write_facts(facts),
    )


def write_examples(path: Path, examples: list[Example]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(examples_to_table(examples), path)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six examples in two files."""
    folder = tmp_path_factory.mktemp("data")
    write_examples(folder / "a.parquet", [example(number) for number in range(4)])
    write_examples(folder / "b.parquet", [example(number) for number in range(4, 6)])
    return folder


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="session")
def evaluation(data: Path, out: Path) -> Evaluation:
    return evaluate("lead", data, out=out, ablate=True, local=True)
