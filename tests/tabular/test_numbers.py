"""Scaled numbers, flags and times beside scikit-learn's transformers and what mathematics asks of them."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from residual.tabular.cells import Cells
from residual.tabular.histogram import ERROR
from residual.tabular.numbers import FARTHEST, STEPS, Age, Cycle, Flag, Length, Scaled

DAY_MS = 86_400_000
TIMES = st.lists(st.integers(-(2**45), 2**45), min_size=1, max_size=20)


def cells(values: pl.Series, time: NDArray[np.float64] | None = None) -> Cells:
    return Cells(values, np.arange(len(values)), np.zeros(len(values)) if time is None else time)


def scaled(part: Scaled, fit: NDArray[np.float64], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    part.update(cells(pl.Series(fit)))
    return part.numeric(cells(pl.Series(transform)))


@pytest.mark.parametrize("seed", range(3))
def test_robust_is_sklearns_for_whole_numbers(seed: int) -> None:
    fit, transform = np.random.default_rng(seed).integers(-200, 200, (2, 400)).astype(float)
    peer = RobustScaler().fit(fit[:, None])
    assert scaled(Scaled("robust"), fit, transform) == pytest.approx(peer.transform(transform[:, None]), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_robust_is_sklearns_after_logarithms_where_skewed(seed: int) -> None:
    fit, transform = np.random.default_rng(seed).lognormal(6, 2, (2, 2000))
    part = Scaled("robust")
    found = scaled(part, fit, transform)
    assert part.learned()[0]
    peer = RobustScaler().fit(np.log1p(fit)[:, None])
    # log(1 + x) of a number off by ERROR is off by less than 2 ERROR; a median and two quartiles are off by that.
    allowed = 2 * ERROR * (1 + 2 * np.abs(found)) / peer.scale_
    assert np.all(np.abs(found - peer.transform(np.log1p(transform)[:, None])) < allowed)


def test_logarithms_keep_sign_and_are_not_taken_of_even_numbers() -> None:
    rng = np.random.default_rng(0)
    even, skewed = Scaled("robust"), Scaled("robust")
    scaled(even, rng.normal(100, 10, 1000), np.zeros(1))
    found = scaled(skewed, -rng.lognormal(6, 2, 1000), -np.array([1.0, 10, 100, 1000]))
    assert not even.learned()[0]
    assert skewed.learned()[0]
    assert np.all(np.diff(found[:, 0]) < 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [False, True])
def test_quantile_is_sklearns_within_the_stated_error(seed: int, ties: bool) -> None:
    """Ours is sklearn's for a number moved by ERROR at most, and by one step of the grid at most."""
    fit, transform = np.random.default_rng(seed).lognormal(8, 2, (2, 4000))
    if ties:
        fit, transform = (np.floor(np.log(values)) for values in (fit, transform))
    found = (scaled(Scaled("quantile"), fit, transform)[:, 0] + 1) / 2
    peer = QuantileTransformer(n_quantiles=STEPS + 1, subsample=None).fit(fit[:, None])
    low, high = (peer.transform(transform[:, None] * (1 + side * ERROR))[:, 0] for side in (-1, 1))
    assert np.all(found >= low - 1 / STEPS)
    assert np.all(found <= high + 1 / STEPS)
    if ties:
        assert found == pytest.approx(peer.transform(transform[:, None])[:, 0], abs=1e-6)


def test_a_column_of_equal_numbers_is_centered_and_others_stand_out() -> None:
    assert scaled(Scaled("robust"), np.full(9, 7.5), np.array([7.5, 8.5])).tolist() == [[0], [1]]
    mostly = np.array([0.0] * 95 + [50.0] * 5)
    assert scaled(Scaled("robust"), mostly, np.array([0.0]))[0, 0] == 0
    assert np.isfinite(scaled(Scaled("robust"), mostly, np.array([50.0]))).all()


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.lists(st.floats(), min_size=1))
def test_always_finite_and_within_bounds(scaling: str, fit: list[float], transform: list[float]) -> None:
    found = scaled(Scaled(scaling), np.array(fit), np.array(transform))  # type: ignore[arg-type]
    assert found.shape == (len(transform), 1)
    assert np.all(np.abs(found) <= (FARTHEST if scaling == "robust" else 1))


@given(TIMES)
def test_cycles_are_points_on_the_unit_circle_and_come_round(times: list[int]) -> None:
    found, later, week = (Cycle().numeric(cells(pl.Series(times) + shift)) for shift in (0, DAY_MS, 7 * DAY_MS))
    ones = np.ones(len(times))
    assert found[:, 0] ** 2 + found[:, 1] ** 2 == pytest.approx(ones, abs=1e-6)
    assert found[:, 2] ** 2 + found[:, 3] ** 2 == pytest.approx(ones, abs=1e-6)
    assert later[:, :2] == pytest.approx(found[:, :2], abs=1e-6)
    assert week == pytest.approx(found, abs=1e-6)


def test_cycles_at_known_hours() -> None:
    hours = {
        "1970-01-05T00:00": (0, 1, 0, 1),
        "2024-07-01T06:00": (1, 0, np.sin(np.pi / 14), np.cos(np.pi / 14)),
        "2024-07-04T12:00": (0, -1, 0, -1),
    }
    found = Cycle().numeric(cells(pl.Series(list(hours)).str.to_datetime("%FT%R").dt.epoch("ms")))
    assert found == pytest.approx(np.array(list(hours.values())), abs=1e-6)


def test_a_second_moves_a_cycle_the_same_across_midnight() -> None:
    """Distance on the circle does not jump where the clock does."""
    midnight = 20_000 * DAY_MS
    found = Cycle().numeric(cells(pl.Series([midnight - 1000, midnight, midnight + 1000])))
    before, after = np.linalg.norm(np.diff(found[:, :2].astype(float), axis=0), axis=1)
    assert before == pytest.approx(after, rel=1e-3)


def test_flags() -> None:
    assert Flag().numeric(cells(pl.Series([True, False]))).tolist() == [[1], [-1]]


def test_lengths_and_ages_are_scaled_numbers() -> None:
    lists, lengths = pl.Series([[], ["a"], ["a", "b"], ["c"] * 6]), np.array([0.0, 1, 2, 6])
    part, plain = Length("robust"), Scaled("robust")
    part.update(cells(lists))
    assert np.array_equal(part.numeric(cells(lists)), scaled(plain, lengths, lengths))
    event = np.array([10_000.0, 20_000, np.nan])
    age = Age("robust")
    age.update(cells(pl.Series([4000, 21_000, 5000]), event))
    assert age.histogram.total == 2
    assert age.histogram.low == -6
    assert age.histogram.high == 1
    assert age.numeric(cells(pl.Series([4000]), np.array([np.nan])))[0, 0] == 0  # no event time, no age
