"""What needs no model; on the papers of MMSUM_DATA the published numbers come out."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path

import pytest

from mmsum.evaluation.baselines import BASELINES, body_sentences, captions, first_100_words, lead_3, oracle
from mmsum.examples import Example, ExampleFigure
from mmsum.rouge import rouge

TEXT = """# A heading

Loans rose, e.g. in May. Kelso was wet.

[Figure 1]

```
code = "not read"

more_code()
```

Boats sank in Ayr. Nobody knew why. Then came spring."""


def paper(summary: str = "Boats sank. Loans rose.") -> Example:
    return Example("p", "Title", TEXT, [ExampleFigure("Figure 1", "A map.", b""), ExampleFigure("", "", b"")], summary)


def test_sentences_are_those_of_paragraphs() -> None:
    assert body_sentences(paper()) == [
        "Loans rose, e.g. in May.", "Kelso was wet.", "Boats sank in Ayr.", "Nobody knew why.", "Then came spring."
    ]  # fmt: skip
    assert lead_3(paper()) == "Loans rose, e.g. in May. Kelso was wet. Boats sank in Ayr."
    assert first_100_words(Example("p", "", "a b c " * 90, [], "")) == ("a b c " * 90)[:199]
    assert captions(paper()) == "A map."


def test_the_oracle_keeps_what_raises_rouge_l_in_the_order_of_the_text() -> None:
    assert oracle(paper("Boats sank in Ayr after loans rose.")) == "Boats sank in Ayr."
    assert oracle(paper("Loans rose in May. Boats sank.")) == "Loans rose, e.g. in May. Boats sank in Ayr."
    assert oracle(Example("p", "", "", [], "Gold.")) == ""
    gold = paper("Kelso was wet and then came spring.")
    best = max(rouge(gold.summary, " ".join(pair))["rougeL"] for pair in combinations(body_sentences(gold), 2))
    assert rouge(gold.summary, oracle(gold))["rougeL"] == pytest.approx(best)


PUBLISHED = {"lead-3": 14.97, "first-100-words": 16.06, "captions": 10.29, "oracle": 26.04}


@pytest.mark.skipif("MMSUM_DATA" not in os.environ, reason="MMSUM_DATA names the folder that holds joss/")
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_papers_give_the_published_numbers(name: str) -> None:
    lines = Path(os.environ["MMSUM_DATA"], "joss", "test", "papers.jsonl").read_text().splitlines()
    scores = []
    for record in map(json.loads, lines):
        figures = [ExampleFigure("", figure["caption"], b"") for figure in record["figures"]]
        found = Example(record["id"], record["title"], record["body"], figures, record["summary"])
        scores.append(rouge(found.summary, BASELINES[name](found))["rougeL"])
    assert 100 * sum(scores) / len(scores) == pytest.approx(PUBLISHED[name], abs=0.2)
