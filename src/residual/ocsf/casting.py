"""The one set of casts: from whatever type a file has to the type that a column has, arrays like scalars.

A cast is two expressions: the value, and what is wrong where there is none that the type could hold. So a row is
judged, and later read, by the same rules, whether it came as Parquet or as JSON. Told in `book/part3/records.md`.
"""

import json
import math
from datetime import timedelta
from typing import Any
from uuid import UUID

import polars as pl

from residual.ocsf.columns import (
    Uuid,
    element,
    entries,
    fields,
    is_text,
    is_time,
    settled,
    shape_in_ocsf,
    storage,
    word,
)

EXACT = 2**53  # below it, every whole number is exact as Float64
_LAST = 253_402_300_799_999  # milliseconds at the end of the year 9999; no calendar goes further
Cast = tuple[pl.Expr, pl.Expr | None]


def cast(raw: pl.Expr, path: str, dtype: pl.DataType, target: pl.DataType) -> Cast:
    """The values of `raw` in another type; and the reason where a value has none, null elsewhere.

    The second is None where each value can be cast without a look at it.
    """
    if isinstance(dtype, pl.Extension):
        return cast(raw.ext.storage(), path, storage(dtype), target)
    if isinstance(dtype, pl.Array):
        return cast(raw.arr.to_list(), path, pl.List(dtype.inner), target)
    if isinstance(dtype, pl.Null):
        return _nothing(raw, target), None
    inner, target_inner = element(dtype), element(target)
    if inner is not None and target_inner is not None:
        return _array(raw, path, inner, target_inner)
    if isinstance(dtype, pl.Struct) and isinstance(target, pl.Struct):
        return _object(raw, path, dtype, target)
    found = None if isinstance(target, pl.Null) else _converted(raw, path, dtype, target)
    if found is not None and found[1]:
        return found[0], None
    if isinstance(target, pl.Int64) and dtype.is_integer():
        problem = "too large for 64 bits"
    else:
        expected = shape_in_ocsf(path) if isinstance(target, pl.Null) else target
        problem = f"expected {word(expected or target)}, got {word(dtype)}"
    value = _nothing(raw, target) if found is None else found[0]
    return value, pl.when(value.is_null() & raw.is_not_null()).then(pl.lit(f"{path}: {problem}"))


def members(raw: pl.Expr, dtype: pl.Struct) -> dict[str, tuple[pl.Expr, pl.DataType]]:
    """The fields of a struct: expression and type, by name. Polars would take `*` and `^...$` for patterns."""
    names = [name for name, _ in fields(dtype)]
    plain = names
    if any(is_pattern(name) for name in names):
        plain = [str(place) for place in range(len(names))]
        raw = raw.struct.rename_fields(plain)
    return {name: (raw.struct.field(field), inner) for field, (name, inner) in zip(plain, fields(dtype), strict=True)}


def as_json(path: str, dtype: pl.DataType) -> pl.DataType:
    """The type that says what `dtype` says as JSON would: its own where JSON has it, else the one that a column has."""
    if isinstance(dtype, pl.Extension):
        return as_json(path, storage(dtype))
    if (inner := element(dtype)) is not None:
        return pl.List(as_json(f"{path}[]", inner))
    if isinstance(dtype, pl.Struct):
        inside = {name: as_json(f"{path}.{name}", field) for name, field in fields(dtype)}
        return pl.Struct(inside) if inside else pl.Null()
    is_plain = isinstance(dtype, (pl.String, pl.Boolean, pl.Null)) or dtype.is_integer() or dtype.is_float()
    return dtype if is_plain else settled(path, dtype)


