"""Events as nested dicts, the form in which they are checked one by one. Told in `book/part3/records.md`."""

from collections.abc import Iterator
from typing import Any

import polars as pl

CHUNK = 10_000  # rows turned into dicts at a time


def dicts(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a table with struct columns, one nested dict each. A null, and an object of nulls, is left out.

    Goes column by column: what is not there costs nearly nothing, and of a wide table little is.
    """
    for piece in table.iter_slices(CHUNK):
        rows: list[dict[str, Any]] = [{} for _ in range(piece.height)]
        for column in piece:
            _fill(rows, [], column)
        yield from rows


def _fill(rows: list[dict[str, Any]], above: list[str], column: pl.Series) -> None:
    """Put a column's values into the rows, inside the objects named `above`, which are made where they are needed."""
    if isinstance(column.dtype, pl.Struct):
        for field in column.struct.fields:
            _fill(rows, [*above, column.name], column.struct.field(field))
        return
    if column.null_count() == len(column):
        return
    name, is_plain = column.name, not column.dtype.is_nested()
    for row, value in zip(rows, column.to_list(), strict=True):
        if value is not None:
            for step in above:
                row = row.setdefault(step, {})
            row[name] = value if is_plain else _without_nulls(value)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_nulls(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner is not None and inner != {}}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
