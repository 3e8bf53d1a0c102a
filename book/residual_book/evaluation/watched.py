"""An organization as rivals see it, and what the labels say about it.

Rivals see one table per class of events, in the order of time. A column for each kind of entity is named by the kind
(`user`, `address`, `machine`, ... as in `residual.simulate.simulation.NAMED`); other columns keep their dotted path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from tqdm import tqdm

from residual.simulate import Simulation, flat
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.simulation import NAMED, episodes_of

USERS, DAYS = 80, 35  # of an organization
FIRST_WEEK = range(7)  # statistics from here score the second week, which is the null
SECOND_WEEK = range(7, 14)
TEST = range(14, DAYS)  # scored with statistics from both weeks before
BUDGETS = (5, 10, 20, 50)  # alerts per day in all, over all classes of events, types of attack and entities
BUDGET = 10  # of what is printed where only one is
MEMORY = 4 * HOUR  # after which nobody knows which machine had an address


@dataclass(frozen=True)
class Truth:
    """What the labels say.

    Attributes:
        episodes: one row for each attack, fault and benign twin, as `simulation.episodes_of` has them.
        touches: `episode`, `event` (its uid), `time`, `kind` and `value`: one row for each entity of each event.
    """

    episodes: pl.DataFrame
    touches: pl.DataFrame


@dataclass(frozen=True)
class Watched:
    """An organization's events by class, without labels, and the labels beside them."""

    seed: int
    events: dict[str, pl.DataFrame]
    truth: Truth


def watch(simulation: Simulation, columns: Mapping[str, Sequence[str]]) -> Watched:
    """Go through all days of a simulation and keep time, uid, entities and some `columns` of each class of events."""
    kept: dict[str, list[pl.DataFrame]] = {name: [] for name in NAMED}
    labels, touches = [], []
    for day in tqdm(range(simulation.org.days), desc=f"days of organization {simulation.org.seed}"):
        for part in simulation.parts(day):
            events = flat(part.events).with_columns(**{kind: entity(kind, c) for kind, c in NAMED[part.name].items()})
            events = events.rename({"metadata.uid": "uid"})
            kept[part.name].append(events.select("uid", "time", *NAMED[part.name], *columns.get(part.name, ())))
            labeled = part.labels.select("episode", uid="metadata.uid").join(events, on="uid")
            touches += [
                labeled.select("episode", event="uid", time="time", kind=pl.lit(kind), value=kind)
                for kind in NAMED[part.name]
            ]
            labels.append(part.labels)
    events_of = {name: pl.concat(parts).sort("time", "uid") for name, parts in kept.items()}
    truth = Truth(episodes_of(pl.concat(labels)), pl.concat(touches).drop_nulls())
    return Watched(simulation.org.seed, events_of, truth)


def with_machines(events: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The events, with the machine that used the address last where a record of traffic or a lookup names none."""
    classes = ("network_activity", "dns_activity")
    both = pl.concat([events[name].select("uid", "time", "address", "machine") for name in classes]).sort("time", "uid")
    known = both.drop_nulls("machine").select("time", "address", last="machine")
    both = both.join_asof(known, on="time", by="address", tolerance=MEMORY, check_sortedness=False)
    machine = both.select("uid", machine=pl.coalesce("machine", "last"))
    return events | {
        name: events[name].drop("machine").join(machine, on="uid", how="left", maintain_order="left")
        for name in classes
    }


def entity(kind: str, column: str) -> pl.Expr:
    """The entity that a column names. A domain is what follows the first label of the name that was asked for."""
    return pl.col(column).str.replace(r"^[^.]+\.", "") if kind == "domain" else pl.col(column)


def day_of(time: pl.Expr) -> pl.Expr:
    """The day of times in ms, from 0."""
    return (time - START) // DAY
