"""The columns of a Parquet file as expressions: flattened, and cast to the types that were settled.

A cast that could lose something says so, and the event that would lose it is quarantined. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from residual.ocsf.columns import Columns, Shape, element, fields, is_text, is_time, normal, shape_in_ocsf, word

_CONTAINERS = ("list", "object")


@dataclass(frozen=True)
class Leaf:
    """A column of a file: where it is in its structs, as an expression, and the type that the file gives it."""

    path: str
    raw: pl.Expr
    dtype: pl.DataType


@dataclass(frozen=True)
class Cast:
    """A leaf in its settled type, and where an event has a value that this type cannot hold (None: nowhere)."""

    value: pl.Expr
    lost: pl.Expr | None
    message: str


def flatten(schema: pl.Schema) -> list[Leaf]:
    """The leaves of a file: every struct is taken apart, save where OCSF lets any JSON stand.

    Raises:
        ValueError: if two leaves have the same path, one of them with a dot in a name.
    """
    found = [leaf for name, dtype in schema.items() for leaf in _flatten(name, pl.col(name), dtype)]
    paths = [leaf.path for leaf in found]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise ValueError(f"column {twice[0]} occurs twice, with and without dots in a name")
    return found


def _flatten(path: str, raw: pl.Expr, dtype: pl.DataType) -> Iterator[Leaf]:
    if not isinstance(dtype, pl.Struct) or shape_in_ocsf(path) not in (None, "object"):
        yield Leaf(path, raw, dtype)
        return
    for name, field in fields(dtype):
        yield from _flatten(f"{path}.{name}", raw.struct.field(name), field)


def register(columns: Columns, path: str, dtype: pl.DataType) -> None:
    """Settle a leaf of a file, with all that is inside its arrays, and the objects above it.

    Inside arrays another version of OCSF may have an object where ours has an array: there, the file's word counts.

    Raises:
        ValueError: for a new column beyond the most that there may be.
    """
    above, _, _ = path.rpartition(".")
    if above and above not in columns.shapes:
        register(columns, above, pl.Struct({}))
    if isinstance(dtype, pl.Null):
        return
    inner = element(dtype)
    shape: Shape = "object" if isinstance(dtype, pl.Struct) else normal(dtype) if inner is None else "list"
    ours = shape_in_ocsf(path)
    foreign = "[]" in path and ours is not None and (shape in _CONTAINERS or ours in _CONTAINERS) and shape != ours
    if columns.settle(path, shape, as_in_file=foreign) != shape:
        return
    if inner is not None:
        register(columns, f"{path}[]", inner)
    elif isinstance(dtype, pl.Struct):
        for name, field in fields(dtype):
            register(columns, f"{path}.{name}", field)


def cast(columns: Columns, leaf: Leaf) -> Cast:
    """A leaf in the type that is settled for it."""
    target = columns.dtype(leaf.path)
    message = _conflict(leaf.path, leaf.dtype, target)
    if message is None:
        return Cast(leaf.raw if leaf.dtype == target else leaf.raw.cast(target), None, "")
    if is_text(leaf.path) and (leaf.dtype.is_nested() or isinstance(leaf.dtype, pl.Map)):
        return Cast(_json(leaf.raw), None, "")
    if leaf.dtype.is_integer() and target == pl.Int64:
        message = f"{leaf.path}: too large for 64 bits"
    value = _converted(leaf, target)
    if value is None:
        return Cast(pl.lit(None, dtype=target), leaf.raw.is_not_null(), message)
    return Cast(value, value.is_null() & leaf.raw.is_not_null(), message)


def _conflict(path: str, dtype: pl.DataType, target: pl.DataType) -> str | None:
    """Where a type first holds values that another does not; None if each can be cast without a look at it."""
    inner, target_inner = element(dtype), element(target)
    if inner is not None and target_inner is not None:
        return _conflict(f"{path}[]", inner, target_inner)
    if isinstance(dtype, pl.Struct) and isinstance(target, pl.Struct):
        settled = dict(fields(target))
        found = (_conflict(f"{path}.{name}", field, settled.get(name, pl.Null())) for name, field in fields(dtype))
        return next((message for message in found if message), None)
    return None if _widens(dtype, target) else f"{path}: expected {word(target)}, got {word(dtype)}"


def _widens(dtype: pl.DataType, target: pl.DataType) -> bool:
    if isinstance(dtype, pl.Null) or dtype == target:
        return True
    if target == pl.String:
        return isinstance(dtype, (pl.Categorical, pl.Enum, pl.Boolean)) or dtype.is_numeric()
    if target == pl.Int64:
        return dtype.is_integer() and dtype not in (pl.UInt64, pl.Int128, pl.UInt128)
    return target == pl.Float64 and dtype.is_numeric()


def _json(raw: pl.Expr) -> pl.Expr:
    """Anything as JSON text. Polars encodes structs alone, so it is wrapped in one and taken out again."""
    return pl.when(raw.is_not_null()).then(pl.struct(raw.alias("")).struct.json_encode().str.slice(4).str.head(-1))


def _converted(leaf: Leaf, target: pl.DataType) -> pl.Expr | None:
    """A scalar in another type, null for values that it cannot hold; None where not one value could be."""
    raw, dtype = leaf.raw, leaf.dtype
    if target == pl.String:
        if isinstance(dtype, pl.Datetime):
            return raw.dt.to_string("iso:strict")
        if isinstance(dtype, pl.Binary):
            return raw.map_batches(_decoded, return_dtype=pl.String())
    elif target in (pl.Int64, pl.Float64):
        if target == pl.Int64 and is_time(leaf.path) and isinstance(dtype, (pl.Datetime, pl.Date)):
            return raw.cast(pl.Datetime("ms")).dt.epoch("ms")
        if isinstance(dtype, pl.String) or dtype.is_integer():
            return raw.cast(target, strict=False)
        if dtype.is_numeric():
            whole = raw.cast(target, strict=False)
            return pl.when(whole.cast(pl.Float64) == raw.cast(pl.Float64)).then(whole)
    return None


def _decoded(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_text(value) for value in values.to_list()], dtype=pl.String())


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
