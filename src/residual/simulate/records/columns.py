"""Columns of OCSF records, built whole: captions from the schema, gathered entities, drawn ids."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl

from residual.ocsf.schema import ocsf, ocsf_class

Mask = np.ndarray


@cache
def enum(owner: int | str, name: str) -> dict[int, str]:
    """The captions of an enumeration, by value: of a class (its uid) or of an object (its name)."""
    entry = ocsf_class(owner) if isinstance(owner, int) else ocsf()["objects"][owner]
    return {int(value): item["caption"] for value, item in entry["attributes"][name]["enum"].items()}


def with_caption(owner: int | str, name: str, values: pl.Series | np.ndarray) -> dict[str, pl.Series]:
    """`name` (an enumeration that ends in _id) and its sibling caption; null stays null in both."""
    series = pl.Series(name, values).cast(pl.Int32)
    captions = enum(owner, name)
    text = series.replace_strict(list(captions), list(captions.values()), return_dtype=pl.String)
    return {name: series, name.removesuffix("_id"): text}


def take(values: pl.Series, index: np.ndarray, where: Mask | None = None) -> pl.Series:
    """`values` at `index`; null where the index is negative, or outside `where`."""
    missing = index < 0 if where is None else (index < 0) | ~where
    return values.gather(some(pl.Series(np.where(missing, 0, index)), ~missing))


def some(values: pl.Series, where: Mask) -> pl.Series:
    """`values` where `where` holds, null elsewhere."""
    if where.all():
        return values
    return pl.DataFrame({"v": values, "w": where}).select(pl.when("w").then("v").alias(values.name)).to_series()


def pack(fields: Mapping[str, pl.Series], where: Mask | None = None) -> pl.Series:
    """One struct column out of its fields; null outside `where`."""
    struct = pl.DataFrame(dict(fields)).to_struct()
    return struct if where is None else some(struct, where)


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
