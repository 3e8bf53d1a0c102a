"""The eight guards of the simulator, measured over organizations: is it a fair benchmark?

Told in `book/part3/simulator.md`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from residual.simulate.simulation import simulation
from residual_book.organizations import Tables, tables
from residual_book.part3.simulator.columns import Means, episode_means
from residual_book.part3.simulator.detectors import Precision, baselines, compare
from residual_book.part3.simulator.times import Density, Origin, contamination, density, origin
from residual_book.part3.simulator.values import OnlyAttacks, drawn_means, only_attacks, shared_entities
from residual_book.recording import spread

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Guards:
    """What the guards measured in one organization."""

    seed: int
    columns: Means  # guard 1, to be pooled with those of the other organizations
    exclusive: list[OnlyAttacks]  # guard 2
    entities: dict[str, float]  # guard 2: share of attackers' entities that benign events have, by table and column
    drawn: Means  # guard 3: of what is drawn for all events alike
    density: Density  # guard 4
    comparisons: Precision  # guard 5, by type of attack
    baselines: Precision  # guard 6, by class of events
    origin: Origin  # guard 7
    contamination: tuple[float, float]  # guard 8: share of attacks in the events to train on, and in later ones


SIZE: Mapping[str, Any] = {"users": 30, "days": 8, "episodes": 60}  # of the organizations that the page looks at


def measure(**size: Any) -> tuple[list[Guards], Tables]:
    """All guards in one organization from each seed, and the tables of the first; `size` goes to `simulation`."""
    return spread(guard, [(seed, size) for seed in SEEDS], bar="organizations"), tables(simulation(seed=0, **size))


def guard(seed: int, size: dict[str, Any]) -> Guards:
    """All guards in one organization."""
    made = simulation(seed=seed, **size)
    events = tables(made)
    return Guards(
        seed=seed,
        columns=episode_means(events),
        exclusive=only_attacks([events]),
        entities=shared_entities(events),
        drawn=drawn_means(events),
        density=density(made),
        comparisons=compare(events, seed=seed),
        baselines=baselines(events, seed=seed),
        origin=origin(made, events),
        contamination=contamination(events),
    )


def over_seeds(organizations: Iterable[Precision]) -> dict[str, dict[str, list[float]]]:
    """The average precision of each detector in every organization, by type of attack or class of events."""
    together: dict[str, dict[str, list[float]]] = {}
    for organization in organizations:
        for name, detectors in organization.items():
            for detector, precision in detectors.items():
                together.setdefault(name, {}).setdefault(detector, []).append(precision)
    return together
