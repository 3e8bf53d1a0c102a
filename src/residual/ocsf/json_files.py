"""A JSON file taken in batch by batch: its good events are written to Parquet, from where the table reads them lazily.

Arrow parses a batch, and refuses it if anything in it is not as it seems. Then Python's parser finds the bad events,
and the others go back to Arrow. Told in `book/part3/records.md`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import compress
from typing import TypeAlias, TypeVar

import polars as pl

from residual.ocsf.arrow_json import Shapes, parse
from residual.ocsf.casting import EXACT
from residual.ocsf.columns import Columns, Large, joined
from residual.ocsf.flattening import as_expressions, flat, flatten, typed
from residual.ocsf.intake import Intake, Piece, judgement
from residual.ocsf.limits import Limits
from residual.ocsf.mending import mend
from residual.ocsf.records import Lines, Record, Values, batches, parsed
from residual.ocsf.sources import Source
from residual.ocsf.unpacking import UnreadableError

T = TypeVar("T")
Partitions = Mapping[str, pl.Expr]
Tables = Sequence[tuple[list[int], pl.DataFrame]]
Part: TypeAlias = tuple[Lines | Values, pl.DataFrame | None]


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
    of_file = OfFile()
    try:
        for parts in _ahead(_parsed(source, intake.limits)):
            _take(parts, source, intake, as_expressions(partitions), of_file)
    except UnreadableError as error:
        intake.reject_file(source, str(error))
    intake.keys |= dict.fromkeys(partitions)
    intake.note_drift(source, of_file.types, of_file.lossy)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each of which is made while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _parsed(source: Source, limits: Limits) -> Iterator[list[Part]]:
    """The records of a file, some at a time, and the tables of those that Arrow takes."""
    shapes = Shapes()
    for batch in batches(source.path, limits):
        yield list(_tried(batch, shapes, limits))


def _tried(batch: Lines | Values, shapes: Shapes, limits: Limits) -> Iterator[Part]:
    """Records with their table. If they have none, the halves are tried: only records near a bad one go without."""
    objects = batch.objects(limits)
    table = None if objects is None else parse(*objects, shapes, limits)
    halves = () if table is not None else batch.halves()
    for half in halves:
        yield from _tried(half, shapes, limits)
    if not halves:
        yield batch, table


def _take(parts: list[Part], source: Source, intake: Intake, partitions: Partitions, of_file: OfFile) -> None:
    """Check some records, reject what is wrong, write the rest as a piece of the table."""
    names = set(intake.columns.types)
    names.update(leaf.path for _, table in parts if table is not None for leaf in flatten(table.schema))
    if len(parts) > 1 and len(names) > intake.limits.columns:
        names, parts = set(intake.columns.types), [(batch, None) for batch, _ in parts]
    rows = 0
    events: dict[int, Record] = {}
    batches_of: dict[int, Lines | Values] = {}
    tables: list[tuple[list[int], pl.DataFrame]] = []
    for batch, table in parts:
        if table is None:
            some = [event for record in batch.records(intake.limits) for event in parsed(record)]
            events |= dict(enumerate(some, rows))
            rows += len(some)
        else:
            batches_of[rows] = batch
            tables.append((list(range(rows, rows + table.height)), table))
            rows += table.height
    intake.summary.rows_in += rows
    mended = mend(events, names, intake.limits)
    tables += mended.tables
    judged = []
    for numbers, table in tables:
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
    if bad:
        for first, batch in batches_of.items():
            events |= dict(enumerate(batch.records(intake.limits), first))
    for number in sorted(bad):
        event = events[number]
        intake.reject_row(source, {event.unit: event.number}, bad[number], event.text)
    _write([_good(numbers, table, bad) for numbers, table in tables], source, intake, partitions, of_file)


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
