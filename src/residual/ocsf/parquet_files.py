"""A Parquet file looked over before its rows go into the table; only its bad rows are ever in memory as values.

Every page is decoded once, so that a broken one shows now and not in the middle of a later query. Told in
`book/part3/records.md`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from residual.ocsf.casting import EXACT
from residual.ocsf.columns import Large, is_time, shape_in_ocsf
from residual.ocsf.events import dicts
from residual.ocsf.flattening import Flat, Leaf, flat, flatten, placeholders, typed, with_partitions
from residual.ocsf.intake import JUDGED, Intake, Piece, judgement
from residual.ocsf.limits import Limits
from residual.ocsf.parquet import BROKEN, ROW, as_frame, batches, first_line, numbered, opened, schema_of, whole
from residual.ocsf.seen import Seen
from residual.ocsf.sources import Source

RAW_BATCH = 1_000


@dataclass(frozen=True)
class Form:
    """What all files of one schema have in common: their leaves; the columns that these and the partitions make; which
    leaves are `judged`, and which are not.
    """

    leaves: list[Leaf]
    flat: Flat
    judged: list[str]
    others: list[str]


@lru_cache(maxsize=1000)
def _form(arrow: pa.Schema, keys: tuple[str, ...]) -> Form:
    schema = schema_of(arrow)
    leaves, found = flatten(schema), flat(schema, placeholders(keys))
    judged = {*found.problems, *JUDGED, *(path for path in found.values if is_time(path))}
    paths = [leaf.path for leaf in leaves]
    return Form(
        leaves, found, [path for path in paths if path in judged], [path for path in paths if path not in judged]
    )


def _form_of(file: pq.ParquetFile, source: Source) -> Form:
    return _form(file.schema_arrow, tuple(key for key, _ in source.partitions))


def look(source: Source, limits: Limits, too_many: Collection[str] = ()) -> Iterator[pl.DataFrame]:
    """What is judged of each row, some rows at a time. The columns that it does not take are decoded, too.

    Raises:
        BROKEN: one of these errors.
    """
    file = opened(source.path)
    form, partitions = _form_of(file, source), typed(source.partitions)
    columns = judgement(form.flat, too_many, limits.columns)
    for batch in batches(file, form.others):
        whole(batch)
    start = 0
    for batch in batches(file, [*dict.fromkeys((*form.judged, *too_many))]):
        yield with_partitions(numbered(whole(batch), start), partitions).select(ROW, **columns)
        start += batch.num_rows


def take_in(source: Source, looked: Iterable[pl.DataFrame], intake: Intake) -> None:
    """The good rows of a file that was looked over become a piece of the table, the others are quarantined."""
    try:
        file = opened(source.path)
        form = _form_of(file, source)
    except BROKEN as error:
        intake.reject_file(source, f"no whole Parquet file: {first_line(error)}")
        return
    rows = file.metadata.num_rows
    intake.summary.rows_in += rows
    try:
        partitions = typed(source.partitions)
    except ValueError as error:
        intake.reject_file(source, str(error), rows)
        return
    if too_many := intake.too_many(form.flat.types):
        looked = look(source, intake.limits, too_many)
    fresh = Seen()
    bad: dict[int, str] = {}
    derived = 0
    try:
        for batch in looked:
            reasons = intake.problems(batch, fresh)
            derived += int((batch["derived"] & reasons.is_null()).sum())
            is_bad = reasons.is_not_null()
            bad |= zip(batch[ROW].filter(is_bad), reasons.filter(is_bad), strict=True)
    except BROKEN as error:
        intake.reject_file(source, f"a page cannot be decoded: {first_line(error)}", rows)
        return
    large = _large(file, form)
    types = {name: Large() if name in large else dtype for name, dtype in form.flat.types.items()}
    intake.columns.admit({name: dtype for name, dtype in types.items() if name not in too_many})
    intake.seen.update(fresh)
    intake.keys |= dict.fromkeys(partitions)
    intake.summary.note_derived(derived)
    of_file = {leaf.path: Large() if leaf.path in large else leaf.dtype for leaf in form.leaves}
    intake.note_drift(source, of_file, form.flat.problems)
    for row, raw in _raw(file, list(bad)):
        intake.reject_row(source, {"row": row}, bad[row], raw)
    intake.add(Piece(source.path, rows, tuple(partitions.items()), tuple(bad)))


def _large(file: pq.ParquetFile, form: Form) -> set[str]:
    """Columns of whole numbers that OCSF does not know, and that may hold some too large to be exact as Float64."""
    unknown = {name for name, dtype in form.flat.types.items() if dtype == pl.Int64 and shape_in_ocsf(name) is None}
    found = set()
    for group in range(file.num_row_groups if unknown else 0):
        for place in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(place)
            if chunk.path_in_schema in unknown:
                ends = chunk.statistics
                if ends is None or not ends.has_min_max or max(abs(ends.min), abs(ends.max)) >= EXACT:
                    found.add(chunk.path_in_schema)
    return found


def _raw(file: pq.ParquetFile, rows: Sequence[int]) -> Iterator[tuple[int, object]]:
    """Rows of a file by number, each as what JSON can hold of it."""
    start, wanted = 0, pl.Series(rows, dtype=pl.Int64)
    for batch in batches(file) if rows else ():
        here = wanted.filter(wanted.is_between(start, start + batch.num_rows - 1))
        chosen = as_frame(batch)[here - start]
        for first in range(0, len(here), RAW_BATCH):
            yield from zip(here[first : first + RAW_BATCH], _readable(chosen[first : first + RAW_BATCH]), strict=True)
        start += batch.num_rows


def _readable(rows: pl.DataFrame) -> list[object]:
    """Rows as `readable` says them; None for one that holds what Python cannot have, such as a time in year 10000."""
    try:
        return [readable(event) for event in dicts(rows)]
    except (*BROKEN, ValueError, OverflowError):
        return [None] if rows.height == 1 else [one for row in rows.iter_slices(1) for one in _readable(row)]


def readable(value: object) -> object:
    """What a rejected row holds, as JSON can say it."""
    if isinstance(value, dict):
        return {str(name): readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [readable(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
