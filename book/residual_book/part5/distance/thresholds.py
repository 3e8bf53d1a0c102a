"""From scores to a list: conformal p-values on points of a case. Told in `book/part5/distance.md`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from residual.detect.conformal import Conformal, discoveries, scores_needed
from residual.detect.points import Neighbors
from residual_book.part5.distance.cases import SEEDS, scattered, two_groups
from residual_book.stats import Interval, mean_interval

ALPHA = 0.1  # share of false alarms that is allowed
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # scores to compare with
SPOILED = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # share of these that is of odd points
FITTED, NEW, ODD = 1000, 950, 50  # points to fit, and new normal and odd ones
# The p-value that the odd ones must have if all of them are to be reported and nothing else, and the scores that takes.
NEEDED = scores_needed(ALPHA * ODD / (NEW + ODD))


@dataclass(frozen=True)
class Listed:
    """What Benjamini and Hochberg's rule reports.

    Attributes:
        scores: how many scores there were to compare with.
        spoiled: which share of them was of odd points.
        seed: of the points.
        false: share of normal points among those reported, 0 if there are none.
        found: share of the odd points that are reported.
    """

    scores: int
    spoiled: float
    seed: int
    false: float
    found: float


def measure(seeds: Iterable[int] = SEEDS) -> list[Listed]:
    """Neighbors on scattered points: with more and more scores to compare with, then with more of these spoiled."""
    return [run for seed in seeds for run in _lists(seed)]


def _lists(seed: int) -> Iterator[Listed]:
    rng = np.random.default_rng((seed, 9))
    detector = Neighbors(5).fit(two_groups(rng, FITTED))
    new = detector.oddness(np.concatenate([two_groups(rng, NEW), scattered(rng, ODD)]))
    normal, odd = detector.oddness(two_groups(rng, SIZES[-1])), detector.oddness(scattered(rng, SIZES[-1] // 10))
    for size, spoiled in [(size, 0.0) for size in SIZES] + [(SIZES[-1], share) for share in SPOILED[1:]]:
        bad = round(size * spoiled)
        fitted = Conformal().fit(np.concatenate([normal[: size - bad], odd[:bad]]), ["points"] * size)
        reported = discoveries(fitted.p_values(new, ["points"] * len(new)), ALPHA)
        false = float(reported[:NEW].sum() / max(reported.sum(), 1))
        yield Listed(size, spoiled, seed, false, float(reported[NEW:].mean()))


def _of(runs: Sequence[Listed], scores: int, spoiled: float) -> list[Listed]:
    return [run for run in runs if (run.scores, run.spoiled) == (scores, spoiled)]


def false(runs: Sequence[Listed], scores: int = SIZES[-1], spoiled: float = 0.0) -> Interval:
    """Share of false alarms in what is reported."""
    return mean_interval([run.false for run in _of(runs, scores, spoiled)])


def found(runs: Sequence[Listed], scores: int = SIZES[-1], spoiled: float = 0.0) -> Interval:
    """Share of odd points found."""
    return mean_interval([run.found for run in _of(runs, scores, spoiled)])
