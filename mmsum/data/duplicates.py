"""Near-duplicate texts: shingles of words, MinHash, and the exact Jaccard index of the pairs that it takes for alike."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmsum.claims import sentences

SHINGLE = 5
"""Words of a shingle."""
_BANDS, _ROWS = 32, 4  # two texts of Jaccard 0.7 meet in a band with probability 0.9998, of 0.3 with 0.23
_SLACK = 0.2
"""Five standard deviations of the share of equal minima, by which an index of 0.7 is guessed. Of thousands of filled-in forms
half of the words are the same: they meet in bands by the million, and an index takes far longer than a guess."""
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
    signatures = np.zeros((len(texts), _BANDS * _ROWS), dtype=np.int32)
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index, found in sets.items():
        # int64 products of two numbers below 2**31 do not overflow.
        signatures[index] = ((factors[:, None] * (found[None, :] % _PRIME) + shifts[:, None]) % _PRIME).min(axis=1)
        for band in range(_BANDS):
            buckets[band, signatures[index, band * _ROWS : (band + 1) * _ROWS].tobytes()].append(index)
    near: dict[tuple[int, int], float] = {}
    for group in buckets.values():
        for at, i in enumerate(group[:-1], start=1):
            others = np.array(group[at:])
            guess = (signatures[others] == signatures[i]).mean(axis=1)
            for j in others[guess > threshold - _SLACK].tolist():
                if (i, j) not in near:
                    near[i, j] = jaccard(sets[i], sets[j])
    alike = [(i, j, share) for (i, j), share in near.items() if share >= threshold]
    return sorted(equal + alike, key=lambda pair: (-pair[2], pair))


def jaccard(one: Hashes, other: Hashes) -> float:
    """Share of the union that both have."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def copied_sentences(gold: str, body: str, words: int = 8) -> tuple[int, int]:
    """(sentences of at least `words` words in the gold that stand word for word in the body, all such sentences)."""
    text = " ".join(body.lower().split())
    long = [" ".join(sentence.lower().split()) for sentence in sentences(gold) if len(sentence.split()) >= words]
    return sum(sentence in text for sentence in long), len(long)
