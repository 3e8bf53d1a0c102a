import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from residual.experiments.guard_windows import around, distinct, spread, windowed

EVENTS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)),
        hnp.arrays(np.int64, n, elements=st.integers(10**12, 10**12 + 200)),
    )
)


@given(EVENTS, st.integers(0, 60), st.integers(0, 60))
def test_sums_are_those_of_the_window(events: tuple[np.ndarray, ...], before: int, after: int) -> None:
    key, weight, time = events
    expected = [
        weight[(key == k) & (time >= t - before) & (time <= t + after)].sum() for k, t in zip(key, time, strict=True)
    ]
    assert around(key, time, weight.astype(float), before=before, after=after).tolist() == expected


@given(EVENTS)
def test_in_a_wide_window_distinct_counts_every_item_once(events: tuple[np.ndarray, ...]) -> None:
    key, item, time = events
    expected = [len(set(item[key == k])) for k in key]
    assert distinct(key, item, time, window=1000).tolist() == expected


def test_spread_is_zero_for_a_steady_sequence_and_large_for_a_lonely_event() -> None:
    key = np.array([0] * 10 + [1])
    time = np.arange(11) * 1000
    steady = spread(key, time, np.full(11, 3.0))
    assert steady[:10] == pytest.approx(np.zeros(10), abs=1e-6)
    assert steady[10] == 99


def test_a_class_without_windows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"name must be one of authentication, .* got 'process_activity'"):
        windowed("process_activity", pl.DataFrame())
