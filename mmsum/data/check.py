"""`mmsum data check`: what a data set holds, repeats, leaks and lets one guess."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from random import Random
from statistics import fmean
from typing import Any

from mmsum.claims import CheckedFact, chance, chance_by_kind, judge, read_facts
from mmsum.data.duplicates import copied_sentences, near_duplicates
from mmsum.data.files import read_examples
from mmsum.examples import Example
from mmsum.images import is_image
from mmsum.rouge import bit_positions, check_package, rouge_l, words

PAIRS = 1000
"""Pairs of golds that are compared."""
NEAR = 0.7
"""Jaccard index of five-word shingles from which two texts count as near duplicates."""


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
    gold_words: float = 0.0
    gold_rouge_l: float | None = None  # mean over pairs of golds
    facts: dict[str, int] = field(default_factory=dict)  # per kind
    figure_facts_least: int = 0  # facts of an example that stand only in figures
    figure_facts_mean: float = 0.0
    facts_not_right: int = 0  # facts that their own gold does not state
    chance: dict[str, float] = field(default_factory=dict)  # kind -> best constant answer of the facts only in figures
    chance_all: float = 0.0  # the same over all kinds

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_data(data: str, seed: int = 0) -> DataCheck:
    """Reads everything under `data` once. Raises SourceError where there are no examples."""
    found = DataCheck()
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
        golds.append(example.summary)
        _look_at_figures(example, found, kinds, images)
        part, whole = copied_sentences(example.summary, example.text)
        copied, long = copied + part, long + whole
        own = read_facts(example.facts)
        facts += own
        found.facts_not_right += sum(judge(fact, example.summary, own) != "right" for fact in own)
        shown += [sum(not fact.said for fact in own)] if own else []
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
    found.gold_words = fmean(len(gold.split()) for gold in golds)
    found.gold_rouge_l = gold_rouge_l(golds, seed)
    _count_facts(found, facts, shown)
    return found


def _look_at_figures(example: Example, found: DataCheck, kinds: Counter[str], images: dict[bytes, set[str]]) -> None:
    for figure in example.figures:
        kinds[figure.kind] += 1
        images[hashlib.sha256(figure.image).digest()].add(example.split)
        if not is_image(figure.image):
            found.broken_images.append(f"{example.id}, {figure.label or 'a figure without a label'}")


def _shared(golds: list[str], where: list[str]) -> int:
    splits: dict[str, set[str]] = defaultdict(set)
    for gold, split in zip(golds, where, strict=True):
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
    unsaid = [fact for fact in facts if not fact.said]
    found.chance, found.chance_all = chance_by_kind(unsaid), chance(unsaid) or 0.0
