"""Bootstrap intervals over documents: percentile, seeded, paired.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16. One set of resamples serves every
system, so that any two are compared on the same documents.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

SAMPLES = 2000
"""Resamples; the ends of a 95 % interval are then the 50th values from either side."""


class Interval(NamedTuple):
    """A mean with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """Ours minus theirs, with its 95 % interval, and the share of resamples in which ours is the larger."""

    mean: float
    low: float
    high: float
    probability: float


class Bootstrap:
    """Resamples of documents; equal arguments give equal intervals.

    documents: that of each row. Rows of one document, its single figures, come and go together: they are alike.
    """

    def __init__(self, documents: Sequence[Hashable], seed: int, samples: int = SAMPLES) -> None:
        draw = np.random.default_rng(seed)
        places = {document: place for place, document in enumerate(dict.fromkeys(documents))}
        # counts[s, d]: how often resample s holds document d
        counts = draw.multinomial(len(places), np.full(len(places), 1 / len(places)), samples).astype(np.float32)
        self.counts = counts[:, [places[document] for document in documents]]

    def share(self, parts: ArrayLike, wholes: ArrayLike | None = None) -> Interval | None:
        """sum(parts) / sum(wholes), each [documents]; the mean of `parts` without `wholes`. None where there is nothing."""
        resampled, mean = self._ratios(parts, wholes)
        if mean is None:
            return None
        low, high = np.nanpercentile(resampled, [2.5, 97.5])
        return Interval(mean, float(low), float(high))

    def difference(self, ours: ArrayLike, theirs: ArrayLike, wholes: ArrayLike | None = None) -> Difference | None:
        """The share of `ours` minus that of `theirs`, on the same resamples."""
        parts = np.asarray(ours, float) - np.asarray(theirs, float)
        interval = self.share(parts, wholes)
        if interval is None:
            return None
        resampled, _ = self._ratios(parts, wholes)
        return Difference(*interval, float(np.mean(resampled[~np.isnan(resampled)] > 0)))

    def _ratios(self, parts: ArrayLike, wholes: ArrayLike | None) -> tuple[np.ndarray, float | None]:
        top = np.asarray(parts, float)
        bottom = np.ones_like(top) if wholes is None else np.asarray(wholes, float)
        if not bottom.sum():
            return np.empty(0), None
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no fact at all
            return (self.counts @ top) / (self.counts @ bottom), float(top.sum() / bottom.sum())
