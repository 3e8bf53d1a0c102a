"""The pieces of a table under each other, as one lazy frame. Told in `book/part3/records.md`."""

from collections.abc import Sequence
from itertools import accumulate, groupby

import polars as pl

from residual.ocsf.casting import cast, flatten
from residual.ocsf.columns import Columns, element, fields, shape_in_ocsf
from residual.ocsf.intake import ROW, UID, Piece
from residual.ocsf.problems import required


def table(pieces: Sequence[Piece], columns: Columns, wanted: Sequence[str] | None) -> pl.LazyFrame:
    """The wanted columns of all pieces, in the types that were settled.

    If none are named: all that there are, and always those that every event must have, and `metadata.uid`.

    Raises:
        ValueError: for a wanted column that is in no file and not in OCSF.
    """
    schemas = {tuple(piece.schema.items()): piece.schema for piece in pieces}.values()
    there = {leaf.path for schema in schemas for leaf in flatten(schema)}
    keys = dict.fromkeys(key for piece in pieces for key, _ in piece.partitions)
    always = dict.fromkeys((*required(), UID))
    found = dict.fromkeys(name for name in columns.names if name in there)
    names = list(wanted if wanted is not None else {**found, **always, **keys})
    types = {name: pl.String() if name in keys and name not in there else _type(name, columns) for name in names}
    frames = [_frame(list(run), columns, types) for _, run in groupby(pieces, _scanned_together)]
    return pl.concat(frames) if frames else pl.LazyFrame(schema=types)


def _type(name: str, columns: Columns) -> pl.DataType:
    if columns.shapes.get(name) not in (None, "object"):
        return _certain(columns.dtype(name))
    ours = shape_in_ocsf(name)
    if ours is None or ours == "object":
        raise ValueError(f"columns: {name!r} is in no file and is no column of OCSF")
    if ours == "list":
        inner = shape_in_ocsf(f"{name}[]")
        return pl.List(inner if isinstance(inner, pl.DataType) else pl.String())
    return ours


def _certain(dtype: pl.DataType) -> pl.DataType:
    """A type without `Null`: what is inside arrays that were always empty is taken for text."""
    if (inner := element(dtype)) is not None:
        return pl.List(_certain(inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({name: _certain(field) for name, field in fields(dtype)})
    return pl.String() if isinstance(dtype, pl.Null) else dtype


def _hive_keys(piece: Piece) -> tuple[str, ...]:
    """The partitions that polars finds in the whole path, if it can tell them from the columns."""
    keys = tuple(part.partition("=")[0] for part in piece.path.resolve().parts if "=" in part)
    of_piece = {key for key, _ in piece.partitions}
    return keys if of_piece <= set(keys) and not set(keys) & set(piece.schema) else ()


def _scanned_together(piece: Piece) -> tuple[object, ...]:
    """Equal for neighbors that one scan can read: one scan of many files takes far less memory than many scans."""
    keys = _hive_keys(piece)
    return tuple(piece.schema.items()), keys, () if keys else piece.partitions


def _frame(run: Sequence[Piece], columns: Columns, types: dict[str, pl.DataType]) -> pl.LazyFrame:
    first, keys = run[0], _hive_keys(run[0])
    frame = pl.scan_parquet(
        [piece.path.resolve() for piece in run],
        glob=False,
        hive_partitioning=bool(keys),
        hive_schema=dict.fromkeys(keys, pl.String()) if keys else None,
    )
    starts = accumulate((piece.rows for piece in run), initial=0)
    without = [start + row for piece, start in zip(run, starts, strict=False) for row in piece.without]
    if without:
        frame = frame.with_row_index(ROW).filter(~pl.col(ROW).is_in(pl.Series(without, dtype=pl.UInt32).implode()))
    values = {leaf.path: cast(columns, leaf).value for leaf in flatten(first.schema)}
    values |= {key: pl.col(key) if keys else pl.lit(value) for key, value in first.partitions}
    return frame.select(values.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in types.items())
