"""Means, medians and their intervals over seeds. Used by every page that compares."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from scipy import stats


class Seeded(Protocol):
    """A result of one seed."""

    @property
    def seed(self) -> int: ...


CONFIDENCE = 0.95  # of every interval in the book
R = TypeVar("R")
S = TypeVar("S", bound=Seeded)
T = TypeVar("T", bound=Seeded)


@dataclass(frozen=True)
class Interval:
    """An estimate over seeds (a mean or a median) with its two-sided confidence interval."""

    estimate: float
    low: float
    high: float
    n: int
    confidence: float = CONFIDENCE

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """Mean of `values`, one per seed, with Student's t interval.

    Raises:
        ValueError: for fewer than two values (one seed has no interval), or values that are not finite.
    """
    array = _checked(values, needed=2)
    mean, half = float(array.mean()), float(stats.t.ppf((1 + confidence) / 2, len(array) - 1) * stats.sem(array))
    return Interval(mean, mean - half, mean + half, len(array), confidence)


def median_interval(values: Sequence[float]) -> Interval:
    """Median of `values`, one per seed, with a 95 % interval that supposes nothing about their distribution.

    Its ends are two of the values (David & Nagaraja, Order Statistics, 3rd edition 2003, section 7.1).

    Raises:
        ValueError: for fewer than six values, which have no such interval, or values that are not finite.
    """
    array = _checked(values, needed=6)
    ends = stats.quantile_test(array, p=0.5).confidence_interval(CONFIDENCE)
    return Interval(float(np.median(array)), float(ends.low), float(ends.high), len(array))


def share_interval(found: int, of: int) -> Interval:
    """The share of seeds in which something was found, with the exact 95 % interval (Clopper & Pearson 1934)."""
    ends = stats.binomtest(found, of).proportion_ci(CONFIDENCE, method="exact")
    return Interval(found / of, float(ends.low), float(ends.high), of)


def _checked(values: Sequence[float], *, needed: int) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < needed:
        raise ValueError(f"values must hold at least {needed} numbers, one per seed, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"values must be finite, got {array[~np.isfinite(array)][0]}")
    return array


def mean_over(runs: Iterable[R], value: Callable[[R], float]) -> Interval:
    """`mean_interval` of a value of each run."""
    return mean_interval([value(run) for run in runs])


def seeds_of(runs: Iterable[Seeded]) -> tuple[int, ...]:
    """The seeds of `runs`, each once, from the least on."""
    return tuple(sorted({run.seed for run in runs}))


def pairs(first: Iterable[S], second: Iterable[T]) -> list[tuple[S, T]]:
    """Runs of two arms side by side, seed by seed.

    Raises:
        ValueError: where the arms do not have the same seeds, each of them once.
    """
    left, right = sorted(first, key=lambda run: run.seed), sorted(second, key=lambda run: run.seed)
    seeds = [run.seed for run in left], [run.seed for run in right]
    if seeds[0] != seeds[1] or len(set(seeds[0])) < len(seeds[0]):
        raise ValueError(f"runs must have the same seeds to pair, each of them once, got {seeds[0]} and {seeds[1]}")
    return list(zip(left, right, strict=True))


def mean_difference(
    first: Iterable[S], second: Iterable[S], value: Callable[[S], float], *, confidence: float = CONFIDENCE
) -> Interval:
    """`mean_interval` of a value of the first arm's run minus that of the second's, seed by seed."""
    return mean_interval([value(a) - value(b) for a, b in pairs(first, second)], confidence=confidence)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of `y` over `x`."""
    return float(stats.linregress(x, y).slope)
