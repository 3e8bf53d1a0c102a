"""The columns of a Parquet file as expressions: flattened, and cast to the types that were settled.

A cast that could lose something says so, and the event that would lose it is quarantined. Told in
`book/part3/records.md`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from residual.ocsf.columns import Columns, Shape, element, fields, is_text, is_time, shape_in_ocsf, word

_CONTAINERS = ("list", "object")


@dataclass(frozen=True)
class Leaf:
    """A column of a file: where it is in its structs, as an expression, and the type that the file gives it."""

    path: str
    raw: pl.Expr
    dtype: pl.DataType


def flatten(schema: pl.Schema) -> list[Leaf]:
    """The leaves of a file: every struct is taken apart, save where OCSF lets any JSON stand.

    Raises:
        ValueError: if two leaves have the same path, one of them with a dot in a name.
    """
    leaves = [leaf for name, dtype in schema.items() for leaf in _flatten(name, pl.col(name), dtype)]
    if twice := [path for path, count in Counter(leaf.path for leaf in leaves).items() if count > 1]:
        raise ValueError(f"column {min(twice)} occurs twice, with and without dots in a name")
    return leaves


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
    shape: Shape = dtype
    if inner is not None:
        shape = "list"
    elif isinstance(dtype, pl.Struct):
        shape = "object"
    elif dtype.is_numeric():
        shape = pl.Int64() if dtype.is_integer() else pl.Float64()
    elif isinstance(dtype, (pl.Categorical, pl.Enum)):
        shape = pl.String()
    ours = shape_in_ocsf(path)
    foreign = "[]" in path and ours is not None and (shape in _CONTAINERS or ours in _CONTAINERS) and shape != ours
    if columns.settle(path, shape, as_in_file=foreign) != shape:
        return
    if inner is not None:
        register(columns, f"{path}[]", inner)
    elif isinstance(dtype, pl.Struct):
        for name, field in fields(dtype):
            register(columns, f"{path}.{name}", field)


def cast(columns: Columns, leaf: Leaf) -> tuple[pl.Expr, pl.Expr | None]:
    """A leaf in its settled type; and what is wrong where it has a value that this type cannot hold, null elsewhere.

    The second is None where each value can be cast without a look at it.
    """
    raw, target = leaf.raw, columns.dtype(leaf.path)
    message = _conflict(leaf.path, leaf.dtype, target)
    if message is None:
        return raw if leaf.dtype == target else raw.cast(target), None
    if is_text(leaf.path) and (leaf.dtype.is_nested() or isinstance(leaf.dtype, pl.Map)):
        # Polars encodes structs alone as JSON, so the value is wrapped in one and taken out of its text again.
        text = pl.struct(raw.alias("")).struct.json_encode().str.slice(4).str.head(-1)
        return pl.when(raw.is_not_null()).then(text), None
    if leaf.dtype.is_integer() and target == pl.Int64:
        message = f"{leaf.path}: too large for 64 bits"
    value = _converted(leaf, target)
    return value, pl.when(value.is_null() & raw.is_not_null()).then(pl.lit(message))


def _conflict(path: str, dtype: pl.DataType, target: pl.DataType) -> str | None:
    """Where a type first holds values that another does not; None if each can be cast without a look at it."""
    inner, target_inner = element(dtype), element(target)
    if inner is not None and target_inner is not None:
        return _conflict(f"{path}[]", inner, target_inner)
    if isinstance(dtype, pl.Struct) and isinstance(target, pl.Struct):
        settled = dict(fields(target))
        messages = (_conflict(f"{path}.{name}", field, settled.get(name, pl.Null())) for name, field in fields(dtype))
        return next((message for message in messages if message), None)
    if isinstance(dtype, pl.Null) or dtype == target:
        return None
    if target == pl.String:
        widens = isinstance(dtype, (pl.Categorical, pl.Enum, pl.Boolean)) or dtype.is_numeric()
    elif target == pl.Int64:
        widens = dtype.is_integer() and dtype not in (pl.UInt64, pl.Int128, pl.UInt128)
    else:
        widens = target == pl.Float64 and dtype.is_numeric()
    return None if widens else f"{path}: expected {word(target)}, got {word(dtype)}"


def _converted(leaf: Leaf, target: pl.DataType) -> pl.Expr:
    """A scalar in another type, null for values that it cannot hold."""
    raw, dtype = leaf.raw, leaf.dtype
    if target == pl.String:
        if isinstance(dtype, pl.Datetime):
            return raw.dt.to_string("iso:strict")
        if isinstance(dtype, pl.Binary):
            return raw.map_elements(_decoded, return_dtype=pl.String())
    elif target in (pl.Int64, pl.Float64):
        if target == pl.Int64 and is_time(leaf.path) and isinstance(dtype, (pl.Datetime, pl.Date)):
            return raw.cast(pl.Datetime("ms")).dt.epoch("ms")
        if isinstance(dtype, pl.String) or dtype.is_integer():
            return raw.cast(target, strict=False)
        if dtype.is_numeric():
            whole = raw.cast(target, strict=False)
            return pl.when(whole.cast(pl.Float64) == raw.cast(pl.Float64)).then(whole)
    return pl.lit(None, dtype=target)


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
