"""A JSON file taken in batch by batch: its good events are written to Parquet, from where the table reads them lazily.

An event becomes one row of dotted columns, strictly: a value of another type than its column's is refused. Told in
`book/part3/records.md`.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from residual.ocsf.columns import SHAPE_OF_KIND, Columns, is_text, shape_in_ocsf, word
from residual.ocsf.intake import ROW, UID, Intake, reason
from residual.ocsf.records import Record, UnreadableError, records
from residual.ocsf.schema import required_columns
from residual.ocsf.sources import Source

BATCH = 10_000
BATCH_CHARACTERS = 2**26
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class Flattener:
    """Turns events into rows, and lets `columns` learn what it has not seen."""

    def __init__(self, columns: Columns, most_depth: int) -> None:
        self.columns = columns
        self.most_depth = most_depth

    def row(self, event: object) -> dict[str, Any]:
        """The values of an event by column. Nulls are left out, an array stays a list.

        Raises:
            ValueError: naming the path, what was expected and what was got.
        """
        if type(event) is not dict:
            raise ValueError(f"expected object, got {_word(event)}")
        self.columns.keep()
        row: dict[str, Any] = {}
        try:
            self._object(event, "", row, 1)
        except ValueError:
            self.columns.undo()
            raise
        return row

    def _object(self, value: dict[str, Any], prefix: str, row: dict[str, Any], depth: int) -> None:
        self._check(depth)
        for name, inner in value.items():
            if inner is None:
                continue
            path = prefix + name
            kind = self._kind(path, name, inner)
            if kind is dict and type(inner) is dict:
                self._object(inner, path + ".", row, depth + 1)
                continue
            if path in row:
                raise ValueError(f"{path}: occurs twice, with and without dots in a name")
            row[path] = self._fitted(path, kind, inner, depth)

    def _check(self, depth: int) -> None:
        if depth > self.most_depth:
            raise ValueError(f"nested deeper than {self.most_depth}")

    def _kind(self, path: str, name: str, value: Any) -> type | None:
        """The Python type that values at `path` have, settled now if it never was."""
        if "[]" in name:
            raise ValueError(f"{path}: a name may not hold []")
        if path not in self.columns.kinds:
            if _SURROGATE.search(path):
                raise ValueError("a name is no Unicode, it holds a lone surrogate")
            self.columns.settle(path, SHAPE_OF_KIND[str if is_text(path) else type(value)])
        return self.columns.kinds[path]

    def _fitted(self, path: str, kind: type | None, value: Any, depth: int) -> Any:
        """A value as its column, or the array around it, holds it; `depth` is that of the object or array around it.

        An object inside an array becomes null if it has no values, as it does where it is flattened.
        """
        got = type(value)
        if (got is int and kind in (int, float)) and not _SMALLEST <= value <= _LARGEST:
            raise ValueError(f"{path}: too large for 64 bits")
        if got is kind:
            if got in (list, dict):
                self._check(depth + 1)
            if got is list:
                return [None if inner is None else self._inside(f"{path}[]", "", inner, depth + 1) for inner in value]
            if got is dict:
                filled = {name: inner for name, inner in value.items() if inner is not None}
                return {
                    name: self._inside(f"{path}.{name}", name, inner, depth + 1) for name, inner in filled.items()
                } or None
            if got is str and not value.isascii() and _SURROGATE.search(value):
                raise ValueError(f"{path}: no Unicode, it holds a lone surrogate")
            return value
        if kind is str and is_text(path):
            return self._fitted(path, kind, json.dumps(value, ensure_ascii=False), depth)
        if kind is float and got is int:
            return float(value)
        if kind is int and got is float:
            if value.is_integer():
                return self._fitted(path, kind, int(value), depth)
            if shape_in_ocsf(path) is None:
                self.columns.settle(path, SHAPE_OF_KIND[float])
                return value
        raise ValueError(f"{path}: expected {word(self.columns.shapes[path])}, got {_word(value)}")

    def _inside(self, path: str, name: str, value: Any, depth: int) -> Any:
        return self._fitted(path, self._kind(path, name, value), value, depth)


def _word(value: object) -> str:
    return "null" if value is None else word(SHAPE_OF_KIND[type(value)])


def take_in(source: Source, intake: Intake) -> None:
    """Read a file as far as it can be read: its good events become pieces of the table, the others are quarantined."""
    flattener = Flattener(intake.columns, intake.limits.depth)
    filled: dict[str, None] = {}  # columns that have values
    batch: list[tuple[Record, dict[str, Any]]] = []
    characters = 0
    try:
        for record in records(source.path, intake.limits):
            intake.summary.rows_in += 1
            try:
                if record.reason is not None:
                    raise ValueError(record.reason)
                batch.append((record, flattener.row(record.value)))
            except ValueError as error:
                _reject(record, str(error), source, intake)
                continue
            characters += len(record.raw)
            if len(batch) >= BATCH or characters >= BATCH_CHARACTERS:
                filled |= _write(batch, source, intake)
                batch, characters = [], 0
    except UnreadableError as error:
        intake.reject_file(source, str(error))
    if batch:
        filled |= _write(batch, source, intake)
    intake.note_drift(source, {name: intake.columns.dtype(name) for name in filled})


def _reject(record: Record, why: str, source: Source, intake: Intake) -> None:
    intake.reject_row(source, {record.unit: record.number}, why, record.raw)


def _write(batch: Sequence[tuple[Record, dict[str, Any]]], source: Source, intake: Intake) -> dict[str, None]:
    """Check a batch as a table, reject what is wrong, write the rest as a piece; the columns that have values there."""
    names = dict.fromkeys([*required_columns(), UID, *(name for _, row in batch for name in row)])
    table = pl.from_dicts(
        [row for _, row in batch], schema={name: intake.columns.dtype(name) for name in names}, strict=False
    )  # strict would refuse 1 among 1.5; that no other type comes here, the flattener saw to
    why = table.select(reason({name: pl.col(name) for name in names})).to_series()
    bad = dict(intake.problems(why.to_list(), table[UID].to_list(), intake.seen))
    for row, message in bad.items():
        _reject(batch[row][0], message, source, intake)
    good = table.with_row_index(ROW).filter(~pl.col(ROW).is_in(list(bad))).drop(ROW)
    good = good.select(column for column in good if column.null_count() < good.height)
    if good.height:
        path = intake.staging / f"{len(intake.pieces)}.parquet"
        good.write_parquet(path, compression="lz4")
        intake.add(source, path, good.schema, good.height)
    return dict.fromkeys(good.columns)
