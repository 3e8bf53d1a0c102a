"""A batch of JSON objects parsed by Arrow, which is quick and strict, into a table that has lost nothing.

Arrow refuses values of two kinds in one place and a name that comes twice. What it would change without a word (text
that looks like a time, whole numbers too large for its type, NaN, bytes that are no UTF-8) is refused here, and so is
what could exhaust its stack or its memory. Told in `book/part3/records.md`.
"""

import json
import re
from collections.abc import Collection, Iterator

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from residual.ocsf.casting import EXACT, json_text
from residual.ocsf.columns import text_names
from residual.ocsf.limits import Limits
from residual.ocsf.records import WRAPPERS, refuse_constant

_BRACKETS = 200  # with so many in a line, it may be deep enough to exhaust Arrow's stack
_NEW = 2**18  # bytes parsed at a time where the columns are not known yet: each may have many of its own
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


class Shapes:
    """What Arrow found in a file so far, so that it need not find it again.

    Attributes:
        type: of the objects.
        text: names whose values may be any JSON, and are made text before Arrow sees them.
    """

    def __init__(self) -> None:
        self.type: pa.DataType = pa.struct([])
        self.text: set[str] = set()


def parse(data: bytes, rows: int, shapes: Shapes, limits: Limits, *, exact: bool = False) -> pl.DataFrame | None:
    """Objects one a line as a table; None if it could not hold their values as they are, or if much in many is new.

    Args:
        rows: how many objects there should be.
        exact: whether it is known that no whole number loses digits beside one with a fraction.
    """
    try:
        if not data.isascii():
            data.decode()
        table = _read(_with_text(data, shapes.text), _hint(shapes.type), "error")
        if table is None and (not shapes.type.num_fields or len(data) <= _NEW):
            table = _learned(data, shapes, limits)
    except (ValueError, RecursionError):
        return None
    if table is None or table.num_rows != rows:
        return None
    if not all(_is_exact(chunk, exact) for column in table.columns for chunk in column.chunks):
        return None
    return pl.DataFrame(pl.from_arrow(table))


def _learned(data: bytes, shapes: Shapes, limits: Limits) -> pa.Table | None:
    """The table of some objects, if there is one; then what is new in them is noted in `shapes`."""
    names = {mark + name for name in text_names() for mark in '".' if f'{mark}{name}"'.encode() in data}
    with_text = _with_text(data, names)
    shape = shapes.type
    for part in _parts(with_text):
        if _read(part, _hint(shape), "error") is None:
            are_flat = all(_is_flat(line, limits) for line in part.split(b"\n"))
            new = _read(part, pa.struct([]), "infer") if are_flat else None
            if new is None or not _is_of_events(shape := _merged(shape, pa.struct(new.schema)), limits):
                return None
    table = _read(with_text, _hint(shape), "error")
    if table is not None:
        shapes.type = shape
        shapes.text |= names if with_text != data else set()
    return table


def _is_of_events(shape: pa.DataType, limits: Limits) -> bool:
    """Whether objects may be events: not too deep, not too wide, and not around a list of events."""
    are_wrapped = any(field.name in WRAPPERS and pa.types.is_list(field.type) for field in shape)
    return not are_wrapped and _depth(shape) <= limits.depth and _leaves(shape) <= 2 * limits.columns


def _is_flat(line: bytes, limits: Limits) -> bool:
    """Whether the objects and arrays of a line are not too deep inside each other for Arrow."""
    if line.count(b"{") + line.count(b"[") <= _BRACKETS:
        return True
    depth = deepest = 0
    for bracket in _STRING.sub(b"", line).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"{[" else -1
        deepest = max(deepest, depth)
    return deepest <= limits.depth


def _parts(data: bytes) -> Iterator[bytes]:
    """Some lines at a time."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _NEW) + 1 or len(data)
        yield data[start:end]
        start = end


def _read(data: bytes, shape: pa.DataType, unexpected: str) -> pa.Table | None:
    """The table of some lines, None where Arrow refuses them. Fields that `shape` has not: "error" or "infer"."""
    options = pj.ParseOptions(explicit_schema=pa.schema(list(shape)), unexpected_field_behavior=unexpected)
    reading = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        return pj.read_json(pa.BufferReader(data), read_options=reading, parse_options=options)
    except pa.ArrowException:
        return None


def as_text(value: object) -> str:
    """Any JSON value as compact text; a whole number is written without a point.

    Raises:
        ValueError: for a number beyond the range of floating-point numbers.
    """
    return json_text(_TEXT_DECODER.decode(json.dumps(value)))


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return int(number) if number.is_integer() and abs(number) < EXACT else number


_TEXT_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=_number)


def _with_text(data: bytes, names: Collection[str]) -> bytes:
    """The same objects, in which the values that have one of some names are text.

    Raises:
        ValueError: where one is no JSON.
    """
    if not names:
        return data
    any_json = re.compile("(?:" + "|".join(map(re.escape, sorted(names))) + r')"\s*+:\s*+(?!["n])')
    text, at, done = data.decode(), 0, []
    while found := any_json.search(text, at):
        value, end = _TEXT_DECODER.raw_decode(text, found.end())
        done += [text[at : found.end()], json.dumps(json_text(value))]
        at = end
    return "".join([*done, text[at:]]).encode()


def _hint(shape: pa.DataType) -> pa.DataType:
    """A type as Arrow may be told it: null is taken for text, which may be null too."""
    if pa.types.is_struct(shape):
        return pa.struct([(field.name, _hint(field.type)) for field in shape])
    if pa.types.is_list(shape):
        return pa.list_(_hint(shape.value_type))
    return pa.string() if pa.types.is_null(shape) else shape


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of the values of both; where they are of two kinds, that of the other."""
    one, other = (pa.string() if pa.types.is_timestamp(shape) else shape for shape in (one, other))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        inside = {field.name: field.type for field in one}
        for field in other:
            inside[field.name] = _merged(inside.get(field.name, pa.null()), field.type)
        return pa.struct(list(inside.items()))
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_merged(one.value_type, other.value_type))
    if pa.types.is_null(one) or pa.types.is_null(other):
        shape = other if pa.types.is_null(one) else one
        if pa.types.is_struct(shape):
            return _merged(pa.struct([]), shape)
        return pa.list_(_merged(pa.null(), shape.value_type)) if pa.types.is_list(shape) else shape
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else other


def _leaves(shape: pa.DataType) -> int:
    if pa.types.is_list(shape):
        return _leaves(shape.value_type)
    return sum(_leaves(field.type) for field in shape) if pa.types.is_struct(shape) else 1


def _depth(shape: pa.DataType) -> int:
    if pa.types.is_list(shape):
        return 1 + _depth(shape.value_type)
    return 1 + max((_depth(field.type) for field in shape), default=0) if pa.types.is_struct(shape) else 0


def _is_exact(values: pa.Array, exact: bool) -> bool:
    """Whether all numbers with a fraction are numbers, and, if not known, small enough for a whole one to be exact."""
    if pa.types.is_struct(values.type):
        return all(_is_exact(values.field(place), exact) for place in range(values.type.num_fields))
    if pa.types.is_list(values.type):
        return _is_exact(values.values, exact)
    if not pa.types.is_floating(values.type):
        return True
    good = pc.is_finite(values) if exact else pc.less(pc.abs(values), EXACT)
    return pc.all(good).as_py() is not False
