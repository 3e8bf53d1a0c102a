"""A folder of events as one lazy table that has lost nothing: what is not in it is in quarantine, with the reason.

    table = read("security-lake/ext/")
    table.events.filter(pl.col("class_uid") == 3002).select("time", "actor.user.name").collect()
    table.summary.quarantined, table.summary.drift

Told in `book/part3/records.md`.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from residual.ocsf import json_files, parquet_files
from residual.ocsf.ahead import ahead
from residual.ocsf.columns import Columns, shape_in_ocsf
from residual.ocsf.flattening import flat, flatten, placeholders, with_partitions
from residual.ocsf.intake import JUDGED, UID, Intake, Piece, Summary
from residual.ocsf.limits import Limits
from residual.ocsf.parquet import ROW, batches, numbered, opened, schema_of
from residual.ocsf.schema import required_columns
from residual.ocsf.sources import sources

SLICE = 2048  # rows handed over at a time: polars holds a number of such tables
Source = Callable[[list[str] | None, pl.Expr | None, int | None, int | None], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Table:
    """The events of a folder.

    Attributes:
        events: one row per event in the order of the files, one column per dotted path; arrays are lists, `time` is
            int64 milliseconds in UTC. Columns of partitions (`eventDay`) come last, as strings.
        summary: rows in, out and quarantined, files, drift.
        quarantine: JSON Lines file of the rejects.
    """

    events: pl.LazyFrame
    summary: Summary
    quarantine: Path


def read(
    folder: str | Path,
    *,
    columns: Sequence[str] | None = None,
    quarantine: str | Path | None = None,
    limits: Limits | None = None,
) -> Table:
    """Read a folder of Parquet, JSON and JSON Lines (also packed with gzip or zstd), or one such file.

    Every file is looked over at once, one after the other in the order of their names; the values are read when
    `events` is collected. Parquet is read from where it is. Events of JSON files are written to temporary Parquet
    files, which live until the process ends.

    Args:
        folder: of the events. Folders named `key=value` are partitions, and fill the column of that name.
        columns: of the table, in this order; one that no file has is null. None: all that there are.
        quarantine: the file for rejects, outside `folder`. None: a temporary one, gone when the process ends.
        limits: of what a JSON file may ask for.

    A row is rejected for the first of: text that is no JSON object, a value that its column cannot hold, a required
    field that is missing (of every class; not all that `validate` asks for), an unknown class, a time in other units
    than milliseconds, a `metadata.uid` and time that an earlier row has. A `type_uid` that is missing is computed.

    A column has the type that OCSF 1.8.0 gives it. Where it gives none, the type holds the values of all files, in
    whatever order they come: numbers with fractions make whole ones Float64, and two kinds of values make all text.

    Raises:
        ValueError: for a folder without events, an unknown column, or a quarantine inside the folder.
    """
    folder = Path(folder)
    files, ignored = sources(folder)
    if quarantine is not None and Path(quarantine).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"quarantine must be outside the folder that is read, got {quarantine}")
    limits = limits or Limits()
    staging = Path(tempfile.mkdtemp(prefix="residual-ocsf-"))
    atexit.register(shutil.rmtree, staging, ignore_errors=True)
    summary = Summary(files=len(files), ignored=ignored)
    rejects = staging / "quarantine.jsonl" if quarantine is None else Path(quarantine)
    rejects.parent.mkdir(parents=True, exist_ok=True)
    partial = rejects.with_name(f".{rejects.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            intake = Intake(Columns(), file, staging, limits, summary)
            looked = ahead(parquet_files.look(source, limits) for source in files if source.kind == "parquet")
            for source in files:
                if source.kind == "parquet":
                    parquet_files.take_in(source, next(looked), intake)
                else:
                    json_files.take_in(source, intake)
            events = _assembled(intake, columns)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, rejects)
    finally:
        partial.unlink(missing_ok=True)
    return Table(events, summary, rejects)


def _assembled(intake: Intake, wanted: Sequence[str] | None) -> pl.LazyFrame:
    """The wanted columns of all pieces, in the types that were settled.

    If none are named: all that there are, and always those that every event must have, and `metadata.uid`.

    Raises:
        ValueError: for a wanted column that is in no file and not in OCSF.
    """
    columns = intake.columns
    always = dict.fromkeys((*required_columns(), UID))
    filled = dict.fromkeys(name for name in columns.types if name not in intake.keys or name in always)
    names = list(wanted if wanted is not None else {**filled, **always, **intake.keys})
    types = {name: columns.dtype(name) if name in columns.types else _in_ocsf(name) for name in names}
    return register_io_source(_source(intake.pieces, columns, types), schema=types, is_pure=True)


def _in_ocsf(name: str) -> pl.DataType:
    ours = shape_in_ocsf(name)
    if ours is None or ours == "object":
        raise ValueError(f"columns: {name!r} is in no file and is no column of OCSF")
    if ours == "list":
        inner = shape_in_ocsf(f"{name}[]")
        return pl.List(inner if isinstance(inner, pl.DataType) else pl.String())
    return ours


def _source(pieces: Sequence[Piece], columns: Columns, types: Mapping[str, pl.DataType]) -> Source:
    """The rows of all pieces, as polars asks for them: some columns, some of the first rows, those of a predicate."""

    def rows(
        wanted: list[str] | None, predicate: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        some = types if wanted is None else {name: types[name] for name in wanted}
        for table in chain.from_iterable(ahead(_tables(pieces, columns, some))):
            if most is not None:
                table = table.head(most)
                most -= table.height
            yield from (table if predicate is None else table.filter(predicate)).iter_slices(SLICE)
            if most == 0:
                return

    return rows


def _tables(
    pieces: Sequence[Piece], columns: Columns, types: Mapping[str, pl.DataType]
) -> Iterator[Iterator[pl.DataFrame]]:
    """Of each piece the rows that go into the table, with the columns of `types`."""
    needed = {*types, *(JUDGED if "type_uid" in types else ())}

    @cache
    def leaves(arrow: pa.Schema) -> list[str]:
        return [leaf.path for leaf in flatten(schema_of(arrow)) if leaf.path in needed]

    @cache
    def chosen(arrow: pa.Schema, keys: tuple[str, ...]) -> list[pl.Expr]:
        values = flat(schema_of(arrow), placeholders(keys), columns).values
        return [values.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in types.items()]

    def tables(piece: Piece) -> Iterator[pl.DataFrame]:
        file, partitions, start = opened(piece.path), dict(piece.partitions), 0
        without = pl.Series(piece.without, dtype=pl.Int64)
        for batch in batches(file, leaves(file.schema_arrow)):
            table = with_partitions(numbered(batch, start), partitions)
            if piece.without:
                table = table.filter(~pl.col(ROW).is_in(without.implode()))
            yield table.select(ROW, *chosen(batch.schema, tuple(partitions))).drop(ROW)
            start += batch.num_rows

    return map(tables, pieces)
