"""What somebody usually does, and how unusual an event is by that: orders of calls, and values that come together."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.calendar import DAY, HOUR
from residual_book.organizations import Array

STEPS = [words.OPERATIONS[k][1] for k in words.PERSISTENCE]  # of persistence and of its twin, in their order
WITHIN = 6 * HOUR  # so long may the order take
PRIOR = 2.0  # calls that the shorter order counts for, where the longer one was never met


def surprisal(calls: pl.DataFrame, *, orders: int = 3) -> Array:
    """How little one would expect each call after the `orders - 1` before it, from the same caller's earlier days.

    Minus the logarithm of a chance: that after the longest order, mixed with that after shorter ones where it is rare.

    Args:
        calls: `user`, `operation` and `time`, in order of time.
    """
    frame = calls.with_columns(day=pl.col("time") // DAY)
    before = {f"_{k}": pl.col("operation").shift(k).over("user") for k in range(1, orders)}
    frame = frame.with_columns(**before)

    def met(*columns: str) -> pl.Expr:
        """How often this combination of the caller and some columns was met on earlier days."""
        count = pl.int_range(pl.len())
        return count.over("user", *columns) - count.over("user", "day", *columns)

    chance, context = (met("operation") + 0.5) / (met() + 0.5 * len(words.OPERATIONS)), []
    for column in before:
        context.append(column)
        chance = (met(*context, "operation") + PRIOR * chance) / (met(*context) + PRIOR)
    return frame.select(-chance.log()).to_series().to_numpy()


def in_order(calls: pl.DataFrame) -> tuple[Array, Array]:
    """Whether each call is one of the four of persistence in their order within six hours; and how often it was done.

    The second is the number of other days on which the caller completed that order.

    Args:
        calls: `user`, `operation` and `time`, in order of time.
    """
    step = calls["operation"].replace_strict(STEPS, range(len(STEPS)), default=-1).to_numpy()
    user, time = calls["user"].rank("dense").to_numpy(), calls["time"].to_numpy()
    part, done = np.zeros(len(step), bool), np.zeros(len(step), bool)
    for who in np.unique(user[step >= 0]):
        rows = np.flatnonzero((user == who) & (step >= 0))
        # the latest begin of the steps up to each call, and the earliest end of those from it on
        begin = _reached(step[rows], time[rows])
        end = -_reached(len(STEPS) - 1 - step[rows][::-1], -time[rows][::-1])[::-1]
        part[rows] = end - begin < WITHIN
        done[rows] = part[rows] & (step[rows] == len(STEPS) - 1)
    frame = pl.DataFrame({"user": user, "day": time // DAY, "done": done})
    days = frame.filter("done").group_by("user").agg(pl.col("day").unique())
    joined = frame.join(days, on="user", how="left", maintain_order="left", suffix="s")
    others = pl.col("days").list.len() - pl.col("days").list.contains(pl.col("day")).cast(pl.Int64)
    return part.astype(np.float64), joined.select(others.fill_null(0)).to_series().to_numpy().astype(np.float64)


def _reached(step: Array, time: Array) -> Array:
    """The latest time at which a sequence that reaches each call's step, one after the other, can have begun."""
    best, begin = [-np.inf] * len(STEPS), np.empty(len(step))
    for row, (k, t) in enumerate(zip(step.tolist(), time.tolist(), strict=True)):
        best[k] = t if k == 0 else max(best[k], best[k - 1])
        begin[row] = best[k]
    return begin


def together(table: pl.DataFrame, *columns: str | pl.Series) -> Array:
    """How often the values of two columns meet, by how often they would if neither knew of the other (logarithm).

    Far below zero for values that are each common and never come together; zero where one of them is missing.
    """
    named = [table[column] if isinstance(column, str) else column for column in columns]
    frame = pl.DataFrame({str(k): column for k, column in enumerate(named)})
    lift = pl.len().over("0", "1") * pl.len() / (pl.len().over("0") * pl.len().over("1"))
    missing = pl.any_horizontal(pl.all().is_null())
    return frame.select(pl.when(missing).then(0.0).otherwise(lift.log())).to_series().to_numpy()
