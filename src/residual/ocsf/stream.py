"""The events of a file as `read` understands them, each as a nested dict, for what checks them one by one.

Told in `book/part3/records.md`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from residual.ocsf.casting import as_json, cast, in_python, plain
from residual.ocsf.events import dicts
from residual.ocsf.flattening import column, typed
from residual.ocsf.limits import Limits
from residual.ocsf.parquet import BROKEN, as_frame, batches, first_line, opened, schema_of, whole
from residual.ocsf.records import records
from residual.ocsf.schema import ocsf_class
from residual.ocsf.sources import Rows, Source
from residual.ocsf.unpacking import UnreadableError

BATCH = 2_000  # rows turned into dicts at a time
Event = tuple[int, Any, str | None]
_REASON = "\0reason"


def events(source: Source, limits: Limits) -> Iterator[Event]:
    """The events of a file with their numbers (rows from 0, lines and values from 1), or why one is no event.

    They have the values that the file has, but as JSON says them: times in milliseconds, UUIDs and dates as text. What
    a folder named `key=value` says is filled in where an event's class has such a field and the event has not.

    Raises:
        UnreadableError: after the last event that can be read.
    """
    try:
        partitions = typed(source.partitions)
    except ValueError as error:
        raise UnreadableError(str(error)) from error
    found = _of_parquet(source) if source.kind == "parquet" else _of_json(source, limits)
    for number, event, reason in found:
        if isinstance(event, dict) and partitions:
            _fill(event, partitions)
        yield number, event, reason


def _of_json(source: Source, limits: Limits) -> Iterator[Event]:
    return ((record.number, record.value, record.reason) for record in records(source.path, limits))


def _of_parquet(source: Source) -> Iterator[Event]:
    number, count = (source.start, source.count) if isinstance(source, Rows) else (0, None)
    try:
        file = opened(source.path)
        schema = schema_of(file.schema_arrow)
        maps = {name: dtype for name, dtype in schema.items() if "Map" in str(dtype)}
        values, problems = [column(name) for name in maps], [pl.lit(None, dtype=pl.String())]
        for name, dtype in schema.items():
            if name not in maps:
                value, problem = cast(column(name), name, dtype, as_json(name, dtype))
                values.append(value.alias(name))
                problems += [] if problem is None else [problem]
        for batch in map(whole, batches(file, start=number, count=count)):
            rows = as_frame(batch).select(*values, pl.coalesce(problems).alias(_REASON))
            for some in rows.iter_slices(BATCH):
                for event in _with_maps(some, maps):
                    yield number, *event
                    number += 1
    except (*BROKEN, OverflowError) as error:
        raise UnreadableError(f"no whole Parquet file: {first_line(error)}") from error


def _with_maps(rows: pl.DataFrame, maps: Mapping[str, pl.DataType]) -> Iterator[tuple[Any, str | None]]:
    """The events of some rows, in which maps are objects; and the reason why one is none."""
    values = {name: in_python(rows.get_column(name)) for name in maps}
    for row, (event, reason) in enumerate(zip(dicts(rows.drop(_REASON, *maps)), rows[_REASON], strict=True)):
        for name, dtype in maps.items():
            try:
                event[name] = plain(values[name][row], dtype)
            except (ValueError, OverflowError):
                reason = reason or f"{name}: not what JSON can say"
        yield {name: value for name, value in event.items() if value is not None}, reason


def _fill(event: dict[str, Any], partitions: Mapping[str, Any]) -> None:
    """Fill the fields of an event that the path of its file gives."""
    for key in sorted(partitions, key=lambda key: key != "class_uid"):
        try:
            known = ocsf_class(event.get("class_uid", partitions.get("class_uid", 0)))["attributes"]
        except (ValueError, TypeError):
            known = ocsf_class(0)["attributes"]
        if key in known and partitions[key] is not None and event.get(key) is None:
            event[key] = partitions[key]
