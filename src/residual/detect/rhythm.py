"""How regular the calls between two are: RITA's beacon score as published.

Malware that asks its master for orders calls at a regular pace: a beacon. So do clocks, updaters and monitors. A
regular rhythm is a reason to look, and never one to judge. Told in part V.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST, MOST = 4, 86_400  # calls that RITA looks at: as many as the first, fewer than the second
BARS = 24  # of the histogram, over the time that is looked at
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Beacon:
    """The four parts of RITA's score, each from 0 to 1.

    Attributes:
        times: how symmetric and narrow the distribution of gaps is, leaving out those of less than a second.
        sizes: the same of the bytes sent.
        duration: how much of the time is covered, or how long the longest run of hours is beside 12; 0 below 6 hours.
        histogram: how even the calls are over the hours, or how few different numbers of calls the hours have.
    """

    times: float
    sizes: float
    duration: float
    histogram: float

    @property
    def score(self) -> float:
        """Their mean."""
        return (self.times + self.sizes + self.duration + self.histogram) / 4


def beacon(times: ArrayLike, sizes: ArrayLike, *, begin: int, end: int) -> Beacon | None:
    """RITA's score of the calls of one source to one destination, as in its version 5.1.1 (`analysis/beacons.go`).

    RITA rounds each part to three digits; this does not, and leaves out the modifiers for rare or new destinations.

    Args:
        times: of the calls, in ms, in any order: (calls,).
        sizes: bytes sent by each: (calls,).
        begin, end: the time that is looked at, in ms; RITA's is a day.

    Returns:
        None for what RITA does not judge: fewer than four calls, or 86,400 and more, or fewer than three gaps of a
        second or more.

    Raises:
        ValueError: for times and sizes of different lengths or not finite, or times outside of `begin` and `end`.
    """
    at, size = _finite("times", times), _finite("sizes", sizes)
    if len(at) != len(size):
        raise ValueError(f"sizes must be as many as times, {len(at)}, got {len(size)}")
    if (outside := (at < begin) | (at > end)).any() or end <= begin:
        wrong = at[outside][0] if outside.any() else "no time between them"
        raise ValueError(f"times must lie between begin {begin} and end {end}, got {wrong}")
    seconds = np.sort(at) // 1000
    gaps = np.diff(seconds)
    gaps = gaps[gaps > 0]
    if not FEWEST <= len(at) < MOST or len(gaps) < 3:
        return None
    bars = np.histogram(at, BARS, (begin, end))[0]
    covered = (seconds[-1] - seconds[0]) * 1000 / (end - begin)
    lasting = min(1.0, max(covered, _longest_run(bars > 0) / 12)) if (bars > 0).sum() >= 6 else 0.0
    even = max(1 - bars.std() / bars.mean(), _two_heights(bars))
    return Beacon(_narrow(gaps, 1.0), _narrow(size, 0.0), float(lasting), float(even))


def _narrow(values: Floats, small: float) -> float:
    """Mean of 1 - Bowley's skewness and 1 - the relative median deviation, which is `small` for a median below 1."""
    values = np.sort(values)
    half = len(values) // 2  # the middle one of an odd number belongs to neither half
    low, median, high = np.median(values[:half]), np.median(values), np.median(values[-half:])
    skewed = high - low >= 10 and median not in (low, high)
    skew = (low + high - 2 * median) / (high - low) if skewed else 0.0
    same = max(0.0, 1 - np.median(np.abs(values - median)) / median) if median >= 1 else small
    return float(1 - abs(skew) + same) / 2


def _longest_run(filled: NDArray[np.bool_]) -> int:
    """Of hours with calls, where the last is followed by the first."""
    empty = np.flatnonzero(~np.tile(filled, 2))
    return int(np.diff(empty).max()) - 1 if len(empty) else len(filled)


def _two_heights(bars: NDArray[np.int64]) -> float:
    """Share of the hours that have one of the two most frequent numbers of calls, leaving one hour out."""
    filled = bars[bars > 0]
    step = np.ceil(0.05 * bars.max())  # numbers as close as this count as the same
    often = np.sort(np.unique(filled // step, return_counts=True)[1])
    return min(1.0, often[-2:].sum() / (len(filled) - 1)) if len(filled) >= 11 else 0.0


def _finite(name: str, values: ArrayLike) -> Floats:
    known = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(known).all():
        raise ValueError(f"{name} must be finite, got {known[~np.isfinite(known)][0]}")
    return known
