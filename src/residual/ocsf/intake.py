"""What every file of a folder goes through: its rows are checked, its changes noted, its good rows become a piece.

Told in `book/part3/records.md`.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from residual.ocsf.checks import time_faults
from residual.ocsf.columns import Columns, is_time, joined, leaves, settled, shape_in_ocsf
from residual.ocsf.flattening import Flat
from residual.ocsf.limits import Limits
from residual.ocsf.schema import VERSION, ocsf, required_columns
from residual.ocsf.seen import Seen
from residual.ocsf.sources import Source

UID = "metadata.uid"
JUDGED = (*required_columns(), UID, "class_uid", "activity_id", "type_uid")  # what `judgement` takes in any file


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
        derived: rows of the table in which a column was missing and was computed, by column: `type_uid`.
        unknown: files of which some rows are unknown, and so in no count, with the reason: a Parquet file that cannot
            be opened, a gzip stream or an array that breaks off.
        drift: changes of columns and types from file to file.
        ignored: everything in the folder that was passed over: files that are not of events, links that lead nowhere
            or to what is read already.
    """

    files: int = 0
    rows_in: int = 0
    rows_out: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, str] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def note_derived(self, rows: int) -> None:
        if rows:
            self.derived["type_uid"] += rows

    @property
    def rows_quarantined(self) -> int:
        return self.quarantined.total()


@dataclass(frozen=True)
class Piece:
    """A Parquet file whose rows go into the table.

    Attributes:
        partitions: values of its partitions, each in the type of its column.
        without: the rows that do not go in, by number from 0.
    """

    path: Path
    rows: int
    partitions: tuple[tuple[str, Any], ...] = ()
    without: tuple[int, ...] = ()


@dataclass
class Intake:
    """The state of reading, from file to file.

    Attributes:
        quarantine: open file of JSON Lines that says of each rejected row where it stood, why, and what it was.
        staging: folder for the events of JSON files.
        seen: every `metadata.uid` of the table with its time.
        keys: of the partitions.
    """

    columns: Columns
    quarantine: TextIO
    staging: Path
    limits: Limits
    summary: Summary
    pieces: list[Piece] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    keys: dict[str, None] = field(default_factory=dict)
    _types: dict[str, dict[str, list[pl.DataType]]] = field(default_factory=dict)

    def too_many(self, types: Mapping[str, pl.DataType]) -> list[str]:
        """The columns beyond the most that there may be."""
        new = [name for name in types if name not in self.columns.types]
        return new[max(self.limits.columns - len(self.columns.types), 0) :]

    def problems(self, judged: pl.DataFrame, fresh: Seen) -> pl.Series:
        """Of each row the reason why it stays out: its own, or a uid in `seen` or `fresh`; other uids go in `fresh`."""
        first = judged["reason"].is_null() & judged["uid"].is_not_null()
        keys = judged["uid"].filter(first)
        again = ~keys.is_first_distinct() | self.seen.holds(keys) | fresh.holds(keys)
        fresh.add(keys.filter(~again))
        if not again.any():
            return judged["reason"]
        return judged["reason"].scatter(first.arg_true().filter(again), f"{UID}: seen before")

    def add(self, piece: Piece) -> None:
        """Add a Parquet file to the table."""
        self.pieces.append(piece)
        self.summary.rows_out += piece.rows - len(piece.without)

    def reject_row(self, source: Source, place: Mapping[str, int], reason: str, raw: Any) -> None:
        """Reject one row. `place` is its line, value or row in the file; `raw` its text, or its values."""
        self.summary.quarantined[reason] += 1
        self._note({"file": source.name, **place, "reason": reason, "raw": raw})

    def reject_file(self, source: Source, reason: str, rows: int | None = None) -> None:
        """Reject a whole file of so many rows, or what is left of a file of an unknown number of rows."""
        if rows is None:
            self.summary.unknown[source.name] = reason
        elif rows:
            self.summary.quarantined[reason] += rows
        self._note({"file": source.name, "rows": rows, "reason": reason})

    def _note(self, entry: dict[str, Any]) -> None:
        self.quarantine.write(json.dumps(entry) + "\n")

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
                    together = reduce(joined, (settled(path, one) for one in [*seen, leaf]))
                    if shape_in_ocsf(path) is None and together == pl.String:
                        fate = "kept as text"
                    change = f"{seen[-1]} became {leaf}: {fate}"
                else:
                    above = path.rpartition(".")[0]
                    is_field = above and any(other.startswith(f"{above}.") for other in known)
                    change = f"new field of {above}" if is_field else "new column"
                if seen or not first:
                    self.summary.drift.append(Drift(source.name, path, change))
                seen.append(leaf)


def judgement(found: Flat, too_many: Collection[str], most: int) -> dict[str, pl.Expr]:
    """Of each row: the first `reason` that keeps it out of the table, null where nothing does; its `uid` and time;
    and whether its `type_uid` is `derived`.

    In this order: a value that its column's type cannot hold, or that is in one of the columns that are `too_many`, a
    required field that is missing, a class that OCSF does not have, a time that is not in milliseconds. All else that
    can be wrong, `residual.ocsf.validate` finds.
    """
    values = found.values
    problems = list(found.problems.values())
    problems += [pl.when(values[name].is_not_null()).then(pl.lit(f"more than {most} columns")) for name in too_many]
    for path in required_columns():
        missing = values[path].is_null() if path in values else pl.lit(True)
        problems.append(pl.when(missing).then(pl.lit(f"{path}: required, but missing")))
    if "class_uid" in values:
        known = values["class_uid"].is_in([entry["uid"] for entry in ocsf()["classes"].values()])
        problems.append(pl.when(~known).then(pl.lit(f"class_uid: no class of OCSF {VERSION}")))
    problems += [pl.lit(f"{path}: ") + time_faults(value) for path, value in values.items() if is_time(path)]
    uid = pl.lit(None, dtype=pl.String())
    if UID in values and "time" in values:
        uid = pl.concat_str(values[UID], values["time"], separator=" at ")
    return {"reason": pl.coalesce(problems), "uid": uid, "derived": found.derived}
