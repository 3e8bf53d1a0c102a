"""Columns of OCSF records, built whole: captions from the schema, gathered entities, drawn ids."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.ocsf.schema import ocsf, ocsf_class

Mask = NDArray[np.bool_]


@cache
def enum(owner: int | str, name: str) -> dict[int, str]:
    """The captions of an enumeration, by value: of a class (its uid) or of an object (its name)."""
    entry = ocsf_class(owner) if isinstance(owner, int) else ocsf()["objects"][owner]
    return {int(value): item["caption"] for value, item in entry["attributes"][name]["enum"].items()}


def with_caption(
    owner: int | str, name: str, values: pl.Series | np.ndarray, *, where: Mask | None = None, at: str = ""
) -> dict[str, pl.Series]:
    """`name` (an enumeration that ends in _id) and its sibling caption, below `at`; null in both outside `where`."""
    series = pl.Series(name, values).cast(pl.Int32)
    series = series if where is None else some(series, where)
    captions = enum(owner, name)
    text = series.replace_strict(list(captions), list(captions.values()), return_dtype=pl.String)
    return {at + name: series, at + name.removesuffix("_id"): text}


def take(values: pl.Series | Sequence[str], index: np.ndarray, where: Mask | None = None) -> pl.Series:
    """`values` at `index`; null where the index is negative, or outside `where`."""
    missing = index < 0 if where is None else (index < 0) | ~where
    return pl.Series(values).gather(some(pl.Series(np.where(missing, 0, index)), ~missing))


def only(value: str | int | bool, where: Mask) -> pl.Series:
    """A value where `where` holds."""
    return some(constant(value, len(where)), where)


def numbers(rng: np.random.Generator, n: int, low: int, high: int) -> pl.Series:
    """`n` random whole numbers."""
    return pl.Series(rng.integers(low, high, n)).cast(pl.Int32)


def some(values: pl.Series, where: Mask) -> pl.Series:
    """`values` where `where` holds, null elsewhere."""
    if where.all():
        return values
    return pl.DataFrame({"v": values, "w": where}).select(pl.when("w").then("v").alias(values.name)).to_series()


def either(first: pl.Series, second: pl.Series) -> pl.Series:
    """The first value where there is one, else the second."""
    return first.zip_with(first.is_not_null(), second)


def pack(fields: Mapping[str, pl.Series] | pl.DataFrame, where: Mask | None = None) -> pl.Series:
    """One struct column out of its fields; null outside `where`."""
    struct = (fields if isinstance(fields, pl.DataFrame) else pl.DataFrame(dict(fields))).to_struct()
    return struct if where is None else some(struct, where)


def nested(columns: Mapping[str, pl.Series], where: Mapping[str, Mask] | None = None) -> pl.DataFrame:
    """A table with structs out of columns by dotted path; `where` says which structs are there, by their path."""
    inner: dict[str, dict[str, pl.Series]] = {}
    for path, column in columns.items():
        head, _, rest = path.partition(".")
        inner.setdefault(head, {})[rest] = column
    masks, table = where or {}, {}
    for head, fields in inner.items():
        below = {path[len(head) + 1 :]: mask for path, mask in masks.items() if path.startswith(head + ".")}
        table[head] = fields[""] if "" in fields else pack(nested(fields, below), masks.get(head))
    return pl.DataFrame(table)


def constant(value: str | int | bool, n: int) -> pl.Series:
    """The same value `n` times."""
    return pl.repeat(value, n, eager=True, dtype=pl.Int32 if type(value) is int else None)


def hexes(rng: np.random.Generator, n: int, size: int) -> pl.Series:
    """`n` random ids of `size` bytes, in hexadecimal."""
    return pl.Series(rng.bytes(size * n).hex("-", -size).split("-") if n else [], dtype=pl.String)


def uuids(rng: np.random.Generator, n: int) -> pl.Series:
    """`n` random ids in the form of a UUID."""
    raw = hexes(rng, n, 16)
    cuts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    return pl.DataFrame({"r": raw}).select(pl.concat_str([pl.col("r").str.slice(*cut) for cut in cuts], separator="-"))[
        "r"
    ]


def timed(values: np.ndarray) -> pl.Series:
    """Milliseconds since 1970."""
    return pl.Series(values.astype(np.int64))
