"""How many columns OCSF offers, and how few of them an event fills. Told in `book/part3/records.md`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.ocsf.schema import CLASSES, class_features, features, ocsf_class, requirement
from residual.ocsf.simulate import flat, simulation

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Offer:
    """The columns that the schema has for one class.

    Attributes:
        uid: of the class.
        caption: its name in words.
        category: that it belongs to.
        required: columns that every event must fill, at depth 2.
        shallow: columns at depth 2.
        deep: columns at depth 3.
    """

    uid: int
    caption: str
    category: str
    required: int
    shallow: int
    deep: int


def offers() -> list[Offer]:
    """One for each class that the simulator writes, in the order of their numbers."""
    found = []
    for uid in sorted(CLASSES):
        entry, shallow = ocsf_class(uid), class_features(uid)
        found.append(
            Offer(
                uid=uid,
                caption=entry["caption"],
                category=entry["category_name"],
                required=sum(requirement(uid, path) == "required" for path in shallow),
                shallow=len(shallow),
                deep=len(class_features(uid, depth=3)),
            )
        )
    return found


@dataclass(frozen=True)
class Filling:
    """How the events of one simulated day fill their columns.

    Attributes:
        seed: of the organization.
        columns: that any event fills, the widest spread first; counted at every depth.
        shares: of the events of a class that fill a column; class name -> (columns,).
        leaves: columns that each event fills; class name -> (events,).
        offered: columns of the union of all classes at depth 2.
    """

    seed: int
    columns: tuple[str, ...]
    shares: dict[str, NDArray[np.float64]]
    leaves: dict[str, NDArray[np.int64]]
    offered: int

    @property
    def every_leaf(self) -> NDArray[np.int64]:
        """Columns that each event fills, all classes together."""
        return np.concatenate(list(self.leaves.values()))

    @property
    def empty(self) -> float:
        """Share of empty cells in one table of all events and all columns that any of them fills."""
        return 1 - float(self.every_leaf.mean()) / len(self.columns)


def filling(seed: int, *, users: int = 40, day: int = 1) -> Filling:
    """Look at one day of an organization. Day 1 is a Tuesday."""
    tables = {name: flat(events) for name, events in simulation(users=users, days=3, seed=seed).day(day).events.items()}
    found = {
        name: dict(zip(table.columns, table.select(pl.all().is_not_null().mean()).row(0), strict=True))
        for name, table in tables.items()
        if table.height
    }
    spread: dict[str, float] = {}
    for shares in found.values():
        for column, share in shares.items():
            spread[column] = spread.get(column, 0.0) + (share or 0.0)
    columns = sorted(
        (column for column, total in spread.items() if total), key=lambda column: (-spread[column], column)
    )
    return Filling(
        seed=seed,
        columns=tuple(columns),
        shares={name: np.array([shares.get(c) or 0.0 for c in columns]) for name, shares in found.items()},
        leaves={
            name: tables[name].select(pl.sum_horizontal(pl.all().is_not_null())).to_series().to_numpy()
            for name in found
        },
        offered=len(features()),
    )


def fillings(seeds: Sequence[int] = SEEDS) -> list[Filling]:
    """`filling` from every seed."""
    return [filling(seed) for seed in seeds]
