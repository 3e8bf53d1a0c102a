"""A JSON file taken in batch by batch: its good events are written to Parquet, from where the table reads them lazily.

Arrow parses a batch, and refuses it if anything in it is not as it seems. Then Python's parser finds the bad events,
and the others go back to Arrow. Told in `book/part3/records.md`.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import TypeAlias

import polars as pl

from residual.ocsf.ahead import ahead
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

Partitions = Mapping[str, pl.Expr]
Tables = Sequence[tuple[list[int], pl.DataFrame]]
Part: TypeAlias = tuple[Lines | Values, tuple[bytes, int] | None, pl.DataFrame | None]
Good: TypeAlias = tuple[bytes, list[int], pl.DataFrame]


@dataclass
class Block:
    """Events that are checked together, by number from 0.

    Attributes:
        rows: how many they are.
        tables: those that Arrow takes.
        batches: the records of these, each with the number of its first event.
        others: those that it does not take.
    """

    rows: int = 0
    tables: list[tuple[list[int], pl.DataFrame]] = field(default_factory=list)
    batches: dict[int, Lines | Values] = field(default_factory=dict)
    others: dict[int, Record] = field(default_factory=dict)

    def records(self, limits: Limits) -> dict[int, Record]:
        """All of them, parsed, in their order."""
        found = dict(self.others)
        for first, batch in self.batches.items():
            events = (event for record in batch.records(limits) for event in parsed(record))
            found |= dict(enumerate(events, first))
        return dict(sorted(found.items()))


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
        for block in chain.from_iterable(ahead([_blocks(source, intake.limits)])):
            _take(block, source, intake, as_expressions(partitions), of_file)
    except UnreadableError as error:
        intake.reject_file(source, str(error))
    intake.keys |= dict.fromkeys(partitions)
    intake.note_drift(source, of_file.types, of_file.lossy)


def _blocks(source: Source, limits: Limits) -> Iterator[Block]:
    """The records of a file, some at a time."""
    shapes = Shapes()
    for batch in batches(source.path, limits):
        yield _block(list(_tried(batch, shapes, limits)), shapes, limits)


def _tried(batch: Lines | Values, shapes: Shapes, limits: Limits) -> Iterator[Part]:
    """Records with their table. If they have none, the halves are tried: only those near a bad one go without."""
    objects = batch.objects(limits)
    table = None if objects is None else parse(*objects, shapes, limits)
    halves = () if table is not None else batch.halves()
    for half in halves:
        yield from _tried(half, shapes, limits)
    if not halves:
        yield batch, objects, table


def _block(parts: list[Part], shapes: Shapes, limits: Limits) -> Block:
    """Records with tables and others, numbered; now that `shapes` knows what is in them, few tables hold all."""
    block = Block()
    good = []
    for batch, objects, table in parts:
        if objects is not None and table is not None:
            block.batches[block.rows] = batch
            good.append((objects[0], list(range(block.rows, block.rows + table.height)), table))
            block.rows += table.height
        else:
            events = [event for record in batch.records(limits) for event in parsed(record)]
            block.others |= dict(enumerate(events, block.rows))
            block.rows += len(events)
    block.tables += _together(good, shapes, limits)
    return block


def _together(good: list[Good], shapes: Shapes, limits: Limits) -> Iterator[tuple[list[int], pl.DataFrame]]:
    """The same events in one table, or in as few as there must be."""
    if len(good) == 1:
        yield good[0][1:]
    elif good:
        numbers = [number for _, some, _ in good for number in some]
        table = parse(b"\n".join(text for text, _, _ in good), len(numbers), shapes, limits)
        if table is not None:
            yield numbers, table
        else:
            yield from _together(good[: len(good) // 2], shapes, limits)
            yield from _together(good[len(good) // 2 :], shapes, limits)


def _take(block: Block, source: Source, intake: Intake, partitions: Partitions, of_file: OfFile) -> None:
    """Check some records, reject what is wrong, write the rest as a piece of the table."""
    intake.summary.rows_in += block.rows
    names = set(intake.columns.types).union(leaf.path for _, table in block.tables for leaf in flatten(table.schema))
    if len(names) > intake.limits.columns and len(block.tables) + bool(block.others) > 1:  # they must be counted
        block = Block(block.rows, others=block.records(intake.limits))
        names = set(intake.columns.types)
    mended = mend(block.others, names, intake.limits)
    tables = block.tables + mended.tables
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
    records = block.records(intake.limits) if bad else {}
    for number in sorted(bad):
        record = records[number]
        intake.reject_row(source, {record.unit: record.number}, bad[number], record.text)
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
