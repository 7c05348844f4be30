"""ROUGE F1 by the package `rouge-score`, and a fast ROUGE-L for searching.

Words are lowercased and Porter-stemmed. rougeL takes the whole text as one unit; rougeLsum takes each sentence as one
(union of longest common subsequences), the sentences being those of mmsum.claims.sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from mmsum.claims import sentences
from mmsum.errors import UsageError

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
VARIANT = "F1 of rouge-score, use_stemmer=True; rougeL over the whole text, rougeLsum over sentences"


def check_package() -> None:
    """Raises UsageError where `rouge-score` is not installed."""
    try:
        import rouge_score  # noqa: F401
    except ImportError as error:
        raise UsageError("the package rouge-score is not installed; run: pip install 'mmsum[evaluation]'") from error


def rouge(gold: str, text: str) -> dict[str, float]:
    """F1 of each of KINDS, 0 to 1."""
    found = _scorer().score(_on_lines(gold), _on_lines(text))
    return {kind: float(found[kind].fmeasure) for kind in KINDS}


def words(text: str) -> list[str]:
    """The stemmed words that ROUGE counts."""
    return _tokenizer().tokenize(text)


def counts_words(text: str) -> bool:
    """Whether ROUGE counts any word of the text: rouge-score keeps a-z and 0-9, so that it finds none in a Chinese one."""
    return re.search("[a-z0-9]", text.lower()) is not None


def rouge_l(positions: dict[str, int], gold_words: int, text: Iterable[str], text_words: int) -> float:
    """ROUGE-L F1 of stemmed words against a gold of `gold_words` words, whose `positions` are those of bit_positions."""
    common = _common_subsequence(positions, gold_words, text)
    return 2 * common / (gold_words + text_words) if common else 0.0


def bit_positions(gold: Sequence[str]) -> dict[str, int]:
    """word -> an integer whose bit i is set where the word stands at position i."""
    positions: dict[str, int] = {}
    for index, word in enumerate(gold):
        positions[word] = positions.get(word, 0) | 1 << index
    return positions


def _common_subsequence(positions: dict[str, int], length: int, text: Iterable[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyrö 2004, Bit-parallel LCS-length computation revisited)."""
    every = (1 << length) - 1
    row = every  # a bit that is 0 marks where the table's row rises by one
    for word in text:
        matches = row & positions.get(word, 0)
        row = ((row + matches) | (row - matches)) & every
    return length - row.bit_count()


def _on_lines(text: str) -> str:
    return "\n".join(sentences(text))


class _Tokenizer:
    """rouge-score's own words and stems; each word is stemmed once, which is most of the time otherwise."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(maxsize=65536)(PorterStemmer().stem)

    def tokenize(self, text: str) -> list[str]:
        from rouge_score.tokenize import tokenize

        return list(tokenize(text, self))


@lru_cache(maxsize=1)
def _tokenizer() -> _Tokenizer:
    return _Tokenizer()


@lru_cache(maxsize=1)
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(KINDS), split_summaries=False, tokenizer=_tokenizer())
