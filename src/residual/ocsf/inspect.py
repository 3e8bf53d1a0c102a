"""What is in a table of events: what `residual inspect` counts. Told in `book/part3/records.md`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from residual.ocsf.schema import class_keys, ocsf_class

BATCH_OF_COLUMNS = 10  # their distinct values are in memory


@dataclass(frozen=True)
class ColumnSummary:
    """A column: its name and type, the share of events without a value, and its most frequent values with counts.

    Arrays have no `top`: only whole arrays could be counted.
    """

    name: str
    dtype: pl.DataType
    null_rate: float
    top: tuple[tuple[object, int], ...]


@dataclass(frozen=True)
class Inspection:
    """What is in a table.

    Attributes:
        events: in it.
        classes: how many events of each class, by `class_uid`, the most frequent first.
        versions: how many events claim each version of OCSF in `metadata.version`, the most frequent first.
        first, last: milliseconds in UTC of the earliest and the latest event; None without events.
        columns: in the order of the table.
    """

    events: int
    classes: Mapping[int, int]
    versions: Mapping[str | None, int]
    first: int | None
    last: int | None
    columns: tuple[ColumnSummary, ...]

    def class_names(self) -> dict[int, str]:
        """The captions of the classes, such as 3002: "Authentication"; of an extension's class its number alone."""
        return {uid: ocsf_class(uid)["caption"] if uid in class_keys() else f"class {uid}" for uid in self.classes}

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        columns = [
            {"name": column.name, "type": str(column.dtype), "null_rate": column.null_rate}
            | ({"top": [[value, count] for value, count in column.top]} if column.top else {})
            for column in self.columns
        ]
        versions = {str(version): count for version, count in self.versions.items()}
        return vars(self) | {"class_names": self.class_names(), "versions": versions, "columns": columns}


def inspect(events: pl.LazyFrame, *, top: int = 5) -> Inspection:
    """Count what is in a table of events, streaming through it, a block of columns at a time.

    Args:
        events: with the columns `time`, `class_uid` and `metadata.version`.
        top: most frequent values to count of each column, 0 for none, which is far quicker.

    Raises:
        ValueError: if `top` is negative.
    """
    if top < 0:
        raise ValueError(f"top must be at least 0, got {top}")
    schema = events.collect_schema()
    span = events.select(pl.len(), first=pl.col("time").min(), last=pl.col("time").max())
    count, first, last = span.collect(engine="streaming").row(0)
    classes, versions = (_counts(events, name) for name in ("class_uid", "metadata.version"))
    columns = []
    size = BATCH_OF_COLUMNS if top else len(schema)
    for start in range(0, len(schema), size):
        types = dict(list(schema.items())[start : start + size])
        nulls = [pl.col(name).null_count().alias(f"nulls of {name}") for name in types]
        frequent = [
            pl.col(name).drop_nulls().value_counts(sort=True, name=f"count of {name}").head(top).implode().alias(name)
            for name, dtype in types.items()
            if top and not dtype.is_nested()
        ]
        row = events.select(*nulls, *frequent).collect(engine="streaming").row(0, named=True)
        for name, dtype in types.items():
            values = tuple((pair[name], pair[f"count of {name}"]) for pair in row.get(name, []))
            columns.append(ColumnSummary(name, dtype, row[f"nulls of {name}"] / max(count, 1), values))
    return Inspection(count, classes, versions, first, last, tuple(columns))


def _counts(events: pl.LazyFrame, column: str) -> dict[Any, int]:
    counts = events.group_by(column).len().sort("len", column, descending=[True, False])
    return dict(counts.collect(engine="streaming").iter_rows())
