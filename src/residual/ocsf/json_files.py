"""A JSON file taken in batch by batch: its good events are written to Parquet, from where the table reads them lazily.

Told in `book/part3/records.md`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from residual.ocsf.casting import Cast, Leaf
from residual.ocsf.flattening import Flattener, WrongError
from residual.ocsf.intake import ROW, UID, Intake, Piece
from residual.ocsf.problems import reason, required
from residual.ocsf.records import Record, records
from residual.ocsf.sources import Source
from residual.ocsf.unpacking import UnreadableError

BATCH = 10_000
BATCH_CHARACTERS = 2**26


@dataclass
class _Batch:
    """Events that were flattened but not yet written, beside the records they came from."""

    records: list[Record] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    characters: int = 0

    def add(self, record: Record, row: dict[str, Any]) -> None:
        self.records.append(record)
        self.rows.append(row)
        self.characters += len(record.raw)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= BATCH or self.characters >= BATCH_CHARACTERS


def take_in(source: Source, intake: Intake) -> None:
    """Read a file as far as it can be read: its good events become pieces of the table, the others are quarantined."""
    flattener = Flattener(intake.columns, intake.limits)
    batch, seen = _Batch(), dict[str, None]()
    try:
        for record in records(source.path, intake.limits):
            intake.rejects.summary.rows_in += 1
            if record.reason is not None:
                _reject(record, record.reason, source, intake)
                continue
            try:
                batch.add(record, flattener.row(record.value))
            except WrongError as error:
                _reject(record, str(error), source, intake)
            if batch.is_full:
                seen |= _write(batch, source, intake)
                batch = _Batch()
    except UnreadableError as error:
        intake.rejects.file(source.name, str(error), None)
    seen |= _write(batch, source, intake)
    found = [Leaf(name, pl.col(name), intake.columns.dtype(name)) for name in seen]
    intake.drift.see(source.group, source.name, found, _as_they_are(seen))


def _reject(record: Record, why: str, source: Source, intake: Intake) -> None:
    intake.rejects.row(source.name, {record.unit: record.number}, why, record.raw)


def _as_they_are(names: Iterable[str]) -> dict[str, Cast]:
    return {name: Cast(pl.col(name), None, "") for name in names}


def _write(batch: _Batch, source: Source, intake: Intake) -> dict[str, None]:
    """Check a batch as a table, reject what is wrong, write the rest as a piece; the columns that have values there."""
    if not batch.rows:
        return {}
    names = dict.fromkeys([*required(), UID, *(name for row in batch.rows for name in row)])
    table = pl.from_dicts(
        batch.rows, schema={name: intake.columns.dtype(name) for name in names}, strict=False
    )  # strict would refuse 1 among 1.5; that no other type comes here, the flattener saw to
    why = table.select(reason(_as_they_are(names))).to_series()
    bad = dict(intake.problems(why.to_list(), table[UID].to_list()))
    for place, message in bad.items():
        _reject(batch.records[place], message, source, intake)
    good = table.with_row_index(ROW).filter(~pl.col(ROW).is_in(list(bad))).drop(ROW)
    good = good.select(column for column in good if column.null_count() < good.height)
    if good.height:
        path = intake.staging / f"{len(intake.pieces)}.parquet"
        good.write_parquet(path, compression="lz4")
        partitions = tuple((key, value) for key, value in source.partitions if key not in good.columns)
        intake.pieces.append(Piece(path, good.schema, good.height, partitions))
        intake.rejects.summary.rows_out += good.height
    return dict.fromkeys(good.columns)
