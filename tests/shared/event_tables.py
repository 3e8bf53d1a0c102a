"""Small tables of events with every kind of column, nulls and odd values in all of them."""

from typing import get_args

import numpy as np
import polars as pl

from residual.ocsf.schema import Feature, Kind

FEATURES = {f"a.{kind}": Feature(f"a.{kind}", kind) for kind in get_args(Kind)} | {
    "time": Feature("time", "time"),
    "a.many": Feature("a.many", "string"),
    "a.code": Feature("a.code", "uid"),
    "a.size": Feature("a.size", "number"),
    "a.missing": Feature("a.missing", "string"),
}
_IPS = ("10.0.0.1", "10.0.0.200", "8.8.8.8", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1", "no address", "")


def events(rows: int, seed: int = 0) -> pl.DataFrame:
    """`rows` events in order of time; `a.missing` is not among the columns, and `a.hash` is all null."""
    rng = np.random.default_rng(seed)

    def some(values: list[object], dtype: pl.DataType | type[pl.DataType] | None = None) -> pl.Series:
        return pl.Series(
            [None if gone else value for value, gone in zip(values, rng.random(rows) < 0.3, strict=True)], dtype=dtype
        )

    def words(many: int) -> pl.Series:
        return some([f"wörd-{i}" if i else "" for i in rng.integers(0, many, rows)], pl.String)

    sizes = np.where(rng.random(rows) < 0.05, np.nan, rng.lognormal(3, 2, rows))
    time = 1_750_000_000_000 + np.sort(rng.integers(0, 10**9, rows))
    return pl.DataFrame(
        {
            "time": time,
            "a.number": some(rng.integers(-5, 50, rows).tolist(), pl.Int32),
            "a.size": some(sizes.tolist(), pl.Float64),
            "a.enum": some(rng.integers(0, 4, rows).tolist(), pl.Int64),
            "a.code": some(rng.integers(0, 2 * rows + 1, rows).tolist(), pl.Int64),
            "a.port": some(rng.integers(0, 65536, rows).tolist(), pl.UInt16),
            "a.flag": some((rng.random(rows) < 0.5).tolist(), pl.Boolean),
            "a.time": some((time - rng.integers(-1000, 10**8, rows)).tolist(), pl.Int64),
            "a.ip": some(rng.choice(_IPS, rows).tolist(), pl.String),
            "a.list": some([["x"] * int(n) for n in rng.integers(0, 5, rows)], pl.List(pl.String)),
            "a.hash": pl.Series([None] * rows, dtype=pl.String),
            "a.many": words(10 * rows + 1),
            "a.uid": words(3).cast(pl.Categorical),
            **{
                f"a.{kind}": words(8)
                for kind in ("string", "subnet", "hostname", "command", "path", "url", "email", "mac")
            },
        }
    )
