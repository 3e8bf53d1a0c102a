"""Means, medians and their intervals over seeds. Used by every page that compares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate over seeds (a mean or a median) with its two-sided confidence interval."""

    estimate: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Mean of `values`, one a seed, with Student's t interval.

    Raises:
        ValueError: for fewer than two values (one seed has no interval), values that are not finite, or a confidence
            outside 0 to 1.
    """
    array = _checked(values, confidence, needed=2)
    mean = float(array.mean())
    error = float(array.std(ddof=1)) / len(array) ** 0.5
    half = float(stats.t.ppf((1 + confidence) / 2, df=len(array) - 1)) * error
    return Interval(mean, mean - half, mean + half, len(array), confidence)


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Median of `values`, one a seed, with an interval that supposes nothing about their distribution.

    Its ends are the r-th smallest and the r-th largest value, with the largest r for which the interval still holds the
    median of the distribution with at least `confidence` (David & Nagaraja, Order Statistics, 3rd edition 2003,
    section 7.1). That is exact for a continuous distribution, and holds at least as often with ties.

    Raises:
        ValueError: for too few values (95 % needs six; the message says how many), values that are not finite, or a
            confidence outside 0 to 1.
    """
    array = np.sort(_checked(values, confidence, needed=1))
    n = len(array)
    # The interval misses the median where fewer than r of the n values fall on one side of it; each does so with
    # probability one half. The widest interval, r = 1, misses it with 2 / 2**n.
    coverage = 1 - 2 * stats.binom.cdf(np.arange(n // 2), n, 0.5)  # of r = 1, 2, ...
    r = int(np.count_nonzero(coverage >= confidence))
    if r == 0:
        needed = 1 + math.ceil(-math.log2(1 - confidence))
        raise ValueError(f"values must hold at least {needed} numbers for a median at {confidence:g}, got {n}")
    return Interval(float(np.median(array)), float(array[r - 1]), float(array[n - r]), n, confidence)


def _checked(values: Sequence[float], confidence: float, *, needed: int) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < needed:
        raise ValueError(f"values must hold at least {needed} numbers, one a seed, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)][0]}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return array


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of `y` over `x`."""
    return float(stats.linregress(x, y).slope)
