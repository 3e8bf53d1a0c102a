"""A Parquet file looked over before its rows go into the table; only its bad rows are ever in memory as values.

Every page is decoded once, so that a broken one shows now and not in the middle of a later query. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator

import polars as pl

from residual.ocsf.casting import cast, flatten, register
from residual.ocsf.events import dicts
from residual.ocsf.intake import ROW, UID, Intake, reason
from residual.ocsf.sources import Source

BATCH = 50_000
RAW_BATCH = 1_000
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def take_in(source: Source, intake: Intake) -> None:
    """Look a file over: its good rows become a piece of the table, the others are quarantined."""
    try:
        frame = scan(source)
        schema = frame.collect_schema()
        rows: int = frame.select(pl.len()).collect().item()
    except BROKEN as error:
        intake.reject_file(source, f"no whole Parquet file: {first_line(error)}")
        return
    intake.summary.rows_in += rows
    fresh: set[str] = set()
    intake.columns.keep()
    try:
        leaves = flatten(schema)
        for leaf in leaves:
            register(intake.columns, leaf.path, leaf.dtype)
        casts = {leaf.path: cast(intake.columns, leaf) for leaf in leaves}
        lost = {path: problem for path, (_, problem) in casts.items() if problem is not None}
        bad = dict(_bad_rows(frame, {path: value for path, (value, _) in casts.items()}, lost, intake, fresh))
    except BROKEN as error:
        intake.reject_file(source, f"a page cannot be decoded: {first_line(error)}", rows)
        return
    except ValueError as error:  # a path that occurs twice, or too many columns; then the file settles nothing
        intake.columns.undo()
        intake.reject_file(source, str(error), rows)
        return
    intake.seen |= fresh
    intake.note_drift(source, {leaf.path: leaf.dtype for leaf in leaves}, lost)
    if bad:
        chosen = pl.col(ROW).is_in(pl.Series(list(bad), dtype=pl.UInt32).implode())
        for batch in frame.with_row_index(ROW).filter(chosen).collect_batches(chunk_size=RAW_BATCH):
            for event in dicts(batch):
                row = event.pop(ROW)
                intake.reject_row(source, {"row": row}, bad[row], event)
    intake.add(source, source.path, schema, rows, tuple(bad))


def scan(source: Source) -> pl.LazyFrame:
    """The rows of a file as they are, without columns for its partitions."""
    return pl.scan_parquet(source.path, glob=False, hive_partitioning=False)


def _bad_rows(
    frame: pl.LazyFrame, values: dict[str, pl.Expr], lost: dict[str, pl.Expr], intake: Intake, fresh: set[str]
) -> Iterator[tuple[int, str]]:
    """The rows to reject, and why. Looks at every column, if only for nulls, so that every page is decoded."""
    columns = {
        "reason": reason(values, lost.values()),
        "uid": values.get(UID, pl.lit(None, dtype=pl.String())),
        "looked at": pl.all_horizontal(pl.all().is_null()),
    }
    start = 0
    for batch in frame.select(**columns).collect_batches(chunk_size=BATCH):
        for row, why in intake.problems(batch["reason"].to_list(), batch["uid"].to_list(), fresh):
            yield start + row, why
        start += batch.height


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
