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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path

import polars as pl

from residual.ocsf import json_files, parquet
from residual.ocsf.columns import Columns, shape_in_ocsf
from residual.ocsf.flattening import flat, partition_type
from residual.ocsf.intake import PATH, ROW, UID, Intake, Piece, Summary
from residual.ocsf.limits import Limits
from residual.ocsf.schema import required_columns
from residual.ocsf.sources import sources


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
            for source in files:
                (parquet if source.kind == "parquet" else json_files).take_in(source, intake)
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
    frames = [_frame(list(run), columns, types) for _, run in groupby(intake.pieces, _scanned_together)]
    return pl.concat(frames) if frames else pl.LazyFrame(schema=types)


def _in_ocsf(name: str) -> pl.DataType:
    ours = shape_in_ocsf(name)
    if ours is None or ours == "object":
        raise ValueError(f"columns: {name!r} is in no file and is no column of OCSF")
    if ours == "list":
        inner = shape_in_ocsf(f"{name}[]")
        return pl.List(inner if isinstance(inner, pl.DataType) else pl.String())
    return ours


def _scanned_together(piece: Piece) -> tuple[object, ...]:
    """Equal for neighbors that one scan can read: one scan of many files takes far less memory than many scans."""
    return tuple(piece.schema.items()), tuple(key for key, _ in piece.partitions)


def _frame(run: Sequence[Piece], columns: Columns, types: dict[str, pl.DataType]) -> pl.LazyFrame:
    paths = [str(piece.path.resolve()) for piece in run]
    keys = [key for key, _ in run[0].partitions]
    frame = pl.scan_parquet(paths, glob=False, hive_partitioning=False, include_file_paths=PATH if keys else None)
    starts = accumulate((piece.rows for piece in run), initial=0)
    without = [start + row for piece, start in zip(run, starts, strict=False) for row in piece.without]
    if without:
        frame = frame.with_row_index(ROW).filter(~pl.col(ROW).is_in(pl.Series(without, dtype=pl.UInt32).implode()))
    partitions = {}
    for place, key in enumerate(keys):
        dtype, of_files = partition_type(key), [piece.partitions[place][1] for piece in run]
        partitions[key] = pl.lit(of_files[0], dtype=dtype)
        if len(set(of_files)) > 1:
            partitions[key] = pl.col(PATH).replace_strict(paths, pl.Series(of_files, dtype=dtype), return_dtype=dtype)
    values = flat(run[0].schema, partitions, columns).values
    return frame.select(values.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in types.items())
