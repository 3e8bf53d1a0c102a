"""Means, medians and their intervals over seeds. Used by every page that compares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its two-sided confidence interval."""

    mean: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Mean of `values`, one a seed, with Student's t interval.

    Raises:
        ValueError: for fewer than two values (one seed has no interval) or values that are not finite.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"values must hold at least two numbers, one a seed, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)][0]}")
    mean = float(array.mean())
    error = float(array.std(ddof=1)) / len(array) ** 0.5
    half = float(stats.t.ppf((1 + confidence) / 2, df=len(array) - 1)) * error
    return Interval(mean, mean - half, mean + half, len(array), confidence)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of `y` over `x`."""
    return float(stats.linregress(x, y).slope)
