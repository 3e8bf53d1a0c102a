"""Where rejected rows go: a JSON Lines file that says of each where it stood, why it was rejected, and what it was.

Told in `book/part3/records.md`.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from residual.ocsf.drift import Drift


@dataclass
class Summary:
    """What reading a folder came to. `rows_in == rows_out + rows_quarantined`, always.

    Attributes:
        files: that were found.
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


class Quarantine:
    """Writes rejects, and counts them in a summary. The file takes its name when all is written."""

    def __init__(self, path: Path, summary: Summary) -> None:
        self.path = path
        self.summary = summary
        self._partial = path.with_name(f".{path.name}.partial")

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._partial.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            os.replace(self._partial, self.path)
        else:
            self._partial.unlink()

    def row(self, file: str, place: Mapping[str, int], reason: str, raw: Any) -> None:
        """Reject one row. `place` is its line, value or row in the file; `raw` its text, or its values."""
        self.summary.quarantined[reason] += 1
        self._write({"file": file, **place, "reason": reason, "raw": raw})

    def file(self, file: str, reason: str, rows: int | None) -> None:
        """Reject a whole file, or what is left of it, of a known or unknown number of rows."""
        if rows is None:
            self.summary.unknown[file] = reason
        elif rows:
            self.summary.quarantined[reason] += rows
        self._write({"file": file, "rows": rows, "reason": reason})

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, default=str) + "\n")
