"""A Parquet file looked over before its rows go into the table; only its bad rows are ever in memory as values.

Every page is decoded once, so that a broken one shows now and not in the middle of a later query. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator

import polars as pl

from residual.ocsf.casting import Cast, Leaf, cast, flatten, register
from residual.ocsf.events import dicts
from residual.ocsf.intake import ROW, UID, Intake, Piece
from residual.ocsf.problems import reason
from residual.ocsf.sources import Source

BATCH = 50_000
RAW_BATCH = 1_000
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def take_in(source: Source, intake: Intake) -> None:
    """Look a file over: its good rows become a piece of the table, the others are quarantined."""
    summary = intake.rejects.summary
    try:
        frame = scan(source)
        schema = frame.collect_schema()
        rows: int = frame.select(pl.len()).collect().item()
    except BROKEN as error:
        intake.rejects.file(source.name, f"no whole Parquet file: {first_line(error)}", None)
        return
    summary.rows_in += rows
    try:
        found, casts = settle(schema, intake)
        with intake.forgetting_uids_on_error():
            bad = dict(_bad_rows(frame, casts, intake))
    except BROKEN as error:
        intake.rejects.file(source.name, f"a page cannot be decoded: {first_line(error)}", rows)
        return
    except ValueError as error:
        intake.rejects.file(source.name, str(error), rows)
        return
    intake.drift.see(source.group, source.name, found, casts)
    for row, raw in _raw(frame, list(bad)):
        intake.rejects.row(source.name, {"row": row}, bad[row], raw)
    summary.rows_out += rows - len(bad)
    partitions = tuple((key, value) for key, value in source.partitions if key not in schema)
    intake.pieces.append(Piece(source.path, schema, rows, partitions, tuple(bad)))


def scan(source: Source) -> pl.LazyFrame:
    return pl.scan_parquet(source.path, glob=False, hive_partitioning=False)


def settle(schema: pl.Schema, intake: Intake) -> tuple[list[Leaf], dict[str, Cast]]:
    """The columns of a file, and how they come to their settled types.

    Raises:
        ValueError: if a column occurs twice, or there are more columns than may be.
    """
    found = flatten(schema)
    intake.columns.keep()
    try:
        for leaf in found:
            register(intake.columns, leaf.path, leaf.dtype)
    except ValueError:
        intake.columns.undo()
        raise
    return found, {leaf.path: cast(intake.columns, leaf) for leaf in found}


def _bad_rows(frame: pl.LazyFrame, casts: dict[str, Cast], intake: Intake) -> Iterator[tuple[int, str]]:
    """The rows to reject. Looks at every column, if only for nulls, so that every page is decoded."""
    columns = {
        "reason": reason(casts),
        "uid": casts[UID].value if UID in casts else pl.lit(None, dtype=pl.String()),
        "looked at": pl.all_horizontal(pl.all().is_null()),
    }
    start = 0
    for batch in frame.select(**columns).collect_batches(chunk_size=BATCH):
        for place, why in intake.problems(batch["reason"].to_list(), batch["uid"].to_list()):
            yield start + place, why
        start += batch.height


def _raw(frame: pl.LazyFrame, rows: list[int]) -> Iterator[tuple[int, object]]:
    if rows:
        chosen = pl.col(ROW).is_in(pl.Series(rows, dtype=pl.UInt32).implode())
        for batch in frame.with_row_index(ROW).filter(chosen).collect_batches(chunk_size=RAW_BATCH):
            for event in dicts(batch):
                yield event.pop(ROW), event


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
