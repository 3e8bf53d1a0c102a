"""Recall and its interval over organizations."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from residual.detect import metrics
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import BUDGET, BUDGETS
from residual_book.stats import Interval

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
    """Mean of values over the episodes of organizations, with the interval of `residual.detect.metrics.bootstrap`."""
    return Interval(*metrics.bootstrap(values), len(values))


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
