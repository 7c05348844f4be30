"""ROUGE as rouge-score has it; the fast ROUGE-L agrees with it."""

from __future__ import annotations

import builtins
import random
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from mmsum.errors import UsageError
from mmsum.rouge import bit_positions, check_package, counts_words, rouge, rouge_l, words

WORDS = ["loan", "loans", "rise", "rising", "rose", "town", "Kelso", "largest", "of", "the"]


def texts(seed: int) -> tuple[str, str]:
    draw = random.Random(seed)
    return " ".join(draw.choices(WORDS, k=30)), " ".join(draw.choices(WORDS, k=draw.randrange(1, 50)))


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_the_package(seed: int) -> None:
    gold, text = texts(seed)
    kinds = ["rouge1", "rouge2", "rougeL"]
    theirs = RougeScorer(kinds, use_stemmer=True).score(gold, text)
    ours = rouge(gold, text)
    assert {kind: ours[kind] for kind in kinds} == {kind: theirs[kind].fmeasure for kind in kinds}
    stems = words(text)
    fast = rouge_l(bit_positions(words(gold)), len(words(gold)), stems, len(stems))
    assert fast == pytest.approx(theirs["rougeL"].fmeasure)


def test_lsum_does_not_mind_the_order_of_sentences_and_l_does() -> None:
    scores = rouge("Loans rose. Kelso was largest.", "Kelso was largest. Loans rose.")
    assert scores["rougeLsum"] == 1.0
    assert scores["rougeL"] == pytest.approx(3 / 5)
    assert rouge("Loans rose.", "") == dict.fromkeys(scores, 0.0)


@pytest.mark.parametrize("text", ["Loans rose.", "需求上升 12 %", "需求上升", "Спрос вырос", "...", ""])
def test_texts_without_words_of_rouge_are_told(text: str) -> None:
    assert counts_words(text) == bool(words(text))


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "rouge_score":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'mmsum\[evaluation\]'"):
        check_package()
