"""Intervals: Student's t against scipy, the median's against the binomial law and against a simulation."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residual.experiments.stats import Interval, mean_interval, median_interval, slope

CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.99)


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30),
    confidence=st.floats(0.01, 0.999),
)
def test_mean_interval_is_students(values: list[float], confidence: float) -> None:
    found = mean_interval(values, confidence=confidence)
    assert found.n == len(values)
    assert found.confidence == confidence
    assert found.estimate == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-6)
    error = stats.sem(values)
    if error > 1e-9:  # scipy has no interval of width zero
        low, high = stats.t.interval(confidence, len(values) - 1, loc=np.mean(values), scale=error)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-6)
    else:
        assert found.high - found.low == pytest.approx(0, abs=1e-6)


def test_mean_interval_by_hand() -> None:
    # Mean 2, standard deviation 1, and t of 0.975 with two degrees of freedom is 4.3027.
    found = mean_interval([1, 2, 3])
    assert (found.estimate, found.low, found.high) == pytest.approx(
        (2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4
    )
    assert (found.n, found.confidence) == (3, 0.95)
    assert str(Interval(1.2345, -0.5, 30.04, 3)) == "1.23 [-0.5, 30]"


def order_statistics(n: int, confidence: float) -> tuple[int, int]:
    """The two ranks, from 1, between which the interval of n values lies."""
    found = median_interval(range(1, n + 1), confidence=confidence)
    return int(found.low), int(found.high)


def coverage(n: int, r: int) -> Fraction:
    """Exact chance that the r-th smallest and the r-th largest of n values have the median between them."""
    return Fraction(sum(comb(n, k) for k in range(r, n - r + 1)), 2**n)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_median_interval_is_the_narrowest_that_covers(confidence: float) -> None:
    for n in range(8, 60):
        low, high = order_statistics(n, confidence)
        assert low + high == n + 1  # symmetric
        assert low < high
        assert coverage(n, low) >= Fraction(confidence)
        assert coverage(n, low + 1) < Fraction(confidence)


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (20, 6, 15), (25, 8, 18)])
def test_median_interval_of_the_tables(n: int, low: int, high: int) -> None:
    """Ranks at 95 %, as tables of the sign test's interval give them."""
    assert order_statistics(n, 0.95) == (low, high)


@pytest.mark.parametrize("n", [6, 9, 12])
def test_median_interval_covers_as_often_as_the_binomial_law_says(n: int) -> None:
    samples = np.random.default_rng(0).exponential(size=(4_000, n))  # skewed: its median is not its mean
    truth = np.log(2)
    covered = 0
    for sample in samples:
        found = median_interval(sample)
        covered += found.low <= truth <= found.high
    expected = float(coverage(n, order_statistics(n, 0.95)[0]))
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


@pytest.mark.parametrize(("confidence", "needed"), [(0.5, 2), (0.75, 3), (0.9, 5), (0.95, 6), (0.99, 8), (0.999, 11)])
def test_median_interval_says_how_many_values_it_needs(confidence: float, needed: int) -> None:
    for n in range(1, needed):
        with pytest.raises(ValueError, match=f"at least {needed} numbers for a median at {confidence:g}, got {n}$"):
            median_interval(range(n), confidence=confidence)
    assert order_statistics(needed, confidence) == (1, needed)


@pytest.mark.parametrize("interval", [mean_interval, median_interval])
def test_bad_values(interval: Callable[..., Interval]) -> None:
    good = [1.0] * 10
    with pytest.raises(ValueError, match=r"values must hold at least \d numbers, one a seed, got shape \(0,\)"):
        interval([])
    with pytest.raises(ValueError, match=r"got shape \(10, 2\)"):
        interval([[1.0, 2.0]] * 10)
    with pytest.raises(ValueError, match="values must be finite, got nan"):
        interval([*good, float("nan")])
    with pytest.raises(ValueError, match="values must be finite, got -inf"):
        interval([*good, float("-inf")])
    for confidence in (0, 1, 95, -0.5, float("nan")):
        with pytest.raises(ValueError, match=f"confidence must be between 0 and 1, got {confidence}"):
            interval(good, confidence=confidence)


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match=r"at least 2 numbers, one a seed, got shape \(1,\)"):
        mean_interval([3.0])


@given(
    x=st.lists(st.integers(-100, 100), min_size=2, max_size=10, unique=True),
    a=st.floats(-10, 10),
    b=st.floats(-10, 10),
)
def test_slope_of_a_line(x: list[int], a: float, b: float) -> None:
    assert slope(x, [a + b * value for value in x]) == pytest.approx(b, abs=1e-9)


def test_slope_is_least_squares() -> None:
    assert slope([0, 1, 2], [0, 0, 3]) == pytest.approx(1.5)
