"""Rates: what a detector's scores mean, told by the days before."""

import numpy as np
import polars as pl
import pytest

from residual.detect.calibrate import TOP, highest, rates


@pytest.mark.parametrize("seed", range(5))
def test_on_exponential_scores_a_rate_is_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, entities = 14, 100
    null = np.concatenate([np.sort(rng.exponential(size=entities))[-TOP:] for _ in range(days)])
    threshold = np.log(entities / np.array([3.0, 0.3, 0.03]))  # reached by so many entities per day, in truth
    found = rates(threshold, null, days)
    assert found[0] == pytest.approx(3, rel=0.5)
    assert np.abs(np.log(found / [3, 0.3, 0.03])).max() < np.log(5)


def test_attacks_in_the_null_dull_a_detector_less_than_without_censoring() -> None:
    rng = np.random.default_rng(0)
    null = np.append(rng.exponential(size=1400), np.linspace(10, 30, 6))
    tail = np.sort(null)[-69:]
    body = np.sort(null)[-70]
    uncensored = 69 / 14 * np.exp(-(12 - body) / (tail - body).mean())
    assert rates(np.array([12.0]), null, 14)[0] < 0.2 * uncensored


def test_a_higher_score_is_never_more_frequent() -> None:
    rng = np.random.default_rng(1)
    for n in (0, 1, 5, 30, 1000):
        found = rates(np.linspace(-1, 20, 500), rng.gamma(2, size=n), 14)
        assert (np.diff(found) <= 1e-12).all()
        assert (found > 0).all()


def test_with_a_thin_past_a_rate_is_no_less_than_half_an_event_in_it() -> None:
    assert rates(np.array([5.0, 1.0]), np.array([2.0, 3.0]), 10) == pytest.approx([0.05, 0.2])
    assert rates(np.array([5.0]), np.zeros(0), 14) == pytest.approx([0.5 / 14])


def test_of_each_entity_the_highest_score_counts() -> None:
    sights = pl.DataFrame({"kind": ["user"] * 4, "entity": ["a", "a", "b", "b"], "score": [1.0, 3.0, 2.0, 0.0]})
    assert sorted(highest(sights)["score"]) == [2.0, 3.0]


def test_a_past_of_a_few_days_and_scores_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 7, got 3"):
        rates(np.zeros(1), np.zeros(1), 3)
    with pytest.raises(ValueError, match="finite"):
        rates(np.array([np.nan]), np.zeros(1), 14)
