"""What a detector hands over: windows that it finds odd, each with what it saw and what it expected.

Every detector is advanced day by day, `advance(day, events, state) -> (sights, state)`. It looks at the events of the
day and at its state, which is what it keeps of earlier days: frames by name. Nothing that a sight says depends on a
later event of its day, or on how the day's events were cut into files.
"""

from typing import Protocol

import polars as pl

from residual.detect.stream import HOUR

KEPT = 28  # days of the past that statistics are of
SETTLING = 72  # hours in which nothing is said about an entity that is new
Frames = dict[str, pl.DataFrame]
SIGHTS = {
    "begin": pl.Int64, "end": pl.Int64, "kind": pl.String, "entity": pl.String, "other_kind": pl.String,
    "other": pl.String, "score": pl.Float64, "value": pl.Float64, "expected": pl.Float64, "spread": pl.Float64,
    "detail": pl.String,
}  # fmt: skip


class Detector(Protocol):
    """A way to look at a day of events. `hours` is how long its windows are."""

    @property
    def name(self) -> str: ...

    @property
    def class_uid(self) -> int: ...

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def hours(self) -> int: ...

    def advance(self, day: int, events: pl.DataFrame, state: Frames) -> tuple[pl.DataFrame, Frames]:
        """The sights of a day, as `SIGHTS`, and the state after it. Events are those of `stream`, in order of time."""
        ...


def sights(table: pl.DataFrame, kinds: tuple[str, ...], hours: int) -> pl.DataFrame:
    """A table in the form of `SIGHTS`, out of columns of entities, `hour` (its last), and the others by name."""
    end = (pl.col("hour") + 1) * HOUR
    pair = len(kinds) > 1
    return table.select(
        begin=end - hours * HOUR,
        end=end,
        kind=pl.lit(kinds[0]),
        entity=kinds[0],
        other_kind=pl.lit(kinds[1] if pair else None, dtype=pl.String),
        other=pl.col(kinds[1]) if pair else pl.lit(None, dtype=pl.String),
        score="score",
        value="value",
        expected="expected",
        spread="spread",
        detail=pl.col("detail") if "detail" in table.columns else pl.lit("", dtype=pl.String),
    ).cast(pl.Schema(SIGHTS))


def settled(table: pl.DataFrame, kind: str, first: pl.DataFrame | None) -> pl.DataFrame:
    """Each entity of a kind with the hour `since` when it is known, from the days before and this table's `hour`s."""
    new = table.group_by(kind).agg(since=pl.col("hour").min().cast(pl.Int64)).drop_nulls()
    return new if first is None else pl.concat([first, new]).group_by(kind).agg(pl.col("since").min())


def held(table: pl.DataFrame, day: int) -> pl.DataFrame:
    """Statistics by `day` of the last `KEPT` days before a day."""
    return table.filter(pl.col("day") >= day - KEPT)
