"""A JSON file taken in batch by batch: its good events are written to Parquet, from where the table reads them lazily.

Arrow parses a batch, and refuses it if anything in it is not as it seems. Then Python's parser finds the bad events,
and the others go back to Arrow. Told in `book/part3/records.md`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import polars as pl

from residual.ocsf.arrow_json import Shapes, parse
from residual.ocsf.casting import EXACT
from residual.ocsf.columns import Columns, Large, joined
from residual.ocsf.flattening import as_expressions, flat, flatten, typed
from residual.ocsf.intake import Intake, Piece, judgement
from residual.ocsf.mending import Mended, mend
from residual.ocsf.records import Record, parsed, raw_records
from residual.ocsf.sources import Source
from residual.ocsf.unpacking import UnreadableError

BATCH = 10_000
BATCH_BYTES = 2**24
Partitions = Mapping[str, pl.Expr]
Tables = Sequence[tuple[list[int], pl.DataFrame]]


@dataclass
class OfFile:
    """The types of a file's columns as the file has them, and which of them not every value could keep."""

    types: dict[str, pl.DataType] = field(default_factory=dict)
    lossy: set[str] = field(default_factory=set)

    def note(self, schema: Mapping[str, pl.DataType], lossy: Iterable[str]) -> None:
        for leaf in flatten(schema):
            self.types[leaf.path] = joined(self.types.get(leaf.path, pl.Null()), leaf.dtype)
        self.lossy.update(lossy)


def take_in(source: Source, intake: Intake) -> None:
    """Read a file as far as it can be read: its good events become pieces of the table, the others are quarantined."""
    try:
        partitions = typed(source.partitions)
    except ValueError as error:
        intake.reject_file(source, str(error))
        return
    shapes = intake.shapes.setdefault(source.group, Shapes())
    of_file = OfFile()
    try:
        for batch in _batches(source, intake):
            _take(batch, source, intake, shapes, as_expressions(partitions), of_file)
    except UnreadableError as error:
        intake.reject_file(source, str(error))
    intake.keys |= dict.fromkeys(partitions)
    intake.note_drift(source, of_file.types, of_file.lossy)


def _batches(source: Source, intake: Intake) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    try:
        for record in raw_records(source.path, intake.limits):
            batch.append(record)
            size += len(record.raw)
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except UnreadableError:
        yield batch
        raise
    yield batch


def _tables(batch: list[Record], intake: Intake, shapes: Shapes) -> tuple[list[Record], Mended]:
    """The events of a batch, in tables."""
    if all(record.reason is None for record in batch):
        table = parse([record.raw for record in batch], shapes, intake.limits)
        if table is not None:
            return batch, Mended([(list(range(len(batch))), table)])
    events = [event for record in batch for event in parsed(record)]
    return events, mend(events, intake.columns.types, intake.limits)


def _take(
    batch: list[Record], source: Source, intake: Intake, shapes: Shapes, partitions: Partitions, of_file: OfFile
) -> None:
    """Check a batch, reject what is wrong, write the rest as a piece of the table."""
    events, mended = _tables(batch, intake, shapes)
    intake.summary.rows_in += len(events)
    judged = []
    for numbers, table in mended.tables:
        found = flat(table.schema, partitions)
        columns = judgement(found, intake.too_many(found.types), intake.limits.columns)
        judged.append(table.select(**columns, number=pl.Series(numbers)))
    bad = dict(mended.reasons)
    if judged:
        all_judged = pl.concat(judged).sort("number")
        numbers = all_judged["number"].to_list()
        reasons = intake.problems(all_judged, intake.seen)
        bad |= {number: why for number, why in zip(numbers, reasons.to_list(), strict=True) if why is not None}
        kept = all_judged.filter(~pl.col("number").is_in(list(bad)))
        intake.summary.note_derived(int(kept["derived"].sum()))
    for number in sorted(bad):
        record = events[number]
        intake.reject_row(source, {record.unit: record.number}, bad[number], record.text)
    _write([_good(numbers, table, bad) for numbers, table in mended.tables], source, intake, partitions, of_file)


def _good(numbers: list[int], table: pl.DataFrame, bad: Container[int]) -> tuple[list[int], pl.DataFrame]:
    """The rows of a table that are not bad."""
    chosen = [number not in bad for number in numbers]
    return (numbers, table) if all(chosen) else (list(compress(numbers, chosen)), table.filter(pl.Series(chosen)))


def _write(tables: Tables, source: Source, intake: Intake, partitions: Partitions, of_file: OfFile) -> None:
    """The good events of a batch as a Parquet file, in their order."""
    tables = [(numbers, table) for numbers, table in tables if numbers]
    schemas = [{column.name: filled_type(column) for column in table} for _, table in tables]
    here = Columns()
    for schema in schemas:
        found = flat(schema, partitions)
        here.admit(found.types)
        of_file.note(schema, found.problems)
    if not tables:
        return
    parts = []
    for _, table in tables:
        values = flat(table.schema, partitions, here).values
        parts.append(
            table.select(values.get(name, pl.lit(None)).cast(here.dtype(name)).alias(name) for name in here.types)
        )
    piece = pl.concat(parts)
    if len(parts) > 1:
        piece = piece[pl.Series([number for numbers, _ in tables for number in numbers]).arg_sort()]
    intake.columns.admit(here.types)
    path = intake.staging / f"{len(intake.pieces)}.parquet"
    piece.write_parquet(path, compression="lz4")
    intake.add(Piece(path, piece.height))


def filled_type(values: pl.Series) -> pl.DataType:
    """The type of what is filled: `Null` where nothing is, without such fields, and whole numbers without a point."""
    values = values.alias("values")  # polars takes some names for patterns
    if values.null_count() == len(values):
        return pl.Null()
    if isinstance(values.dtype, pl.List):
        return pl.List(filled_type(values.explode(empty_as_null=False, keep_nulls=False)))
    if isinstance(values.dtype, pl.Struct):
        inside = {field.name: filled_type(field) for field in values.struct.unnest()}
        return pl.Struct({name: dtype for name, dtype in inside.items() if not isinstance(dtype, pl.Null)})
    if values.dtype.is_float() and ((values == values.floor()) & (values.abs() < EXACT)).all():
        return pl.Int64()
    if isinstance(values.dtype, pl.Int64) and not values.is_between(-EXACT, EXACT).all():
        return Large()
    return values.dtype
