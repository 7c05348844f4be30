"""`mmsum data check`: what a data set holds, repeats, leaks and lets one guess."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from random import Random
from statistics import fmean
from typing import Any

from mmsum import storage
from mmsum.claims import CheckedFact, chance, chance_by_kind, judge
from mmsum.data.duplicates import copied_sentences, near_duplicates
from mmsum.data.files import read_examples
from mmsum.errors import DocumentFailure, ObjectForbidden, ObjectNotFound, SourceError
from mmsum.examples import Example, facts_of
from mmsum.images import is_image
from mmsum.rouge import bit_positions, check_package, counts_words, rouge_l, words

PAIRS = 1000
"""Pairs of golds that are compared."""
NEAR = 0.7
"""Jaccard index of five-word shingles from which two texts count as near duplicates."""

TEXT_ONLY_MOST = 0.45
"""ROUGE-L that a model trained without figures should reach at most: more, and the text alone gives the golds away."""
GOLD_TO_GOLD_MOST = 0.25
"""ROUGE-L between golds of different documents: more, and one summary would do for all."""
FIGURE_FACTS_LEAST = 3
"""Facts of an example that stand only in figures."""


@dataclass(frozen=True, slots=True)
class TextOnly:
    """What a model trained without figures reached, as `mmsum evaluate ... --text-only EXPORT --json FILE` wrote it."""

    rouge_l: float
    examples: int
    data: str


@dataclass(slots=True)
class DataCheck:
    """The numbers of one data set; shares are 0..1."""

    examples: dict[str, int] = field(default_factory=dict)  # per split
    figures: int = 0
    broken_images: list[str] = field(default_factory=list)  # "id, label"
    kinds: dict[str, int] = field(default_factory=dict)  # figures per kind
    licences: dict[str, int] = field(default_factory=dict)
    repeated_ids: int = 0
    near_within: int = 0  # pairs of one split whose texts are near duplicates
    near_between: list[str] = field(default_factory=list)  # such pairs of two splits: "id = id (0.81)"
    same_image_between: int = 0  # images, byte for byte, in more than one split
    same_gold_between: int = 0
    gold_in_body: float = 0.0  # share of gold sentences of 8 words or more that stand in the body
    without_gold: int = 0  # examples that are left out of all that is counted of golds
    gold_words: float | None = None  # mean
    gold_rouge_l: float | None = None  # mean over pairs of golds
    gold_without_words: int = 0  # golds without a word that ROUGE counts, left out of gold_rouge_l
    text_only: TextOnly | None = None
    facts: dict[str, int] = field(default_factory=dict)  # per kind
    without_facts: int = 0  # examples that list none and are left out of the next two
    figure_facts_least: int = 0  # facts of an example that stand only in figures
    figure_facts_mean: float = 0.0
    facts_not_right: int = 0  # facts that their own gold does not state
    chance: dict[str, float] = field(default_factory=dict)  # kind -> best constant answer of the facts only in figures
    chance_all: float = 0.0  # the same over all kinds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_data(data: str, seed: int = 0, text_only: str | None = None) -> DataCheck:
    """Reads everything under `data` once; text_only: JSON of `mmsum evaluate` with --text-only.

    Raises SourceError where there are no examples, or what is there cannot be read.
    """
    found = DataCheck(text_only=read_text_only(text_only) if text_only else None)
    splits: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    ids, texts, golds, where = list[str](), list[str](), list[str](), list[str]()
    images: dict[bytes, set[str]] = defaultdict(set)
    facts: list[CheckedFact] = []
    shown: list[int] = []
    copied = long = 0
    for example in read_examples(data):
        splits[example.split] += 1
        licences[example.licence or "unknown"] += 1
        ids.append(example.id)
        where.append(example.split)
        texts.append(example.text)
        golds.append(example.summary.strip())
        _look_at_figures(example, found, kinds, images)
        part, whole = copied_sentences(example.summary, example.text)
        copied, long = copied + part, long + whole
        own = facts_of(example)
        facts += own
        if golds[-1]:
            found.facts_not_right += sum(judge(fact, example.summary, own) != "right" for fact in own)
        shown += [sum(fact.is_of_figure_alone for fact in own)] if own else []
    if not ids:
        raise SourceError(f"{data}: its Parquet files hold no rows; make examples with `mmsum data`")
    found.examples, found.kinds, found.licences = dict(splits), dict(kinds.most_common()), dict(licences)
    found.figures = sum(kinds.values())
    found.repeated_ids = len(ids) - len(set(ids))
    for i, j, share in near_duplicates(texts, NEAR):
        if where[i] == where[j]:
            found.near_within += 1
        else:
            found.near_between.append(f"{where[i]} {ids[i]} = {where[j]} {ids[j]} ({share:.2f})")
    found.same_image_between = sum(len(group) > 1 for group in images.values())
    found.same_gold_between = _shared(golds, where)
    found.gold_in_body = copied / max(1, long)
    written = [gold for gold in golds if gold]
    scored = [gold for gold in written if counts_words(gold)]
    found.without_gold, found.gold_without_words = len(golds) - len(written), len(written) - len(scored)
    found.gold_words = fmean(len(gold.split()) for gold in written) if written else None
    found.gold_rouge_l = gold_rouge_l(scored, seed)
    found.without_facts = len(golds) - len(shown)
    _count_facts(found, facts, shown)
    return found


def read_text_only(file: str) -> TextOnly:
    """The text-only model's scores in the JSON of an evaluation. Raises SourceError where there are none."""
    needed = "give the file that `mmsum evaluate MODEL DATA --text-only EXPORT --json FILE` wrote"
    try:
        found = json.loads(storage.read(storage.normalize(file)))
        # The name of that system's column, and ROUGE as [mean, low, high]: mmsum.evaluation writes them so.
        scores = TextOnly(
            float(found["baselines"]["text-only"]["rouge"]["rougeL"][0]), int(found["n"]), str(found["data"])
        )
        if not 0 <= scores.rouge_l <= 1:
            raise ValueError(f"its ROUGE-L is {scores.rouge_l}")
    except (ObjectNotFound, ObjectForbidden, DocumentFailure) as error:
        raise SourceError(f"--text-only: {error}; {needed}") from error
    except (ValueError, TypeError, LookupError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise SourceError(f"--text-only: {file} holds no scores of a text-only model ({reason}); {needed}") from error
    return scores


def _look_at_figures(example: Example, found: DataCheck, kinds: Counter[str], images: dict[bytes, set[str]]) -> None:
    for figure in example.figures:
        kinds[figure.kind] += 1
        if is_image(figure.image):
            images[hashlib.sha256(figure.image).digest()].add(example.split)
        else:
            found.broken_images.append(f"{example.id}, {figure.label or 'a figure without a label'}")


def _shared(golds: list[str], where: list[str]) -> int:
    splits: dict[str, set[str]] = defaultdict(set)
    for gold, split in zip(golds, where, strict=True):
        if gold:
            splits[gold].add(split)
    return sum(len(group) > 1 for group in splits.values())


def gold_rouge_l(golds: list[str], seed: int = 0, pairs: int = PAIRS) -> float | None:
    """Mean ROUGE-L F1 (stemmed) of `pairs` random pairs of different documents' golds; None of fewer than two."""
    if len(golds) < 2:
        return None
    check_package()
    rng = Random(seed)
    drawn = [rng.sample(golds, 2) for _ in range(min(pairs, len(golds) * (len(golds) - 1) // 2))]
    split = [(words(one), words(other)) for one, other in drawn]
    return fmean(rouge_l(bit_positions(one), len(one), other, len(other)) for one, other in split)


def _count_facts(found: DataCheck, facts: list[CheckedFact], shown: list[int]) -> None:
    if not facts:
        return
    found.facts = dict(Counter(fact.kind for fact in facts).most_common())
    found.figure_facts_least, found.figure_facts_mean = min(shown), fmean(shown)
    alone = [fact for fact in facts if fact.is_of_figure_alone]
    found.chance, found.chance_all = chance_by_kind(alone), chance(alone) or 0.0
