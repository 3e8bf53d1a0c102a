"""A Parquet file looked over before its rows go into the table; only its bad rows are ever in memory as values.

Every page is decoded once, so that a broken one shows now and not in the middle of a later query. Told in
`book/part3/records.md`.
"""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from residual.ocsf.columns import Uuid, element, entries, fields
from residual.ocsf.events import dicts
from residual.ocsf.flattening import as_expressions, flat, flatten, typed
from residual.ocsf.intake import ROW, Intake, Piece, judgement
from residual.ocsf.sources import Source

BATCH = 50_000
RAW_BATCH = 1_000
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError)


def take_in(source: Source, intake: Intake) -> None:
    """Look a file over: its good rows become a piece of the table, the others are quarantined."""
    try:
        frame = scan(source)
        schema = schema_of(source, frame)
        rows: int = frame.select(pl.len()).collect().item()
    except BROKEN as error:
        intake.reject_file(source, f"no whole Parquet file: {first_line(error)}")
        return
    intake.summary.rows_in += rows
    try:
        partitions = typed(source.partitions)
    except ValueError as error:
        intake.reject_file(source, str(error), rows)
        return
    found = flat(schema, as_expressions(partitions))
    too_many = intake.too_many(found.types)
    fresh: set[str] = set()
    bad: dict[int, str] = {}
    derived = start = 0
    # Each column is looked at, if only for nulls, so that every page is decoded.
    looked_at = pl.all_horizontal(pl.all().is_null())
    try:
        query = frame.select(**judgement(found, too_many, intake.limits.columns), looked_at=looked_at)
        for batch in query.collect_batches(chunk_size=BATCH):
            here = dict(intake.problems(batch, fresh))
            derived += sum(given for row, given in enumerate(batch["derived"]) if given and row not in here)
            bad |= {start + row: why for row, why in here.items()}
            start += batch.height
        if start != rows:  # polars may end early without a word where a page is broken
            raise OSError(f"{start} of {rows} rows are there")
    except BROKEN as error:
        intake.reject_file(source, f"a page cannot be decoded: {first_line(error)}", rows)
        return
    intake.columns.admit({name: dtype for name, dtype in found.types.items() if name not in too_many})
    intake.seen |= fresh
    intake.keys |= dict.fromkeys(partitions)
    intake.summary.note_derived(derived)
    intake.note_drift(source, {leaf.path: leaf.dtype for leaf in flatten(schema)}, found.problems)
    for row, raw in _raw(frame, list(bad)):
        intake.reject_row(source, {"row": row}, bad[row], raw)
    intake.add(Piece(source.path, schema, rows, tuple(partitions.items()), tuple(bad)))


def scan(source: Source) -> pl.LazyFrame:
    """The rows of a file as they are, without columns for its partitions."""
    return pl.scan_parquet(source.path, glob=False, hive_partitioning=False)


def schema_of(source: Source, frame: pl.LazyFrame) -> dict[str, pl.DataType]:
    """The types of a file's columns, with UUIDs told from other bytes, which polars does not."""
    schema = dict(frame.collect_schema())
    if not any("Binary" in str(dtype) for dtype in schema.values()):
        return schema
    arrow = pq.ParquetFile(source.path, arrow_extensions_enabled=True).schema_arrow
    return {name: _with_uuids(dtype, arrow.field(name).type) for name, dtype in schema.items()}


def _with_uuids(dtype: pl.DataType, arrow: pa.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Struct):
        return pl.Struct({name: _with_uuids(inner, arrow.field(name).type) for name, inner in fields(dtype)})
    if (inner := element(dtype)) is not None:
        return pl.List(_with_uuids(inner, arrow.value_type)) if isinstance(dtype, pl.List) else dtype
    if isinstance(dtype, pl.Map):
        key, value = entries(dtype)
        return pl.Map(_with_uuids(key, arrow.key_type), _with_uuids(value, arrow.item_type))
    return Uuid() if isinstance(arrow, pa.UuidType) else dtype


def _raw(frame: pl.LazyFrame, rows: list[int]) -> Iterator[tuple[int, object]]:
    """Rows of a file by number, each as what JSON can hold of it."""
    for start in range(0, len(rows), RAW_BATCH):
        some = rows[start : start + RAW_BATCH]
        chosen = pl.col(ROW).is_in(pl.Series(some, dtype=pl.UInt32).implode())
        try:
            batch = frame.with_row_index(ROW).filter(chosen).collect()
            events = [readable(event) for event in dicts(batch.drop(ROW))]
        except (*BROKEN, ValueError, OverflowError):  # a time that Python cannot have
            events = [None] * len(some)
        yield from zip(some, events, strict=True)


def readable(value: object) -> object:
    """What a rejected row holds, as JSON can say it."""
    if isinstance(value, dict):
        return {str(name): readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
