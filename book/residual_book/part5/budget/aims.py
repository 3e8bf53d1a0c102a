"""What the detectors were to reach, as written down before the record was made, and whether they did.

Told in `book/part5/budget.md`. An aim that was missed stays in the table, and no claim speaks of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from residual.simulate import TYPES
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import difference, hours, recall
from residual_book.part5.budget.experiment import of
from residual_book.stats import Interval, mean_over

RIVALS = ("B", "V", "E", "IF", "ECOD", "kNN")  # that see no labels, and are not ours
COLLECTIVE = tuple(name for name, kind in TYPES.items() if kind.kind == "collective")
POINTS = "points"
SOON, MORE, CLOSE, SHARE, SURE, EACH = 2.0, 0.15, 0.03, 0.65, 0.08, 0.25


@dataclass(frozen=True)
class Aim:
    """Something to reach.

    Attributes:
        wanted: in words.
        value: what was measured.
        reached: whether the rule holds.
        unit: "%" for shares, "points" for differences of shares, "h" for hours.
    """

    wanted: str
    value: Interval
    reached: bool
    unit: str = "%"


def best_rival(runs: Sequence[Outcome]) -> str:
    """The rival without labels that finds most with ten alerts per day."""
    return max(RIVALS, key=lambda rival: recall(of(runs, rival)).estimate)


def hardest(runs: Sequence[Outcome]) -> str:
    """The type of which the detectors find least with ten alerts per day."""
    return min(TYPES, key=lambda kind: recall(of(runs, "D"), types=[kind]).estimate)


def soon(runs: Sequence[Outcome]) -> Interval:
    """The median hours until an episode was found, over organizations; of those found with thresholds of the past."""
    return mean_over(of(runs, "D"), lambda run: median(hours([run])))


def aims(runs: Sequence[Outcome]) -> dict[str, Aim]:
    """All aims, by a name for each."""
    ours = of(runs, "D")
    ten, twenty, collective = recall(ours), recall(ours, 20), recall(ours, types=COLLECTIVE)
    least, clean, wait = recall(ours, types=[hardest(runs)]), difference(of(runs, "D clean"), ours), soon(runs)
    more = difference(ours, of(runs, best_rival(runs)))
    ahead, close = more.estimate >= MORE and more.low > SURE, max(clean.high, -clean.low) <= CLOSE
    return {
        "ten": Aim("With 10 alerts per day, 65% of the episodes", ten, ten.low >= SHARE),
        "more": Aim("15 points more than the best rival, surely 8", more, ahead, POINTS),
        "collective": Aim("85% of the episodes of collective types", collective, collective.low >= 0.85),
        "twenty": Aim("With 20 alerts per day, 80% of the episodes", twenty, twenty.low >= 0.8),
        "soon": Aim("In the median, less than 2 hours until an episode is found", wait, wait.high < SOON, "hours"),
        "each": Aim("Of each type, 25% on average", least, least.estimate >= EACH),
        "clean": Aim("Taught without attacks, at most 3 points apart", clean, close, POINTS),
    }  # fmt: skip
