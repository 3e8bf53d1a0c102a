"""What happened to an entity, or between two, in the hours up to the end of each window.

A window ends on the hour. Only those whose last hour has an event are here: one that ends later holds no more.
"""

from dataclasses import dataclass

import polars as pl

from residual.simulate.calendar import HOUR, START
from residual_book.evaluation.watched import DAYS

LEARNING = 72  # hours in which nothing is said about an entity that is new
SUMS = {
    "events": pl.lit(1.0),
    "failed": (pl.col("status_id") == 2).cast(pl.Float64),
    "errors": pl.col("count").cast(pl.Float64),
}
COLUMNS = {  # that `SUMS` and different values are taken from, by class of events
    "authentication": ["status_id"],
    "network_activity": ["status_id", "dst_endpoint.port"],
    "api_activity": ["api.operation"],
    "application_error": ["count"],
}


@dataclass(frozen=True)
class Feature:
    """A number for each window.

    Attributes:
        events: the class of events.
        entity: its kind.
        what: one of `SUMS`, or a column whose different values are counted.
        hours: length of the window.
        other: kind of the second entity of a pair, or "".
    """

    events: str
    entity: str
    what: str
    hours: int
    other: str = ""

    @property
    def entities(self) -> list[str]:
        return [self.entity, self.other] if self.other else [self.entity]

    def __str__(self) -> str:
        both = " and ".join(self.entities)
        return f"{self.what} of {both} in {self.hours} h of {self.events}"


def windows(events: dict[str, pl.DataFrame], feature: Feature) -> pl.DataFrame:
    """The entities of each window, the `hour` that it ends with, from 0 on, and the feature's `value`."""
    names = feature.entities
    table = events[feature.events].drop_nulls(names).with_columns(hour=(pl.col("time") - START) // HOUR)
    active = table.select(*names, "hour").unique()
    if feature.what in SUMS:
        came = (
            table.select(*names, "hour", value=SUMS[feature.what]).group_by(*names, "hour").agg(pl.col("value").sum())
        )
        left = pl.col("hour") + feature.hours
    else:  # a value leaves the window as late as its last event does
        once = table.select(*names, feature.what, "hour").drop_nulls().unique().sort(*names, feature.what, "hour")
        again = pl.col("hour").shift(-1).over(*names, feature.what)
        came = once.with_columns(value=pl.lit(1.0), again=again)
        left = pl.min_horizontal(pl.col("hour") + feature.hours, "again")
    goes = came.select(*names, hour=left, value=-pl.col("value"))
    steps = pl.concat([came.select(*names, "hour", "value"), goes, active.with_columns(value=pl.lit(0.0))])
    steps = steps.group_by(*names, "hour").agg(pl.col("value").sum()).sort(*names, "hour")
    inside = steps.with_columns(pl.col("value").cum_sum().over(names))
    return inside.join(active, on=[*names, "hour"], how="semi").filter(pl.col("hour") < DAYS * 24)
