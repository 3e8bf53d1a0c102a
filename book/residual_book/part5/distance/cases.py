"""Small cases in two dimensions, each built so that some detector fails. Told in `book/part5/distance.md`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.detect.points import Detector, IsolationForest, LocalOutliers, Neighbors, Tails
from residual_book.stats import Interval, mean_interval

SEEDS = tuple(range(10))
NORMAL, ODD = 1000, 50  # rows of each kind: of the past (the odd ones if it is contaminated), and new ones
KS = (1, 2, 5, 10, 20, 50, 100, 200)
DETECTORS: dict[str, Callable[[int], Detector]] = {
    "neighbors": lambda seed: Neighbors(5),
    "local outliers": lambda seed: LocalOutliers(20),
    "isolation forest": lambda seed: IsolationForest(seed=seed),
    "tails": lambda seed: Tails(),
}
Points = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Points]


def two_groups(rng: np.random.Generator, n: int) -> Points:
    """A tight group and one that is seven times as wide."""
    tight, wide = rng.normal(0, 0.15, (n, 2)), rng.normal((4, 0), 1, (n, 2))
    return np.where(rng.random(n)[:, None] < 0.5, tight, wide)


def ribbon(rng: np.random.Generator, n: int) -> Points:
    """The second number follows the first."""
    x = rng.uniform(-2, 2, n)
    return np.stack([x, x + rng.normal(0, 0.15, n)], axis=1)


def scattered(rng: np.random.Generator, n: int) -> Points:
    """Anywhere far from both groups."""
    points = rng.uniform([-4, -6], [9, 6], (20 * n, 2))
    far = (np.linalg.norm(points, axis=1) > 1.5) & (np.linalg.norm(points - [4, 0], axis=1) > 4)
    return points[far][:n]


def ring(rng: np.random.Generator, n: int) -> Points:
    """Around the tight group, at five to seven of its standard deviations."""
    angle, radius = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.75, 1, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def clump(rng: np.random.Generator, n: int) -> Points:
    """Far from both groups, and close together."""
    return rng.normal((1.5, 4), 0.05, (n, 2))


def against(rng: np.random.Generator, n: int) -> Points:
    """The second number follows the first the other way round; each by itself is usual."""
    x = rng.uniform(0.8, 2, n) * rng.choice([-1, 1], n)
    return np.stack([x, -x + rng.normal(0, 0.15, n)], axis=1)


@dataclass(frozen=True)
class Case:
    """How normal and how odd points are drawn."""

    normal: Draw
    odd: Draw


CASES = {
    "scattered": Case(two_groups, scattered),
    "local": Case(two_groups, ring),
    "clump": Case(two_groups, clump),
    "against the grain": Case(ribbon, against),
}


@dataclass(frozen=True)
class Sample:
    """Points of a case: those of the past, and new ones, of which the last `ODD` are odd."""

    past: Points
    new: Points


def sample(case: str, seed: int, *, contaminated: bool) -> Sample:
    """Draw a case; a contaminated past has `ODD` odd points too."""
    rng, draw = np.random.default_rng((seed, list(CASES).index(case))), CASES[case]
    past, new = (np.concatenate([draw.normal(rng, NORMAL), draw.odd(rng, ODD)]) for _ in range(2))
    return Sample(past if contaminated else past[:NORMAL], new)


@dataclass(frozen=True)
class Run:
    """What a detector found: `found` is the share of odd points among as many points of the highest scores."""

    case: str
    detector: str
    contaminated: bool
    seed: int
    found: float


def found(points: Sample, detector: Detector) -> float:
    """Fit to the past, score what is new, and report as many as there are odd points."""
    score = detector.fit(points.past).oddness(points.new)
    reported = np.argsort(-score, kind="stable")[:ODD]
    return float((reported >= NORMAL).mean())


def measure(seeds: Iterable[int] = SEEDS) -> list[Run]:
    """Every detector on every case, with a past that is clean and one that is contaminated."""
    return [
        Run(case, name, dirty, seed, found(sample(case, seed, contaminated=dirty), make(seed)))
        for seed in seeds
        for case in CASES
        for dirty in (False, True)
        for name, make in DETECTORS.items()
    ]


def by_neighbor(seeds: Iterable[int] = SEEDS) -> list[Run]:
    """Neighbors by k, which is the detector's name: with clumps in a contaminated past, and a ring and a clean one."""
    return [
        Run(case, str(k), dirty, seed, found(sample(case, seed, contaminated=dirty), Neighbors(k)))
        for seed in seeds
        for case, dirty in (("local", False), ("clump", True))
        for k in KS
    ]


def shares(runs: Sequence[Run], case: str, detector: str, *, contaminated: bool) -> list[float]:
    """What a detector found, one share per seed."""
    wanted = case, detector, contaminated
    own = [run for run in runs if (run.case, run.detector, run.contaminated) == wanted]
    return [run.found for run in sorted(own, key=lambda run: run.seed)]


def ahead(first: Sequence[float], second: Sequence[float]) -> Interval:
    """By how many points of a hundred the first shares are higher than the second, seed by seed."""
    return mean_interval([100 * (a - b) for a, b in zip(first, second, strict=True)])
