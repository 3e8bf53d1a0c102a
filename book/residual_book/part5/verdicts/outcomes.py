"""What analysts' alerts found, week by week, beside each other and beside counting by the hour."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import bootstrap
from residual_book.evaluation.watched import BUDGET
from residual_book.part5.verdicts.experiment import MISTAKES, NOBODY, WEEKS, Analyst, Run
from residual_book.recording import RESULTS, recorded_runs
from residual_book.stats import Interval, mean_over, pairs

COUNTED = RESULTS / "detect.json"  # the same organizations, as recorded for `part5/budget`
RIVAL = "B"  # counting by the hour, which learns nothing from answers
Ints = NDArray[np.int64]


def of(runs: Sequence[Run], analyst: Analyst) -> list[Run]:
    """The runs of an analyst, one per organization."""
    return [run for run in runs if run.analyst == analyst.name]


def rival() -> list[Outcome]:
    """What counting by the hour found in the same organizations."""
    return [outcome for outcome in recorded_runs(COUNTED, Outcome) if outcome.rival == RIVAL]


def recall(runs: Sequence[Run], weeks: Sequence[int] = range(WEEKS)) -> Interval:
    """Share of the episodes of some weeks that were found by the end of their week, over organizations."""
    return bootstrap([_found(run, weeks) for run in runs])


def gain(runs: Sequence[Run], others: Sequence[Run], weeks: Sequence[int] = range(WEEKS)) -> Interval:
    """Recall of the first runs less that of the others, on the same episodes."""
    cells = []
    for run, other in pairs(runs, others):
        left, right = _found(run, weeks), _found(other, weeks)
        cells.append({kind: left[kind] - right[kind] for kind in left})
    return bootstrap(cells)


def precision(runs: Sequence[Run], week: int) -> Interval:
    """Share of the alerts of a week that found an attack or a fault, over organizations."""
    return mean_over(runs, lambda run: run.true[week] / max(run.alerts[week], 1))


def twins(runs: Sequence[Run], week: int) -> Interval:
    """Share of the alerts of a week that found only a benign twin, over organizations."""
    return mean_over(runs, lambda run: run.twins[week] / max(run.alerts[week], 1))


def changed(run: Run, other: Run) -> tuple[int, int]:
    """How many episodes that the other run found are lost in this one, and how many are gained."""
    both = list(zip(run.found, other.found, strict=True))
    lost = sum(now is None and before is not None for now, before in both)
    return lost, sum(now is not None and before is None for now, before in both)


def lost(runs: Sequence[Run], others: Sequence[Run]) -> Interval:
    """Of the episodes that the others found, the share that is lost, over organizations."""
    return mean_over(
        pairs(runs, others),
        lambda pair: changed(*pair)[0] / max(sum(found is not None for found in pair[1].found), 1),
    )


def cost_of_a_mistake(runs: Sequence[Run], right: Sequence[Run]) -> Interval:
    """Episodes found with one true alert called benign, less those found with all answers right; over organizations.

    Of each organization it is the mean over the mistakes.
    """
    by_seed = {run.seed: run for run in right}
    wrong = {seed: [run for one in MISTAKES for run in of(runs, one) if run.seed == seed] for seed in by_seed}
    return mean_over(
        by_seed.values(),
        lambda run: float(np.mean([b - a for a, b in (changed(other, run) for other in wrong[run.seed])])),
    )


def counting(rival: Sequence[Outcome], runs: Sequence[Run], week: int) -> Interval:
    """Recall of a rival that learns nothing from answers, on the episodes of a week of some runs."""
    ranks = {(o.seed, name): rank for o in rival for name, rank in zip(o.episode, o.rank, strict=True)}
    cells = []
    for run in of(runs, NOBODY):
        here = [name for name, active in zip(run.episode, run.active, strict=True) if week in active]
        hits = [(rank := ranks.get((run.seed, name))) is not None and rank <= BUDGET for name in here]
        cells.append({"all": np.array(hits, dtype=np.int64)})
    return bootstrap(cells)


def _found(run: Run, weeks: Sequence[int]) -> dict[str, Ints]:
    """By type, whether each episode was found by the end of each of the weeks in which it has an event."""
    hits: dict[str, list[bool]] = {kind: [] for kind in sorted(set(run.type))}
    for kind, active, found in zip(run.type, run.active, run.found, strict=True):
        hits[kind] += [found is not None and found < 7 * (week + 1) for week in active if week in weeks]
    return {kind: np.array(some, dtype=np.int64) for kind, some in hits.items()}
