"""The columns of a table with structs: flattened to dotted paths, and cast to the types that they settle on.

Told in `book/part3/records.md`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import polars as pl
import polars.selectors as cs

from residual.ocsf.casting import cast, is_pattern, members
from residual.ocsf.columns import Columns, is_text, joined, settled, shape_in_ocsf

Schema = Mapping[str, pl.DataType]


@dataclass(frozen=True)
class Leaf:
    """A column of a file: where it is in its structs, as an expression, and the type that the file gives it."""

    path: str
    raw: pl.Expr
    dtype: pl.DataType


def flatten(schema: Schema) -> list[Leaf]:
    """The leaves of a file: every struct is taken apart, save where OCSF lets any JSON stand, or wants no object.

    Two leaves have the same path where one of them has a dot in a name.
    """
    return [leaf for name, dtype in schema.items() for leaf in _flatten(name, column(name), dtype)]


def column(name: str) -> pl.Expr:
    """The column of exactly this name; polars takes some names for patterns."""
    return cs.by_name(name).as_expr() if is_pattern(name) else pl.col(name)


def _flatten(path: str, raw: pl.Expr, dtype: pl.DataType) -> Iterator[Leaf]:
    if not isinstance(dtype, pl.Struct) or is_text(path) or shape_in_ocsf(path) not in (None, "object"):
        yield Leaf(path, raw, dtype)
        return
    for name, (inner, field) in members(raw, dtype).items():
        yield from _flatten(f"{path}.{name}", inner, field)


@dataclass(frozen=True)
class Flat:
    """A file's columns by path, as expressions.

    Attributes:
        values: in the types that they settle on.
        types: these types.
        problems: by path, the reason why a row has no value of this type, null where it has one.
        derived: whether a row's `type_uid` was missing, and is computed.
    """

    values: dict[str, pl.Expr]
    types: dict[str, pl.DataType]
    problems: dict[str, pl.Expr]
    derived: pl.Expr


def flat(schema: Schema, partitions: Mapping[str, pl.Expr], columns: Columns | None = None) -> Flat:
    """The columns of a file, in the types of `columns`, or in those that this file alone would settle on.

    A partition fills the column of its name where that is null, if OCSF knows the column, or if the file has none.
    """
    found: dict[str, list[Leaf]] = {}
    for leaf in flatten(schema):
        if not isinstance(leaf.dtype, pl.Null):
            found.setdefault(leaf.path, []).append(leaf)
    values, types, problems = {}, {}, {}
    for path, leaves in found.items():
        target = reduce(joined, (settled(path, leaf.dtype) for leaf in leaves))
        if columns is not None and path in columns.types:
            target = columns.dtype(path)
        casts = [cast(leaf.raw, path, leaf.dtype, target) for leaf in leaves]
        lost = [problem for _, problem in casts if problem is not None]
        if len(casts) > 1:
            twice = pl.sum_horizontal(leaf.raw.is_not_null() for leaf in leaves) > 1
            lost.append(pl.when(twice).then(pl.lit(f"{path}: occurs twice, with and without dots in a name")))
        if lost:
            problems[path] = pl.coalesce(lost)
        if not isinstance(target, pl.Null):
            values[path] = casts[0][0] if len(casts) == 1 else pl.coalesce(value for value, _ in casts)
            types[path] = target
    for key, value in partitions.items():
        if key not in values:
            values[key], types[key] = value, partition_type(key)
        elif types[key] == shape_in_ocsf(key):
            values[key] = pl.coalesce(values[key], value)
    derived = pl.lit(False)
    if "class_uid" in values and "activity_id" in values:
        number = pl.when(values["activity_id"].is_between(0, 99)).then(
            values["class_uid"] * 100 + values["activity_id"]
        )
        given = values.get("type_uid", pl.lit(None, dtype=pl.Int64()))
        derived = given.is_null() & number.is_not_null()
        values["type_uid"], types["type_uid"] = pl.coalesce(given, number), pl.Int64()
    return Flat(values, types, problems, derived)


def partition_type(key: str) -> pl.DataType:
    """The type of the column that a partition fills: OCSF's if it has a scalar there, else text."""
    ours = shape_in_ocsf(key)
    return ours if isinstance(ours, pl.DataType) else pl.String()


@lru_cache(maxsize=1000)
def typed(partitions: tuple[tuple[str, str | None], ...]) -> Mapping[str, Any]:
    """The values of partitions, each in the type of its column.

    Raises:
        ValueError: if one has no such value.
    """
    values = {}
    for key, text in partitions:
        value, problem = cast(pl.lit(text, dtype=pl.String()), key, pl.String(), partition_type(key))
        values[key], why = pl.select(value.alias("0"), pl.lit(None) if problem is None else problem).row(0)
        if why is not None:
            raise ValueError(f"{why} {text!r} in the path")
    return values


def as_expressions(partitions: Mapping[str, Any]) -> dict[str, pl.Expr]:
    """The columns of partitions for one file."""
    return {key: pl.lit(value, dtype=partition_type(key)) for key, value in partitions.items()}


def with_partitions(table: pl.DataFrame, partitions: Mapping[str, Any]) -> pl.DataFrame:
    """A table with the values of partitions in columns of their own, which `flat` finds by `placeholders`."""
    return table.with_columns(value.alias(f"\0{key}") for key, value in as_expressions(partitions).items())


def placeholders(keys: Iterable[str]) -> dict[str, pl.Expr]:
    """The columns of partitions for any file that has them."""
    return {key: pl.col(f"\0{key}") for key in keys}
