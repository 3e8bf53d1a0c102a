"""How few of the columns that OCSF offers an event fills. Told in `book/part3/records.md`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.simulate import flat, simulation
from residual_book.recording import spread

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Filling:
    """How the events of one simulated day fill their columns.

    Attributes:
        seed: of the organization.
        columns: those that any event fills, at any depth; the ones that most classes fill come first.
        shares: the share of a class's events that fill each column; class name -> (columns,).
        leaves: how many columns each event fills; class name -> (events,).
    """

    seed: int
    columns: tuple[str, ...]
    shares: dict[str, NDArray[np.float64]]
    leaves: dict[str, NDArray[np.int64]]

    @property
    def every_leaf(self) -> NDArray[np.int64]:
        """How many columns each event fills, all classes together: (events,)."""
        return np.concatenate(list(self.leaves.values()))

    @property
    def empty(self) -> float:
        """Share of empty cells in one table of all events and all columns that any of them fills."""
        return 1 - float(self.every_leaf.mean()) / len(self.columns)


def filling(seed: int, users: int = 40) -> Filling:
    """Look at the first Tuesday of an organization."""
    events = simulation(users=users, days=3, seed=seed).day(1).events
    tables = {name: flat(table) for name, table in events.items() if table.height}
    filled = [table.select(pl.all().is_not_null().mean()) for table in tables.values()]
    shares = pl.concat(filled, how="diagonal").fill_null(0.0)
    total = dict(zip(shares.columns, shares.to_numpy().sum(axis=0), strict=True))
    columns = sorted((name for name in total if total[name]), key=lambda name: (-total[name], name))
    return Filling(
        seed=seed,
        columns=tuple(columns),
        shares=dict(zip(tables, shares.select(columns).to_numpy(), strict=True)),
        leaves={
            name: table.select(pl.sum_horizontal(pl.all().is_not_null())).to_series().to_numpy()
            for name, table in tables.items()
        },
    )


def fillings(seeds: Iterable[int] = SEEDS) -> list[Filling]:
    """One organization from every seed."""
    return spread(filling, [(seed,) for seed in seeds], bar="organizations")
