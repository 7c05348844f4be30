"""What an evaluation found, for scripts: JSON of the means, Parquet of every example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from mmsum.claims import VERDICTS, CheckedFact, chance, judge
from mmsum.config import Config
from mmsum.evaluation.intervals import SAMPLES, Difference, Interval
from mmsum.evaluation.scores import KindScores, Scored, Scores, Shares
from mmsum.evaluation.variants import ABLATIONS, FIGURES_REMOVED, FIGURES_SWAPPED, FULL, Examples
from mmsum.rouge import KINDS, VARIANT, counts_words

ROW_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("split", pa.string()),
        ("gold", pa.string()),
        ("ours", pa.string()),
        *((kind, pa.float64()) for kind in KINDS),  # of ours
        (
            "facts",
            pa.list_(
                pa.struct([(name, pa.string()) for name in ("kind", "statement", "figure", "answer", "ours")])
            ),  # ours: right, wrong or absent
        ),
        (
            "outputs",
            pa.list_(
                pa.struct(
                    [
                        ("system", pa.string()),
                        ("text", pa.string()),
                        *((kind, pa.float64()) for kind in KINDS),
                        ("words", pa.int64()),
                        ("repetition", pa.float64()),
                        ("language", pa.string()),
                        ("failure", pa.string()),
                        ("verdicts", pa.list_(pa.string())),  # of each of the facts, in order
                        ("citations", pa.list_(pa.string())),
                    ]
                )
            ),
        ),
    ]
)
"""One example: ours, and under `outputs` every system's text, ours, its ablations and the baselines."""


@dataclass(frozen=True)
class Evaluation:
    """texts: system -> one Scored per example. scores: the same over all examples; `full` is ours."""

    model: str
    data: str
    config: Config
    examples: Examples
    facts: list[list[CheckedFact]]  # those that stand only in a figure, of each example
    texts: dict[str, list[Scored]]
    scores: dict[str, Scores]
    by_kind: dict[str, KindScores]
    left_out: Counter[str]

    @property
    def chance(self) -> float | None:
        """What the best constant answer per kind of fact gets right."""
        return chance([fact for facts in self.facts for fact in facts])

    @property
    def gold_right(self) -> float | None:
        """What the gold summaries themselves get right: the most that a model which writes like them can."""
        golds = self.examples.table["summary"].to_pylist()
        verdicts = [judge(fact, gold, facts) for facts, gold in zip(self.facts, golds, strict=True) for fact in facts]
        return verdicts.count("right") / len(verdicts) if verdicts else None

    @property
    def golds_without_words(self) -> int:
        """Golds of which ROUGE counts no word."""
        return sum(not counts_words(gold) for gold in self.examples.table["summary"].to_pylist())

    @property
    def baselines(self) -> dict[str, Scores]:
        return {name: scores for name, scores in self.scores.items() if name != FULL and name not in ABLATIONS}

    @property
    def ablations(self) -> dict[str, Scores]:
        return {name: scores for name, scores in self.scores.items() if name in ABLATIONS}

    def about(self) -> dict[str, Any]:
        """What was evaluated, on what, and how: part of the JSON, and the head of the page."""
        generation = self.config.generation
        decoding: dict[str, Any] = {"summarizer": self.config.summarizer}
        if self.config.summarizer == "lead":
            decoding["lead_sentences"] = generation.lead_sentences
        else:
            decoding |= {"search": "greedy", "dtype": self.config.model.dtype}
            decoding |= generation.model_dump(exclude={"lead_sentences"})
        return {
            "model": self.model,
            "summarizer": ", ".join(self.scores[FULL].models),
            "config": self.config.fingerprint(),
            "data": self.data,
            "n": len(self.examples),
            "splits": dict(Counter(self.examples.table["split"].to_pylist())),
            "left_out": dict(self.left_out),
            "golds_without_words": self.golds_without_words,
            "rouge_variant": VARIANT,
            "intervals": f"95 % percentile bootstrap over documents, {SAMPLES} resamples",
            "seed": self.config.seed,
            "decoding": decoding,
        }

    def as_json(self) -> dict[str, Any]:
        """See docs/evaluation.md for each key. Intervals are [mean, low, high]; None where there is nothing to count."""
        ours = _scores(self.scores[FULL])
        facts = _facts(self.scores[FULL].facts)
        swapped, removed = (
            found.facts if (found := self.scores.get(name)) else None for name in (FIGURES_SWAPPED, FIGURES_REMOVED)
        )
        facts |= {
            "chance": self.chance,
            "gold": self.gold_right,
            "swapped": swapped.right.mean if swapped else None,
            "figures_removed_invented": 1 - removed.absent.mean if removed else None,
            "by_kind": {kind: asdict(scores) for kind, scores in self.by_kind.items()},
        }
        if swapped:
            facts["intervals"]["swapped"] = [*swapped.right]
        if removed:
            mean, low, high = removed.absent
            facts["intervals"]["figures_removed_invented"] = [1 - mean, 1 - high, 1 - low]
        return {
            **ours,
            "facts": facts,
            "baselines": {name: _compared(scores) for name, scores in self.baselines.items()},
            "ablations": {name: _compared(scores) for name, scores in self.ablations.items()},
            **self.about(),
        }

    def as_table(self) -> pa.Table:
        """One row of ROW_SCHEMA per example."""
        rows = []
        for index in range(len(self.examples)):
            example = self.examples.get(index)
            ours = self.texts[FULL][index]
            facts = [
                {name: getattr(fact, name) for name in ("kind", "statement", "figure", "answer")}
                | {"ours": told.verdict}
                for fact, told in zip(self.facts[index], ours.told, strict=True)
            ]
            outputs = [_output(name, texts[index]) for name, texts in self.texts.items()]
            about = {"id": example.id, "title": example.title, "split": example.split, "gold": example.summary}
            rows.append({**about, "ours": ours.text, **ours.rouge, "facts": facts, "outputs": outputs})
        return pa.Table.from_pylist(rows, schema=ROW_SCHEMA)


