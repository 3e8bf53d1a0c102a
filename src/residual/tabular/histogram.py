"""A sketch of a column's numbers whose parts add up exactly, in any order. Told in `book/part3/encoding.md`.

Each number is counted in a bin of relative width 2^-10, read off the first bits of its float64 (as HdrHistogram does;
DDSketch, Masson, Rim and Lee 2019, is its kin): no logarithm, so no rounding that another machine may do otherwise.
Counts of parts add up to the counts of the whole. A bin stands for its edge next to zero, so a quantile is at most
2^-10 (0.1 %) too near to zero, whole numbers up to 2048 are exact, and what is below 2^-30 counts as zero.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BITS = 10
ERROR = 2.0**-BITS  # relative, of a quantile
_SHIFT = 52 - BITS  # a float64 has 52 bits after its leading one
_ZERO = (1023 - 30) << BITS  # the bin of 2^-30
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass
class Histogram:
    """How often the numbers of each bin came.

    Attributes:
        bins: int64 [m], sorted, negative for negative numbers.
        counts: int64 [m], all positive.
        low: the smallest number, exactly.
        high: the largest.
    """

    bins: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    low: float = np.inf
    high: float = -np.inf

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def add(self, values: Floats) -> None:
        """Count more numbers, float64 [n], all finite."""
        if not len(values):
            return
        bins = bins_of(values)
        first = int(bins.min())
        more = np.bincount(bins - first)
        filled = np.flatnonzero(more)
        merged = np.union1d(self.bins, filled + first)
        counts = np.zeros(len(merged), np.int64)
        counts[np.searchsorted(merged, self.bins)] = self.counts
        counts[np.searchsorted(merged, filled + first)] += more[filled]
        self.bins, self.counts = merged, counts
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def values(self) -> Floats:
        """The number that each bin stands for, float64 [m], ascending."""
        return np.clip(edges_of(self.bins), self.low, self.high)

    def quantiles(self, at: Floats, values: Floats) -> Floats:
        """Quantiles at shares in [0, 1], float64 [k], linear between neighbors in order as `numpy.quantile` has them.

        `values` are what the bins stand for: `values()`, or an increasing function of it.
        """
        position = at * (self.total - 1)
        below = np.floor(position)
        ends = np.cumsum(self.counts)
        left = values[np.searchsorted(ends, below, side="right")]
        right = values[np.searchsorted(ends, np.minimum(below + 1, self.total - 1), side="right")]
        share = position - below
        return np.where(left == right, left, left * (1 - share) + right * share)  # no difference, which may overflow

    def skewness(self, values: Floats) -> float:
        """The third standardized moment, 0 where all numbers are equal; `values` as in `quantiles`."""
        share = self.counts / self.total
        away = values - (share * values).sum()
        widest = np.abs(away).max()
        if widest == 0:
            return 0.0
        away /= widest  # so that cubes stay finite
        return float((share * away**3).sum() / (share * away**2).sum() ** 1.5)


def bins_of(values: Floats) -> Counts:
    """The bin of each number, int64 [n]."""
    magnitude = np.maximum((np.abs(values).view(np.int64) >> _SHIFT) - _ZERO, 0)
    return np.where(values < 0, -magnitude, magnitude)


def edges_of(bins: Counts) -> Floats:
    """The edge of each bin that is next to zero, float64 [m]."""
    magnitude = np.where(bins == 0, 0, (np.abs(bins) + _ZERO) << _SHIFT).view(np.float64)
    return np.where(bins < 0, -magnitude, magnitude)
