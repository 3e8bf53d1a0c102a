"""What every file of a folder goes through: its rows are checked, its changes noted, its good rows become a piece.

Told in `book/part3/records.md`.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from residual.ocsf.checks import time_faults
from residual.ocsf.columns import Columns, is_time, leaves
from residual.ocsf.records import Limits
from residual.ocsf.schema import VERSION, ocsf, required_columns
from residual.ocsf.sources import Source

ROW = "__row__"
UID = "metadata.uid"


@dataclass(frozen=True)
class Drift:
    """A change that a file brought: its name, the column (inside an array with `[]`), and what was done about it."""

    file: str
    column: str
    change: str


@dataclass
class Summary:
    """What reading a folder came to. `rows_in == rows_out + rows_quarantined`, always.

    Attributes:
        files: how many there are.
        rows_in: rows (of Parquet), lines or values (of JSON) that were seen.
        rows_out: rows of the table.
        quarantined: rows by the reason why they are not in it; a row counts once, under the first.
        unknown: files of which some rows are unknown, and so in no count, with the reason: a Parquet file that cannot
            be opened, a gzip stream or an array that breaks off.
        drift: changes of columns and types from file to file.
        ignored: files that are not of events.
    """

    files: int = 0
    rows_in: int = 0
    rows_out: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, str] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def rows_quarantined(self) -> int:
        return self.quarantined.total()


@dataclass(frozen=True)
class Piece:
    """A Parquet file whose rows go into the table.

    Attributes:
        partitions: keys of its partitions that are not among its columns, with their values.
        without: the rows that do not go in, by number from 0.
    """

    path: Path
    schema: pl.Schema
    rows: int
    partitions: tuple[tuple[str, str], ...] = ()
    without: tuple[int, ...] = ()


@dataclass
class Intake:
    """The state of reading, from file to file.

    Attributes:
        quarantine: open file of JSON Lines that says of each rejected row where it stood, why, and what it was.
        staging: folder for the events of JSON files.
        seen: every `metadata.uid` of the table, about 130 MB for a million uids.
    """

    columns: Columns
    quarantine: TextIO
    staging: Path
    limits: Limits
    summary: Summary
    seen: set[str] = field(default_factory=set)
    pieces: list[Piece] = field(default_factory=list)
    _types: dict[str, dict[str, list[pl.DataType]]] = field(default_factory=dict)

    def problems(
        self, reasons: Iterable[str | None], uids: Iterable[str | None], fresh: set[str]
    ) -> Iterator[tuple[int, str]]:
        """The numbers of rows to reject, and why: for reasons of their own, or because an earlier row has their uid.

        The uids of good rows are added to `fresh`, the set of those of this file that are not in `seen` yet.
        """
        for row, (reason, uid) in enumerate(zip(reasons, uids, strict=True)):
            if reason is None and uid is not None:
                if uid in self.seen or uid in fresh:
                    reason = f"{UID}: seen before"
                else:
                    fresh.add(uid)
            if reason is not None:
                yield row, reason

    def add(self, source: Source, path: Path, schema: pl.Schema, rows: int, without: tuple[int, ...] = ()) -> None:
        """Add a Parquet file of `source` to the table, but for the rows in `without`."""
        partitions = tuple((key, value) for key, value in source.partitions if key not in schema)
        self.pieces.append(Piece(path, schema, rows, partitions, without))
        self.summary.rows_out += rows - len(without)

    def reject_row(self, source: Source, place: Mapping[str, int], reason: str, raw: Any) -> None:
        """Reject one row. `place` is its line, value or row in the file; `raw` its text, or its values."""
        self.summary.quarantined[reason] += 1
        entry = {"file": source.name, **place, "reason": reason, "raw": raw}
        self.quarantine.write(json.dumps(entry, default=str) + "\n")

    def reject_file(self, source: Source, reason: str, rows: int | None = None) -> None:
        """Reject a whole file of so many rows, or what is left of a file of an unknown number of rows."""
        if rows is None:
            self.summary.unknown[source.name] = reason
        elif rows:
            self.summary.quarantined[reason] += rows
        self.quarantine.write(json.dumps({"file": source.name, "rows": rows, "reason": reason}) + "\n")

    def note_drift(self, source: Source, types: Mapping[str, pl.DataType], lossy: Collection[str] = ()) -> None:
        """Compare the column types of a file with those of earlier files of its group, and note what is new.

        A settled type cannot hold every value of the type that the file gives to one of the columns in `lossy`.
        """
        first, earlier = source.group not in self._types, self._types.setdefault(source.group, {})
        known = set(earlier)
        for column, dtype in types.items():
            for path, leaf in leaves(column, dtype):
                seen = earlier.setdefault(path, [])
                if leaf in seen or leaf == pl.Null:
                    continue
                if seen:
                    fate = "cast, and what cannot be cast is quarantined" if column in lossy else "widened"
                    change = f"{seen[-1]} became {leaf}: {fate}"
                else:
                    above = path.rpartition(".")[0]
                    is_field = above and any(other.startswith(f"{above}.") for other in known)
                    change = f"new field of {above}" if is_field else "new column"
                if seen or not first:
                    self.summary.drift.append(Drift(source.name, path, change))
                seen.append(leaf)


def reason(values: Mapping[str, pl.Expr], lost: Iterable[pl.Expr] = ()) -> pl.Expr:
    """The first thing that keeps a row out of the table, given the columns of its file; null where nothing does.

    In this order: a value that its column's type cannot hold (`lost`), a required field that is missing, a class that
    OCSF does not have, a time that is not in milliseconds. All else that can be wrong, `residual.ocsf.validate` finds.
    """
    problems = list(lost)
    for path in required_columns():
        missing = values[path].is_null() if path in values else pl.lit(True)
        problems.append(pl.when(missing).then(pl.lit(f"{path}: required, but missing")))
    if "class_uid" in values:
        known = values["class_uid"].is_in([entry["uid"] for entry in ocsf()["classes"].values()])
        problems.append(pl.when(~known).then(pl.lit(f"class_uid: no class of OCSF {VERSION}")))
    problems += [pl.lit(f"{path}: ") + time_faults(value) for path, value in values.items() if is_time(path)]
    return pl.coalesce(problems)
