"""What one organization does in a week, as the page draws it. Told in `book/part3/simulator.md`."""

import numpy as np
import polars as pl

from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.simulation import NAMED
from residual_book.organizations import Array, Tables, day_of, of_attack

# The column that says whose an event is, where a class has one.
ACTIVITIES = ("network_activity", "dns_activity", "api_activity", "process_activity")
OF_ACTOR = "actor.session.uid"  # names the session, where a class has no column of its own for it
PERSON = {"authentication": "user.name", **dict.fromkeys(ACTIVITIES, "actor.user.name")}


def by_hour(tables: Tables) -> dict[str, Array]:
    """Events of each class in each hour of the first week: class -> (168,)."""
    hours = np.arange(7 * 24 + 1) * HOUR + START
    return {name: np.histogram(table["time"].to_numpy(), hours)[0].astype(float) for name, table in tables.items()}


def persons_day(tables: Tables, kind: str) -> Tables:
    """A day on which an attack of a type begins, of the person whom it strikes: the first with events of all classes.

    Each class has the `hour` of each event of that person's account and machine, its `label.attack`, and the `session`
    that it names: a number by the time of the sign-in of that day that names it first, or null.

    Raises:
        ValueError: where there is no such day.
    """
    struck = [
        tables[name].filter(of_attack(tables[name], kind)).select("time", person=column)
        for name, column in PERSON.items()
    ]
    for time, person in pl.concat(struck).drop_nulls().unique().sort("time", "person").iter_rows():
        day = (time - START) // DAY
        hour = (pl.col("time") - START - day * DAY) / HOUR
        events = {}
        for name, column in PERSON.items():
            own = tables[name].filter((pl.col(column) == person) & pl.Series(day_of(tables[name]) == day))
            events[name] = own.select("label.attack", hour=hour, session=NAMED[name].get("session", OF_ACTOR))
        if all(len(table) for table in events.values()):
            opened = events["authentication"]["session"].drop_nulls().unique(maintain_order=True)
            number = pl.col("session").replace_strict(opened, range(len(opened)), default=None, return_dtype=pl.Int64)
            return {name: table.with_columns(session=number) for name, table in events.items()}
    raise ValueError(f"kind must strike a person who has events of all classes, got {kind!r}")


def calls(tables: Tables, kind: str, *, twin: bool) -> list[pl.DataFrame]:
    """The connections of each episode of a type, or of each of its benign twins, in order of time.

    Each table has the `hours` since the episode's first connection, the number of the `machine`, from 0, and the
    `rank`: the share of the organization's benign connections that sent fewer bytes.
    """
    table, sent = tables["network_activity"], "traffic.bytes_out"
    benign = table.filter(~pl.col("label.attack"))[sent].sort()
    labeled = table.filter((pl.col("label.type") == kind) & (pl.col("label.twin") == twin))
    return [
        own.select(
            hours=(pl.col("time") - pl.col("time").first()) / HOUR,
            machine=pl.col("src_endpoint.ip").rank("dense").cast(pl.Int64) - 1,
            rank=pl.Series(np.searchsorted(benign, own[sent]) / len(benign)),
        )
        for own in labeled.sort("label.episode", "time").partition_by("label.episode", maintain_order=True)
    ]
