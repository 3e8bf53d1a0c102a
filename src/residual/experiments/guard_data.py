"""A simulation as tables with their labels beside them, for the guards. Told in `book/part3/simulator.md`."""

import polars as pl

from residual.ocsf.simulate.flat import flat
from residual.ocsf.simulate.simulation import Simulation

LABELS = ("episode", "type", "kind", "twin")
Tables = dict[str, pl.DataFrame]


def tables(simulation: Simulation) -> Tables:
    """All events by class, a column a leaf that is ever filled, in the order of time.

    The labels are in the columns `label.episode`, `label.type`, `label.kind` and `label.twin`, null for normal events,
    and `label.attack` says whether an event belongs to an attack or fault.
    """
    days = [simulation.day(day) for day in range(simulation.org.days)]
    labels = pl.concat([day.labels for day in days]).rename({name: f"label.{name}" for name in LABELS}).drop("attack")
    found = {}
    for name in days[0].events:
        events = flat(pl.concat([day.events[name] for day in days]))
        filled = [column for column in events.columns if events[column].null_count() < events.height]
        joined = events.select(filled).join(labels, on="metadata.uid", how="left", maintain_order="left")
        attack = pl.col("label.twin").not_().fill_null(False)
        found[name] = joined.with_columns(attack.alias("label.attack"))
    return found


def raw_columns(table: pl.DataFrame) -> list[str]:
    """The columns of a table without the labels."""
    return [name for name in table.columns if not name.startswith("label.")]
