"""The guards of the simulator, measured over organizations: is it a fair benchmark?

Told in `book/part3/simulator.md`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residual.simulate.simulation import simulation
from residual_book.organizations import Tables, labeled, tables
from residual_book.part3.simulator.afternoon import Found, afternoon
from residual_book.part3.simulator.columns import Means, episode_means, ranks
from residual_book.part3.simulator.detectors import Precision, Sample, compare, samples
from residual_book.part3.simulator.labels import Labels, labels
from residual_book.part3.simulator.order import Order, order
from residual_book.part3.simulator.people import Followed, followed
from residual_book.part3.simulator.times import Density, contamination, density
from residual_book.part3.simulator.values import OnlyAttacks, drawn_means, only_attacks, shared_entities
from residual_book.recording import spread

SEEDS = (0, 1, 2, 3, 4)
SIZE: Mapping[str, Any] = {"users": 30, "days": 8, "episodes": 60}  # of the organizations that the page looks at


@dataclass(frozen=True)
class Guards:
    """What the guards measured in one organization."""

    seed: int
    columns: Means  # guard 1, to be pooled with those of the other organizations
    exclusive: list[OnlyAttacks]  # guard 2
    entities: dict[str, tuple[int, int]]  # guard 2: attackers' entities that benign events have, and all, by kind
    drawn: Means  # guard 3: of what is drawn for all events alike
    density: Density  # guard 4
    samples: dict[str, Sample]  # guard 5, to be compared with those of the other organizations
    afternoon: dict[str, Found]  # guard 6, by detector
    labels: Labels  # guard 7
    contamination: tuple[float, float]  # guard 8: share of attacks in the events to train on, and in later ones
    order: Order
    followed: Followed


def measure(**size: Any) -> tuple[list[Guards], Precision, Tables]:
    """The guards over all `SEEDS`, and the tables of the first organization; `size` goes to `simulation`."""
    return *guarded(SEEDS, **size), tables(simulation(seed=SEEDS[0], **size))


def guarded(seeds: Sequence[int], **size: Any) -> tuple[list[Guards], Precision]:
    """All guards in one organization from each seed, and guard 5 over them all."""
    organizations = spread(guard, [(seed, size) for seed in seeds], bar="organizations")
    return organizations, compare([guards.samples for guards in organizations])


def guard(seed: int, size: dict[str, Any]) -> Guards:
    """All guards in one organization."""
    simulated = simulation(seed=seed, **size)
    made = labeled(simulated)
    ranked = {name: ranks(table) for name, table in made.events.items()}
    return Guards(
        seed=seed,
        columns=episode_means(made.events, ranked),
        exclusive=only_attacks(made.events, ranked),
        entities=shared_entities(made.events),
        drawn=drawn_means(made.events, ranked),
        density=density(simulated),
        samples=samples(made.events, ranked, seed=seed),
        afternoon=afternoon(made.events, ranked, seed=seed),
        labels=labels(simulated, made),
        contamination=contamination(made.events),
        order=order(seed),
        followed=followed(made.events),
    )


def entity_shares(organizations: Iterable[Guards]) -> list[float]:
    """Of the entities of attacks, the share that benign events of the class have, too: one for each class and kind."""
    met, used = Counter[str](), Counter[str]()
    for guards in organizations:
        for name, (shared, every) in guards.entities.items():
            met[name] += shared
            used[name] += every
    return [met[name] / used[name] for name in used]
