"""Parquet decoded by Arrow, some rows at a time.

Arrow says of a broken file what is wrong with it, where polars may end the process; and it reads one field of an
object without the others. Told in `book/part3/records.md`.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from residual.ocsf.columns import Uuid, element, entries, fields

BATCH = 2**16
ROW = "\0row"
BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError, UnicodeDecodeError)


def opened(path: Path) -> pq.ParquetFile:
    """A file whose footer can be read.

    Raises:
        BROKEN: one of these errors.
    """
    file = pq.ParquetFile(
        path,
        pre_buffer=True,
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="us",  # in nanoseconds, years after 2262 would be other years
        arrow_extensions_enabled=True,
    )
    groups = sum(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
    if groups != file.metadata.num_rows:
        raise OSError(f"{file.metadata.num_rows} rows are promised, {groups} are in its parts")
    return file


def batches(
    file: pq.ParquetFile, columns: list[str] | None = None, *, start: int = 0, count: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, or `count` of them from number `start` on, at most `BATCH` at a time.

    Args:
        columns: dotted paths of what is wanted at least. None: all.

    Raises:
        BROKEN: one of these errors, where a page cannot be decoded.
    """
    stop = file.metadata.num_rows if count is None else start + count
    first = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if first < stop and first + rows > start:
            at = first
            for batch in file.iter_batches(BATCH, row_groups=[group], columns=columns, use_threads=False):
                low, high = max(start - at, 0), min(stop - at, batch.num_rows)
                if low < high:
                    yield batch.slice(low, high - low)
                at += batch.num_rows
            if at - first != rows:
                raise OSError(f"{at - first} of {rows} rows are there")
        first += rows


def whole(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of which every value was looked at: Arrow decodes text without asking whether it is Unicode.

    Raises:
        pa.ArrowInvalid: where a value cannot be.
    """
    batch.validate(full=True)
    return batch


def as_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """A batch as a table of polars; of types that polars has not, the nearest."""
    near = _near_schema(batch.schema)
    if near != batch.schema:
        batch = batch.cast(near)
    return pl.DataFrame(pl.from_arrow(batch, rechunk=False))


def numbered(batch: pa.RecordBatch, start: int) -> pl.DataFrame:
    """A batch as a table of polars with one column more, `ROW`, that counts from `start`."""
    return pl.DataFrame({ROW: np.arange(start, start + batch.num_rows)}).hstack(as_frame(batch).get_columns())


@lru_cache(maxsize=1000)
def _near_schema(arrow: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_near(field.type)) for field in arrow])


def _near(dtype: pa.DataType) -> pa.DataType:
    """The type itself, where polars has it."""

    def inside(field: pa.Field) -> pa.Field:
        return field.with_type(_near(field.type))

    if pa.types.is_struct(dtype):
        return pa.struct([inside(field) for field in dtype])
    if pa.types.is_fixed_size_list(dtype):
        return pa.list_(inside(dtype.value_field), dtype.list_size)
    if pa.types.is_map(dtype):
        return pa.map_(inside(dtype.key_field), inside(dtype.item_field))
    if pa.types.is_large_list(dtype) or pa.types.is_large_list_view(dtype):
        return pa.large_list(inside(dtype.value_field))
    if pa.types.is_list(dtype) or pa.types.is_list_view(dtype):
        return pa.list_(inside(dtype.value_field))
    return pa.string() if pa.types.is_decimal256(dtype) else dtype


@lru_cache(maxsize=1000)
def schema_of(arrow: pa.Schema) -> dict[str, pl.DataType]:
    """The types that polars gives the columns of a file, with UUIDs told from other bytes, which polars does not."""
    types = pl.Schema(_near_schema(arrow))
    return {name: _with_uuids(dtype, arrow.field(name).type) for name, dtype in types.items()}


def _with_uuids(dtype: pl.DataType, arrow: pa.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Struct):
        return pl.Struct({name: _with_uuids(inner, arrow.field(name).type) for name, inner in fields(dtype)})
    if (inner := element(dtype)) is not None:
        return pl.List(_with_uuids(inner, arrow.value_type)) if isinstance(dtype, pl.List) else dtype
    if isinstance(dtype, pl.Map):
        key, value = entries(dtype)
        return pl.Map(_with_uuids(key, arrow.key_type), _with_uuids(value, arrow.item_type))
    return Uuid() if isinstance(arrow, pa.UuidType) else dtype


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
