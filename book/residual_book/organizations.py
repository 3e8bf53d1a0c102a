"""A simulated organization as tables of events with their labels beside them. Told in `book/part3/simulator.md`."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.simulate.calendar import DAY, START
from residual.simulate.flat import flat
from residual.simulate.simulation import Simulation, took_part

LABELS = ("episode", "type", "kind", "twin", "campaign", "role")
Tables = dict[str, pl.DataFrame]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Labeled:
    """All events of an organization by class, as of `tables`, and the entities that took part in each episode."""

    events: Tables
    entities: pl.DataFrame


def tables(simulation: Simulation) -> Tables:
    """All events by class, in the order of time, with one column for each leaf that is ever filled.

    The labels are in the columns `label.episode`, `label.type`, and so on, as of `LABELS`, null for normal events, and
    `label.attack` says whether an event belongs to an attack or fault.
    """
    return labeled(simulation).events


def labeled(simulation: Simulation) -> Labeled:
    """The `tables`, and what the labels name."""
    days = [simulation.day(day) for day in range(simulation.org.days)]
    labels = pl.concat([day.labels for day in days])
    labels = labels.select("metadata.uid", *(pl.col(name).alias(f"label.{name}") for name in LABELS))
    joined = {}
    for name in days[0].events:
        events = flat(pl.concat([day.events[name] for day in days]))
        filled = [column for column in events.columns if events[column].null_count() < events.height]
        table = events.select(filled).join(labels, on="metadata.uid", how="left", maintain_order="left")
        attack = pl.col("label.twin").not_().fill_null(False)
        joined[name] = table.with_columns(attack.alias("label.attack"))
    return Labeled(joined, took_part(day.entities for day in days))


def raw_columns(table: pl.DataFrame) -> list[str]:
    """The columns of a table without the labels."""
    return [name for name in table.columns if not name.startswith("label.")]


def of_attack(table: pl.DataFrame, kind: str) -> Mask:
    """Which events belong to attacks of a type; those of its benign twins do not: (events,)."""
    return ((table["label.type"] == kind).fill_null(False) & table["label.attack"]).to_numpy()


def day_of(table: pl.DataFrame) -> NDArray[np.int64]:
    """The day of each event, from 0: (events,)."""
    return ((table["time"] - START) // DAY).to_numpy().astype(np.int64)
