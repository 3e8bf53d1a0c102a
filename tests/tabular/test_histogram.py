"""A histogram's parts add up to the whole, and its quantiles are as near as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from residual.tabular.histogram import ERROR, Histogram, bins_of, edges_of

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)
SHARES = np.linspace(0, 1, 21)


def filled(values: NDArray[np.float64]) -> Histogram:
    histogram = Histogram()
    histogram.add(values)
    return histogram


@given(NUMBERS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_and_cuts_change_nothing(numbers: list[float], random: object, parts: int) -> None:
    whole = filled(np.array(numbers))
    random.shuffle(numbers)  # type: ignore[attr-defined]
    pieces = Histogram()
    for piece in np.array_split(np.array(numbers), parts):
        pieces.add(piece)
    assert np.array_equal(whole.bins, pieces.bins)
    assert np.array_equal(whole.counts, pieces.counts)
    assert (whole.low, whole.high, whole.total) == (pieces.low, pieces.high, len(numbers))


@given(NUMBERS)
def test_a_number_is_off_by_the_stated_error_and_toward_zero(numbers: list[float]) -> None:
    values = np.array(numbers)
    edges = edges_of(bins_of(values))
    tiny = np.abs(values) < 2.0**-29
    assert np.all(np.abs(edges) <= np.abs(values))
    assert np.all(tiny | (np.abs(values - edges) < ERROR * np.abs(values)))
    assert np.all(np.abs(values - edges)[tiny] < 2.0**-29)
    assert np.all(np.diff(edges_of(np.sort(bins_of(values)))) >= 0)


def test_whole_numbers_up_to_2048_are_exact() -> None:
    numbers = np.arange(-2048.0, 2049)
    assert np.array_equal(edges_of(bins_of(numbers)), numbers)


@given(st.lists(st.integers(-2048, 2048), min_size=1, max_size=80))
def test_quantiles_of_whole_numbers_are_numpys(numbers: list[int]) -> None:
    values = np.array(numbers, float)
    histogram = filled(values)
    assert histogram.quantiles(SHARES, histogram.values()) == pytest.approx(np.quantile(values, SHARES), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_within_the_stated_error(seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(3, 3, 5000)
    exact = np.quantile(values, SHARES)
    histogram = filled(values)
    off = 1 - histogram.quantiles(SHARES, histogram.values()) / exact
    assert np.all(off >= -1e-12)
    assert np.all(off < ERROR)
    assert off[0] == pytest.approx(0, abs=1e-12)  # of positive numbers the smallest is kept exactly


@pytest.mark.parametrize("seed", range(3))
def test_skewness_is_scipys(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2000, 500).astype(float) ** 2 // 2000
    for numbers, expected in ((values, stats.skew(values)), (np.full(5, 3.0), 0)):
        histogram = filled(numbers)
        assert histogram.skewness(histogram.values()) == pytest.approx(expected, rel=1e-9)
    wide = filled(np.array([1e300, -1e300, 1e308]))
    assert np.isfinite(wide.skewness(wide.values()))
