"""Bootstrap intervals: seeded, paired, of means and of shares."""

from __future__ import annotations

import numpy as np
import pytest

from mmsum.evaluation.intervals import Bootstrap


def test_equal_seeds_give_equal_intervals_around_the_mean() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.1, 200)
    interval = Bootstrap(range(200), seed=0).share(values)
    assert interval == Bootstrap(range(200), seed=0).share(values) != Bootstrap(range(200), seed=1).share(values)
    assert interval is not None
    assert interval.mean == pytest.approx(values.mean())
    # The bootstrap's normal approximation: 1.96 standard errors to either side.
    error = 1.96 * values.std() / np.sqrt(200)
    assert (interval.low, interval.high) == pytest.approx((interval.mean - error, interval.mean + error), abs=0.003)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(2)
    intervals = [Bootstrap(range(60), seed, 500).share(draw.random(60) < 0.4) for seed in range(200)]
    covered = sum(found is not None and found.low <= 0.4 <= found.high for found in intervals)
    assert 0.88 <= covered / 200 <= 0.99


def test_a_share_weighs_documents_by_what_they_hold() -> None:
    interval = Bootstrap(range(3), seed=0).share([2, 0, 0], [2, 1, 1])
    assert interval is not None and interval.mean == 0.5
    assert Bootstrap(range(3), seed=0).share([0, 0, 0], [0, 0, 0]) is None


def test_pairing_sees_a_small_steady_difference() -> None:
    values = np.random.default_rng(3).normal(0.3, 0.2, 50)
    found = Bootstrap(range(50), seed=0).difference(values + 0.01, values)
    assert found is not None
    assert (found.mean, found.low, found.high, found.probability) == pytest.approx((0.01, 0.01, 0.01, 1.0))


def test_resamples_without_a_fact_say_nothing_of_who_is_better() -> None:
    wholes = np.array([3.0] + [0.0] * 9)
    found = Bootstrap(range(10), seed=0).difference(wholes, np.zeros(10), wholes)
    assert found is not None and (found.mean, found.probability) == (1.0, 1.0)


def test_rows_of_one_document_come_and_go_together() -> None:
    """Four equal figures of each of 50 documents say as much as one: a fourth of the rows is not a half of the interval."""
    values = np.random.default_rng(4).normal(0.3, 0.2, 50)
    alone = Bootstrap(range(50), seed=0).share(values)
    fourfold = Bootstrap([f"document {row // 4}" for row in range(200)], seed=0).share(np.repeat(values, 4))
    assert fourfold == pytest.approx(alone)
