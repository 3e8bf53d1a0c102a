"""What reading a folder keeps in mind from file to file. Told in `book/part3/records.md`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from residual.ocsf.columns import Columns
from residual.ocsf.drift import DriftLog
from residual.ocsf.limits import Limits
from residual.ocsf.quarantine import Quarantine

ROW = "__row__"
UID = "metadata.uid"
SEEN_BEFORE = f"{UID}: seen before"


@dataclass(frozen=True)
class Piece:
    """A Parquet file whose rows go into the table.

    Attributes:
        path: of the file.
        schema: as it is in the file.
        rows: that it has.
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
    """The state of reading. `seen` holds every `metadata.uid` of the table, about 130 MB for a million uids."""

    columns: Columns
    rejects: Quarantine
    staging: Path
    limits: Limits
    drift: DriftLog = field(default_factory=DriftLog)
    seen: set[str] = field(default_factory=set)
    pieces: list[Piece] = field(default_factory=list)
    _new: list[str] = field(default_factory=list)

    def problems(self, reasons: Iterable[str | None], uids: Iterable[str | None]) -> list[tuple[int, str]]:
        """The places and reasons of rows to reject, of their own or because their uid was seen in an earlier row."""
        found = []
        for place, (reason, uid) in enumerate(zip(reasons, uids, strict=True)):
            if reason is not None:
                found.append((place, reason))
            elif uid is not None:
                if uid in self.seen:
                    found.append((place, SEEN_BEFORE))
                else:
                    self.seen.add(uid)
                    self._new.append(uid)
        return found

    @contextmanager
    def forgetting_uids_on_error(self) -> Iterator[None]:
        """Around a file that goes into the table as a whole or not at all."""
        self._new.clear()
        try:
            yield
        except BaseException:
            self.seen.difference_update(self._new)
            raise
