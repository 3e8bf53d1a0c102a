"""Recall and its interval over organizations."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import BUDGET, BUDGETS
from residual_book.stats import CONFIDENCE, Interval

DRAWS = 4000  # of the bootstrap
Ints = NDArray[np.int64]


def recall(outcomes: Sequence[Outcome], budget: int = BUDGET, types: Collection[str] | None = None) -> Interval:
    """Share of episodes (of some types) that a rival finds, over one outcome per organization, with `bootstrap`."""
    return bootstrap([_values(outcome, budget, types) for outcome in outcomes])


def difference(
    first: Sequence[Outcome], second: Sequence[Outcome], budget: int = BUDGET, types: Collection[str] | None = None
) -> Interval:
    """Recall of the first rival less that of the second, on the same episodes.

    Raises:
        ValueError: where the rivals were not measured on the same episodes.
    """
    cells = []
    for a, b in zip(first, second, strict=True):
        if (a.seed, a.rate, a.episode) != (b.seed, b.rate, b.episode):
            raise ValueError(f"rivals must have the same episodes, got organizations {a.seed} and {b.seed}")
        left, right = _values(a, budget, types), _values(b, budget, types)
        cells.append({kind: left[kind] - right[kind] for kind in left})
    return bootstrap(cells)


def bootstrap(values: Sequence[dict[str, Ints]]) -> Interval:
    """Mean of values -1, 0 and 1 over the episodes of all organizations, with its 95 % percentile interval.

    Organizations are drawn again with replacement, then episodes within each type of each of them. With few
    organizations, and where nearly all episodes are found or missed, such an interval is somewhat too short.

    Args:
        values: for each organization, by type, one value per episode.
    """
    kinds = sorted({kind for of in values for kind in of})
    none = np.zeros(0, dtype=np.int64)
    counts = np.array([[[np.sum(of.get(kind, none) == v) for v in (-1, 0, 1)] for kind in kinds] for of in values])
    n = counts.sum(axis=-1)
    shares = counts / np.maximum(n, 1)[..., None]
    shares[n == 0] = [0, 1, 0]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(values), size=(DRAWS, len(values)))
    again = rng.multinomial(n[drawn], shares[drawn]).sum(axis=(1, 2))
    means = (again[:, 2] - again[:, 0]) / np.maximum(again.sum(axis=1), 1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    total = counts.sum(axis=(0, 1))
    return Interval(float((total[2] - total[0]) / total.sum()), float(low), float(high), len(values))


def found(outcome: Outcome, budget: int) -> list[bool]:
    """Which episodes are found with a budget."""
    return [rank is not None and rank <= budget for rank in outcome.rank]


def campaigns(outcomes: Sequence[Outcome], budget: int = BUDGET) -> tuple[int, int]:
    """How many campaigns had at least one step found, and how many there were."""
    steps: dict[tuple[int, str], bool] = {}
    for outcome in outcomes:
        for name, hit in zip(outcome.campaign, found(outcome, budget), strict=True):
            if name:
                steps[outcome.seed, name] = steps.get((outcome.seed, name), False) or hit
    return sum(steps.values()), len(steps)


def hours(outcomes: Sequence[Outcome], budget: int = BUDGET) -> list[float]:
    """Hours from first event to detection of each episode found in time."""
    at = BUDGETS.index(budget)
    return [h for outcome in outcomes for h in outcome.hours[at] if h is not None]


def _values(outcome: Outcome, budget: int, types: Collection[str] | None) -> dict[str, Ints]:
    hits, of = np.array(found(outcome, budget), dtype=np.int64), np.array(outcome.type)
    return {kind: hits[of == kind] for kind in sorted(set(outcome.type)) if types is None or kind in types}
