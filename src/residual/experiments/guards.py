"""The eight guards of the simulator, measured over seeds: is it a fair benchmark? Told in `book/part3/simulator.md`."""

from collections.abc import Sequence
from dataclasses import dataclass

from residual.experiments.guard_baselines import Baseline, baselines
from residual.experiments.guard_classifiers import Comparison, compare
from residual.experiments.guard_columns import ColumnAudit, audit, worst_by_type
from residual.experiments.guard_data import Tables, tables
from residual.experiments.guard_times import (
    Contamination,
    Density,
    Origin,
    contamination,
    density,
    origin,
)
from residual.experiments.guard_values import OnlyAttacks, drawn, only_attacks, shared_entities
from residual.ocsf.simulate.episodes import TYPES
from residual.ocsf.simulate.simulation import simulation

SEEDS = (0, 1, 2)
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


def measure(
    seeds: Sequence[int] = SEEDS, *, users: int = 40, days: int = 10, episodes: float = 40.0, hardness: float = 1.0
) -> Guards:
    """Simulate an organisation a seed, and measure all guards. Many `episodes`, because few make an AUC noisy."""
    simulations = [
        simulation(users=users, days=days, seed=seed, episodes=episodes, hardness=hardness) for seed in seeds
    ]
    found: list[Tables] = [tables(one) for one in simulations]
    columns = audit(found)
    return Guards(
        seeds=tuple(seeds),
        columns=columns,
        exclusive=only_attacks(found),
        entities=[shared_entities(one) for one in found],
        drawn=drawn(found),
        density=[density(one) for one in simulations],
        comparisons=[compare(one, seed=seed) for one, seed in zip(found, seeds, strict=True)],
        baselines=[baselines(one, seed=seed) for one, seed in zip(found, seeds, strict=True)],
        origins=[origin(one, table) for one, table in zip(simulations, found, strict=True)],
        contaminations=[contamination(one) for one in found],
    )


def held_types() -> list[str]:
    """The types that guard 1 holds to its limit: contextual and collective ones."""
    return [name for name, kind in TYPES.items() if kind.kind in HELD]
