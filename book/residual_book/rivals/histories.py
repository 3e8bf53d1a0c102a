"""What everybody, or each pair, did in the last hours and before them. Nothing looks ahead."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from residual.simulate.calendar import HOUR, START

SPANS = (1, 4, 12)  # hours up to the end of a row's hour


def histories(events: pl.DataFrame, key: Sequence[str], sums: Sequence[str], most: Sequence[str] = ()) -> pl.DataFrame:
    """One row for each hour in which a key acts: `hour`, and what it did then and before.

    Of each of `sums`, and of the number of events `n`: the sum over each of `SPANS` hours up to the end of this one, as
    `.1h`, ...; `.usual`, what four hours had on average from the key's first to twelve hours ago; `.ratio`, the
    logarithm of the four hours over those usual ones. Of each of `most` the greatest of this hour. Besides, `age`, the
    hours since the key was first seen, and `active`, in how many of them it acted. Keys with a null are left out.
    """
    numbers = ["n", *sums]
    cells = (
        events.drop_nulls(list(key))
        .with_columns(hour=hour_of("time"), n=pl.lit(1.0))
        .group_by(*key, "hour")
        .agg(pl.col(numbers).cast(pl.Float64).sum(), pl.col(most).max().name.suffix(".most"))
        .sort(*key, "hour")
    )
    hour = cells["hour"].to_numpy()
    group = cells.select(pl.struct(key).rle_id()).to_series().to_numpy().astype(np.int64)
    code = group * 100_000 + hour  # rises from row to row
    begin = np.searchsorted(group, group)
    total = np.vstack([np.zeros(len(numbers)), np.cumsum(cells.select(numbers).to_numpy(), axis=0)])
    first = {span: np.maximum(np.searchsorted(code, code - span, side="right"), begin) for span in SPANS}
    age = hour - hour[begin]
    usual = (total[first[12]] - total[begin]) / np.maximum(age - 12, 1)[:, None] * 4
    # A difference of two long sums is not exactly the sum between them.
    recent = {span: np.round(total[1:] - total[row], 6) for span, row in first.items()}
    ratio = np.log((np.maximum(recent[4], 0) + 1) / (np.maximum(usual, 0) + 1))
    columns = {f"{name}.{span}h": recent[span][:, k] for k, name in enumerate(numbers) for span in SPANS}
    columns |= {f"{name}.usual": usual[:, k] for k, name in enumerate(numbers)}
    columns |= {f"{name}.ratio": ratio[:, k] for k, name in enumerate(numbers)}
    columns |= {"age": age, "active": np.arange(len(code)) - begin}
    kept = cells.select(*key, "hour", *(f"{name}.most" for name in most))
    return kept.with_columns(pl.Series(name, values, dtype=pl.Float32) for name, values in columns.items())


def joined(rows: pl.DataFrame, other: pl.DataFrame, key: str) -> pl.DataFrame:
    """Rows with what one of their entities did up to the same hour, as columns `key`.*"""
    other = other.rename({c: f"{key}.{c}" for c in other.columns if c not in (key, "hour")})
    return rows.join(other, on=[key, "hour"], how="left", maintain_order="left")


def window(rows: pl.DataFrame, length: int, first: str | None = None, second: str | None = None) -> pl.DataFrame:
    """Rows with a window of `length` hours that ends with their `hour`, and the kinds and values that alerts name.

    Without a `first` kind the rows have their `kind` and `value` already. Entities are no features.
    """
    end = (START + (pl.col("hour") + 1) * HOUR).cast(pl.Int64)
    named = [pl.lit(first).alias("kind"), pl.col(first).alias("value")] if first else [pl.col("kind", "value")]
    other = pl.col(second) if second else pl.lit(None, pl.String)
    named += [pl.lit(second, pl.String).alias("other_kind"), other.alias("other_value")]
    rest = pl.exclude("kind", "value", "hour", "all", *(kind for kind in (first, second) if kind))
    return rows.select((end - length * HOUR).alias("begin"), end.alias("end"), *named, rest)


def hour_of(time: str) -> pl.Expr:
    """The number of the hour of a column of times in ms, from 0."""
    return (pl.col(time) - START) // HOUR


def before(*columns: str) -> pl.Expr:
    """How often the values of some columns came together in earlier events."""
    return pl.int_range(pl.len()).over(columns).cast(pl.Float32)


def is_new(*columns: str) -> pl.Expr:
    """1 where the values of some columns come together for the first time, else 0; 0 where one is null."""
    return flag(pl.all_horizontal(pl.col(columns).is_not_null()) & (before(*columns) == 0))


def gap(*columns: str) -> pl.Expr:
    """Minutes since the event before that has the same values, null for the first."""
    return pl.col("time").diff().over(columns) / 60_000


def flag(condition: pl.Expr) -> pl.Expr:
    """1 where a condition holds, 0 where it does not or is null."""
    return condition.fill_null(False).cast(pl.Float32)
