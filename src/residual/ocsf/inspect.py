"""What is in a table of events: what `residual inspect` prints. Told in `book/part3/records.md`."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from residual.ocsf.schema import ocsf_class

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
        first, last: milliseconds in UTC of the earliest and the latest event; None without events.
        columns: in the order of the table.
    """

    events: int
    classes: Mapping[int, int]
    first: int | None
    last: int | None
    columns: tuple[ColumnSummary, ...]

    def class_names(self) -> dict[int, str]:
        """The captions of the classes, such as 3002: "Authentication"."""
        return {uid: ocsf_class(uid)["caption"] for uid in self.classes}


def inspect(events: pl.LazyFrame, *, top: int = 5) -> Inspection:
    """Count what is in a table of events, streaming through it, a block of columns at a time.

    Raises:
        ValueError: if `top` is negative.
    """
    if top < 0:
        raise ValueError(f"top must be at least 0, got {top}")
    schema = events.collect_schema()
    span = events.select(pl.len(), first=pl.col("time").min(), last=pl.col("time").max())
    count, first, last = span.collect(engine="streaming").row(0)
    of_class = events.group_by("class_uid").len().sort("len", "class_uid", descending=[True, False])
    classes = dict(of_class.collect(engine="streaming").iter_rows())
    columns = []
    for start in range(0, len(schema), BATCH_OF_COLUMNS):
        types = dict(list(schema.items())[start : start + BATCH_OF_COLUMNS])
        nulls = [pl.col(name).null_count().alias(f"nulls of {name}") for name in types]
        frequent = [
            pl.col(name).drop_nulls().value_counts(sort=True, name=f"count of {name}").head(top).implode().alias(name)
            for name, dtype in types.items()
            if not dtype.is_nested()
        ]
        row = events.select(*nulls, *frequent).collect(engine="streaming").row(0, named=True)
        for name, dtype in types.items():
            values = tuple((pair[name], pair[f"count of {name}"]) for pair in row.get(name, []))
            columns.append(ColumnSummary(name, dtype, row[f"nulls of {name}"] / max(count, 1), values))
    return Inspection(count, classes, first, last, tuple(columns))
