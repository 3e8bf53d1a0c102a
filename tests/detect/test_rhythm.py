"""RITA's beacon score, by hand; and what has no rhythm to judge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.detect.rhythm import beacon

SECOND, HOUR = 1000, 3_600_000
DAY = {"begin": 0, "end": 24 * HOUR}


def test_times_and_sizes_by_hand() -> None:
    gaps = [200, 100, 400, 140, 0, 360, 120, 260]  # seconds; the zero does not count
    times = np.cumsum([0, *gaps]) * SECOND
    # Gaps 100 120 140 | 200 | 260 360 400: quartiles 120, 200, 360. Bowley's skewness is (120 + 360 - 400) / 240 = 1/3.
    # Distances from 200: 0 60 60 80 100 160 200, their median is 80, and 1 - 80 / 200 = 0.6.
    # Sizes: all quartiles are 70, so no skewness, and no deviation.
    found = beacon(times, [70] * 8 + [5000], **DAY)
    assert found is not None
    assert found.times == pytest.approx((2 / 3 + 0.6) / 2)
    assert found.sizes == 1
    assert (found.duration, found.histogram) == (0, 0)  # all of it in one hour of 24: the calls vary by 480 percent
    assert found.score == pytest.approx(((2 / 3 + 0.6) / 2 + 1) / 4)


def test_duration_and_histogram_by_hand() -> None:
    calls = [2, 2, 4, 2, 1, 2, 1, 2, 4, 2, 1]  # in the hours 0 to 10
    times = [h * HOUR + call * 10 * 60 * SECOND for h, n in enumerate(calls) for call in range(n)]
    found = beacon(times, range(len(times)), **DAY)
    assert found is not None
    # The first call is at 0:00 and the last at 10:00, which covers 10 / 24; the longest run has 11 hours, 11 / 12.
    assert found.duration == pytest.approx(11 / 12)
    # Six hours have two calls, three have one, two have four: (6 + 3) / (11 - 1).
    assert found.histogram == pytest.approx(0.9)


def test_a_run_goes_on_over_midnight() -> None:
    hours = [20, 21, 22, 23, 0, 1, 2, 5]
    found = beacon([h * HOUR + 1 for h in sorted(hours)], [1] * 8, **DAY)
    assert found is not None
    assert found.duration == pytest.approx(23 / 24)  # covered: from 0 to 23 o'clock
    found = beacon([h * HOUR for h in range(8, 15)], [1] * 7, **DAY)
    assert found is not None
    assert found.duration == pytest.approx(7 / 12)


def test_a_clock_is_a_perfect_beacon() -> None:
    times = np.arange(0, 24 * HOUR, HOUR // 2)
    found = beacon(times, np.full(len(times), 300), **DAY)
    assert found is not None
    assert found.score == pytest.approx(1)
    people = np.random.default_rng(0).exponential(HOUR / 2, 40).cumsum()
    chance = beacon(people[people < 24 * HOUR], np.arange((people < 24 * HOUR).sum()) ** 2, **DAY)
    assert chance is not None
    assert chance.score < 0.75


@given(st.lists(st.tuples(st.integers(0, 24 * HOUR), st.integers(0, 10**9)), max_size=40), st.randoms())
def test_the_score_lies_between_0_and_1_whatever_the_order(calls: list[tuple[int, int]], random: object) -> None:
    found = beacon([at for at, _ in calls], [size for _, size in calls], **DAY)
    assert found == beacon([at for at, _ in calls[::-1]], [size for _, size in calls[::-1]], **DAY)
    if found is not None:
        assert all(0 <= part <= 1 for part in (found.times, found.sizes, found.duration, found.histogram))


def test_what_rita_does_not_judge() -> None:
    assert beacon([], [], **DAY) is None
    assert beacon([0, 1000, 2000], [1, 1, 1], **DAY) is None
    assert beacon([0, 0, 0, 1000, 2000], [1] * 5, **DAY) is None  # two gaps
    assert beacon(np.arange(86_400) * SECOND, np.ones(86_400), **DAY) is None


def test_bad_input_is_named() -> None:
    for times, sizes, span, words in [
        ([0, 1], [1], DAY, "sizes must be as many as times, 2, got 1"),
        ([0, -5], [1, 1], DAY, "times must lie between begin 0 and end 86400000, got -5"),
        ([0, np.nan], [1, 1], DAY, "times must be finite, got nan"),
        ([0, 1], [1, np.inf], DAY, "sizes must be finite, got inf"),
        ([], [], {"begin": 5, "end": 5}, "times must lie between begin 5 and end 5, got no time"),
    ]:
        with pytest.raises(ValueError, match=words):
            beacon(times, sizes, **span)
