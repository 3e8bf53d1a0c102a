"""The eight guards of the simulator, measured over seeds: is it a fair benchmark? Told in `book/part3/simulator.md`."""

from dataclasses import dataclass

from residual.experiments.guard_baselines import Baseline
from residual.experiments.guard_classifiers import Comparison
from residual.experiments.guard_columns import ColumnAudit, worst_by_type
from residual.experiments.guard_times import (
    Contamination,
    Density,
    Origin,
)
from residual.experiments.guard_values import OnlyAttacks
from residual.ocsf.simulate.episodes import TYPES

HELD = ("contextual", "collective")  # the kinds that guard 1 holds to its limit


@dataclass(frozen=True)
class Guards:
    """What all guards measured; lists and tuples have an entry a seed unless they say otherwise.

    Attributes:
        columns: guard 1, all audits over all seeds, the worst first.
        exclusive: guard 2, what only attacks have.
        entities: guard 2, share of attackers' entities that are in use otherwise.
        drawn: guard 3, the audits of what is drawn for all events alike.
        density: guard 4.
        comparisons: guard 5.
        baselines: guard 6.
        origins: guard 7.
        contaminations: guard 8.
    """

    seeds: tuple[int, ...]
    columns: list[ColumnAudit]
    exclusive: list[OnlyAttacks]
    entities: list[dict[str, float]]
    drawn: list[ColumnAudit]
    density: list[Density]
    comparisons: list[list[Comparison]]
    baselines: list[list[Baseline]]
    origins: list[Origin]
    contaminations: list[Contamination]

    def worst_columns(self) -> dict[str, ColumnAudit]:
        """Of each type, the column that gives it away most."""
        return dict(worst_by_type(self.columns))


def held_types() -> list[str]:
    """The types that guard 1 holds to its limit: contextual and collective ones."""
    return [name for name, kind in TYPES.items() if kind.kind in HELD]