def _output(name: str, scored: Scored) -> dict[str, Any]:
    return {
        "system": name,
        "text": scored.text,
        **scored.rouge,
        "words": scored.words,
        "repetition": scored.repetition,
        "language": scored.language,
        "failure": scored.written.failure,
        "verdicts": [told.verdict for told in scored.told],
        "citations": [told.citation for told in scored.told],
    }


def _scores(scores: Scores) -> dict[str, Any]:
    return {
        "rouge": {kind: [*interval] for kind, interval in scores.rouge.items()},
        "words": scores.words,
        "repetition": scores.repetition,
        "languages": scores.languages,
        "same_language": scores.same_language,
        "failed": scores.failed,
        "figures_shown": scores.figures_shown,
        "facts_of_text": _facts(scores.of_text, VERDICTS),
    }


_SHARES = (*VERDICTS, "right_of_told", "cited", "cited_right")


def _facts(facts: Shares | None, names: Sequence[str] = _SHARES) -> dict[str, Any]:
    """Shares as plain numbers, their intervals beside them."""
    found: dict[str, Interval | None] = {name: getattr(facts, name, None) for name in names}
    return {
        "n": facts.facts if facts else 0,
        **{name: interval.mean if interval else None for name, interval in found.items()},
        "intervals": {name: [*interval] for name, interval in found.items() if interval},
    }


def _compared(scores: Scores) -> dict[str, Any]:
    return {
        **_scores(scores),
        "facts": _facts(scores.facts),
        "ours_minus": {
            "rougeL": _difference(scores.minus_rouge),
            "right": _difference(scores.minus_right),
            "told": _difference(scores.minus_told),
        },
    }


def _difference(difference: Difference | None) -> dict[str, float] | None:
    return difference._asdict() if difference else None