def is_pattern(name: str) -> bool:
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def _nothing(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Nulls, as many as `raw` has values."""
    return pl.when(raw.is_null() & False).then(pl.lit(None, dtype=dtype))


def _array(raw: pl.Expr, path: str, inner: pl.DataType, target: pl.DataType) -> Cast:
    value, problem = cast(pl.element(), f"{path}[]", inner, target)
    if inner == target and problem is None:
        return raw, None
    found = None if problem is None else raw.list.eval(problem).list.drop_nulls().list.first()
    return raw.list.eval(value), found


def _object(raw: pl.Expr, path: str, dtype: pl.Struct, target: pl.Struct) -> Cast:
    """An object inside an array, field by field; it becomes null if none of its fields is filled."""
    values, problems, given = [], [], members(raw, dtype)
    for name, wanted in fields(target):
        value, problem = _nothing(raw, wanted), None
        if name in given:
            value, problem = cast(given[name][0], f"{path}.{name}", given[name][1], wanted)
        values.append(value.alias(name))
        problems += [] if problem is None else [problem]
    filled = pl.any_horizontal(value.is_not_null() for value in values)
    return pl.when(filled).then(pl.struct(values)), pl.coalesce(problems) if problems else None


def _converted(raw: pl.Expr, path: str, dtype: pl.DataType, target: pl.DataType) -> tuple[pl.Expr, bool] | None:
    """A value in another type, null where it has none, and whether it always has one; None if it never has."""
    if dtype == target and not isinstance(dtype, Uuid):
        return raw, True
    is_nested = dtype.is_nested() or isinstance(dtype, pl.Map)
    if is_nested and isinstance(shape_in_ocsf(path), pl.DataType) and not is_text(path):
        return None
    if isinstance(target, pl.String):
        return _text(raw, dtype)
    if isinstance(target, pl.Boolean):
        if isinstance(dtype, pl.String):
            return pl.when(raw.is_in(["true", "false"])).then(raw == "true"), False
        return None
    if isinstance(target, pl.Int64) and isinstance(dtype, (pl.Datetime, pl.Date)) and is_time(path):
        return _milliseconds(raw, dtype), True
    if isinstance(target, pl.Int64) and isinstance(dtype, pl.Duration):
        return raw.dt.total_milliseconds(), True
    if isinstance(dtype, pl.String) and target.is_numeric():
        number = raw.cast(target, strict=False)
        return (pl.when(number.is_finite()).then(number) if target.is_float() else number), False
    if isinstance(target, pl.Int64) and dtype.is_numeric():
        if dtype.is_integer() and dtype not in (pl.UInt64, pl.Int128, pl.UInt128):
            return raw.cast(target), True
        return _same(raw, dtype, raw.cast(target, strict=False)), False
    if isinstance(target, pl.Float64) and dtype.is_numeric():
        if dtype not in (pl.Int64, pl.UInt64, pl.Int128, pl.UInt128):
            return raw.cast(target), True
        number = raw.cast(target)
        if shape_in_ocsf(path) is None:
            return number, True
        return pl.when(number.abs() < EXACT).then(number), False
    return None


def _same(raw: pl.Expr, dtype: pl.DataType, whole: pl.Expr) -> pl.Expr:
    """A number that was made whole, where it was whole before."""
    return whole if dtype.is_integer() else pl.when(whole.cast(dtype, strict=False) == raw).then(whole)


def _milliseconds(raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Date):
        return raw.cast(pl.Int32).cast(pl.Int64) * 86_400_000
    return raw.dt.epoch("ms")


def _text(raw: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, bool]:
    """A value as text. A whole number has the same text whether it was kept as an integer or with a point."""
    if dtype.is_nested() or isinstance(dtype, (pl.Map, pl.Object, pl.Binary)):
        return raw.map_batches(
            lambda values: _texts(values, dtype), return_dtype=pl.String(), is_elementwise=True
        ), False
    if dtype.is_float():
        wide = raw.cast(pl.Float64)
        whole = (wide.abs() < EXACT) & (wide == wide.floor())
        return pl.when(whole).then(wide.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(
            wide.cast(pl.String)
        ), True
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        milliseconds = _milliseconds(raw, dtype)
        known = pl.when(milliseconds.is_between(-62_135_596_800_000, _LAST)).then(raw)
        return known.dt.to_string("iso:strict"), False
    if isinstance(dtype, pl.Duration):
        return raw.dt.to_string("iso"), True
    return raw.cast(pl.String), True


def _texts(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Bytes as the text that they are, a UUID in its usual form, what is nested as JSON; null where that fails."""
    texts: list[str | None] = []
    for value in in_python(values):
        try:
            found = plain(value, dtype)
            texts.append(found if found is None or isinstance(found, str) else json_text(found))
        except (ValueError, OverflowError):
            texts.append(None)
    return pl.Series(values.name, texts, dtype=pl.String)


def in_python(values: pl.Series) -> list[Any]:
    """Values as Python has them; an error in place of one that it cannot have, such as a time in the year 10000."""
    try:
        return values.to_list()
    except (ValueError, OverflowError, pl.exceptions.PanicException) as error:
        if len(values) == 1:
            return [ValueError(str(error))]
        return [value for place in range(len(values)) for value in in_python(values[place : place + 1])]


def json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(value: Any, dtype: pl.DataType) -> Any:
    """A value of any type as JSON has it, without the nulls of objects.

    Raises:
        ValueError: for bytes that are no text, or what `in_python` has an error for.
    """
    if isinstance(value, ValueError):
        raise value
    if value is None:
        return None
    if isinstance(dtype, pl.Struct):
        inside = {name: plain(value.get(name), field) for name, field in fields(dtype)}
        return {name: inner for name, inner in inside.items() if inner is not None}
    if isinstance(dtype, pl.Map):
        of_key, of_value = entries(dtype)
        return {str(plain(key, of_key)): plain(inner, of_value) for key, inner in value.items()}
    if (inner := element(dtype)) is not None:
        return [plain(one, inner) for one in value]
    match value:
        case bytes():
            return str(UUID(bytes=value)) if isinstance(dtype, Uuid) else value.decode()
        case float():
            if not math.isfinite(value):
                return str(value)
            return int(value) if value.is_integer() and abs(value) < EXACT else value
        case bool() | int() | str():
            return value
        case timedelta():
            return value / timedelta(milliseconds=1)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
