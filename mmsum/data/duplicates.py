"""Near-duplicate texts: shingles of words, MinHash, and the exact Jaccard index of the pairs that it proposes."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mmsum.claims import sentences

SHINGLE = 5
"""Words of a shingle."""
_BANDS, _ROWS = 32, 4  # two texts of Jaccard 0.7 meet in a band with probability 0.9998, of 0.3 with 0.23
_PRIME = (1 << 31) - 1

Hashes = npt.NDArray[np.int64]


def shingles(text: str) -> Hashes:
    """Sorted hashes, each once, of all runs of SHINGLE words, case and spaces aside."""
    words = text.lower().split()
    count = max(1, len(words) - SHINGLE + 1)
    runs = {zlib.crc32(" ".join(words[i : i + SHINGLE]).encode()) for i in range(count)}
    return np.array(sorted(runs), dtype=np.int64)


def near_duplicates(texts: Sequence[str], threshold: float = 0.7) -> list[tuple[int, int, float]]:
    """(i, j, Jaccard index) for pairs i < j of texts whose index is at least `threshold`, most alike first; none are empty.

    Of equal texts each is paired with the first, and that one with other texts: thousands of one text are as many pairs.
    """
    firsts: dict[str, int] = {}
    equal = [(firsts[text], i, 1.0) for i, text in enumerate(texts) if firsts.setdefault(text, i) != i and text.strip()]
    sets = {index: shingles(text) for text, index in firsts.items() if text.strip()}
    rng = np.random.default_rng(0)
    factors = rng.integers(1, _PRIME, _BANDS * _ROWS)
    shifts = rng.integers(0, _PRIME, _BANDS * _ROWS)
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index, found in sets.items():
        # int64 products of two numbers below 2**31 do not overflow.
        signature = ((factors[:, None] * (found[None, :] % _PRIME) + shifts[:, None]) % _PRIME).min(axis=1)
        for band in range(_BANDS):
            buckets[band, signature[band * _ROWS : (band + 1) * _ROWS].tobytes()].append(index)
    pairs = {pair for group in buckets.values() if len(group) > 1 for pair in combinations(group, 2)}
    alike = ((i, j, jaccard(sets[i], sets[j])) for i, j in pairs)
    near = [pair for pair in alike if pair[2] >= threshold]
    return sorted(equal + near, key=lambda pair: (-pair[2], pair))


def jaccard(one: Hashes, other: Hashes) -> float:
    """Share of the union that both have."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def copied_sentences(gold: str, body: str, words: int = 8) -> tuple[int, int]:
    """(sentences of at least `words` words in the gold that stand word for word in the body, all such sentences)."""
    text = " ".join(body.lower().split())
    long = [" ".join(sentence.lower().split()) for sentence in sentences(gold) if len(sentence.split()) >= words]
    return sum(sentence in text for sentence in long), len(long)
