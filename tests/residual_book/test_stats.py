"""Intervals: the tables' values, and how often they cover. Arms are paired by seed."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residual_book.stats import (
    Interval,
    mean_difference,
    mean_interval,
    mean_over,
    median_interval,
    pairs,
    seeds_of,
    share_interval,
    slope,
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_interval_is_students(values: list[float]) -> None:
    mean = mean_interval(values)
    assert (mean.n, mean.confidence) == (len(values), 0.95)
    assert mean.estimate == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-6)
    test = stats.ttest_1samp(values, mean.low)
    if stats.sem(values) > 1e-9:  # the test has no verdict on equal values
        assert test.pvalue == pytest.approx(0.05, abs=1e-6)
    else:
        assert mean.high - mean.low == pytest.approx(0, abs=1e-6)


def test_mean_interval_by_hand() -> None:
    # Mean 2, standard deviation 1, and t of 0.975 with two degrees of freedom is 4.3027.
    mean, half = mean_interval([1, 2, 3]), 4.3027 / 3**0.5
    assert (mean.estimate, mean.low, mean.high) == pytest.approx((2, 2 - half, 2 + half), abs=1e-4)
    assert str(Interval(1.2345, -0.5, 30.04, 3)) == "1.23 [-0.5, 30]"


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (20, 6, 15), (25, 8, 18)])
def test_median_interval_of_the_tables(n: int, low: int, high: int) -> None:
    """Ranks at 95 %, as tables of the sign test's interval give them."""
    median = median_interval(range(1, n + 1))
    assert (median.low, median.high) == (low, high)


@pytest.mark.parametrize("n", [6, 9, 12])
def test_median_interval_covers_as_often_as_the_binomial_law_says(n: int) -> None:
    samples = np.random.default_rng(0).exponential(size=(1_000, n))  # skewed: its median is not its mean
    intervals = [median_interval(sample) for sample in samples]
    covered = sum(median.low <= np.log(2) <= median.high for median in intervals)
    rank = int(median_interval(range(1, n + 1)).low)
    expected = sum(comb(n, k) for k in range(rank, n - rank + 1)) / 2**n
    assert expected >= 0.95
    assert covered / len(samples) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / len(samples)) ** 0.5)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=30), shift=st.permutations(range(6)))
def test_median_interval_is_made_of_values_and_ignores_their_order(values: list[float], shift: list[int]) -> None:
    found = median_interval(values)
    assert found.estimate == np.median(values)
    assert found.low in values
    assert found.high in values
    assert found.low <= found.estimate <= found.high
    assert median_interval([values[i] for i in shift] + values[6:]) == found
    assert found.n == len(values)


@pytest.mark.parametrize(("interval", "needed"), [(mean_interval, 2), (median_interval, 6)])
def test_bad_values(interval: Callable[..., Interval], needed: int) -> None:
    good = [1.0] * 10
    for few in range(needed):
        with pytest.raises(ValueError, match=rf"at least {needed} numbers.*\({few},\)"):
            interval(good[:few])
    with pytest.raises(ValueError, match=r"values .* shape \(10, 2\)"):
        interval([[1.0, 2.0]] * 10)
    for bad in ("nan", "-inf"):
        with pytest.raises(ValueError, match=f"values must be finite, got {bad}"):
            interval([*good, float(bad)])


@dataclass(frozen=True)
class Run:
    seed: int
    error: float


def test_arms_are_paired_by_seed_whatever_their_order() -> None:
    first, second = [Run(1, 5.0), Run(0, 4.0)], [Run(0, 1.0), Run(1, 2.5)]
    assert pairs(first, second) == [(first[1], second[0]), (first[0], second[1])]
    assert mean_difference(first, second, lambda run: run.error) == mean_interval([3.0, 2.5])
    assert mean_over(first, lambda run: run.error) == mean_interval([5.0, 4.0])


def test_seeds_are_each_counted_once() -> None:
    assert seeds_of([Run(3, 5.0), Run(0, 4.0), Run(3, 1.0)]) == (0, 3)


@pytest.mark.parametrize("seeds", [[0], [0, 2], [0, 1, 1]])
def test_other_seeds_are_refused(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match=r"seeds .*\[0, 1\]"):
        pairs([Run(0, 1.0), Run(1, 1.0)], [Run(seed, 1.0) for seed in seeds])


@given(
    x=st.lists(st.integers(-100, 100), min_size=2, max_size=10, unique=True),
    a=st.floats(-10, 10),
    b=st.floats(-10, 10),
)
def test_slope_of_a_line(x: list[int], a: float, b: float) -> None:
    assert slope(x, [a + b * value for value in x]) == pytest.approx(b, abs=1e-9)


def test_slope_is_least_squares() -> None:
    assert slope([0, 1, 2], [0, 0, 3]) == pytest.approx(1.5)


def test_a_share_has_an_exact_interval() -> None:
    """Of 10, one: the ends at which one or fewer, or one or more, would be found in 2.5 % of such experiments."""
    share = share_interval(1, 10)
    low, high = share.low, share.high
    assert share.estimate == 0.1
    assert 1 - (1 - low) ** 10 == pytest.approx(0.025)
    assert (1 - high) ** 10 + 10 * high * (1 - high) ** 9 == pytest.approx(0.025)
    assert share_interval(0, 3).low == 0
