"""A folder of events as one lazy table that has lost nothing: what is not in it is in quarantine, with the reason.

    table = read("security-lake/ext/")
    table.events.filter(pl.col("class_uid") == 3002).select("time", "actor.user.name").collect()
    table.summary.quarantined, table.summary.drift

Told in `book/part3/records.md`.
"""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from residual.ocsf import assembly, json_files, parquet
from residual.ocsf.columns import Columns
from residual.ocsf.intake import Intake
from residual.ocsf.limits import Limits
from residual.ocsf.quarantine import Quarantine, Summary
from residual.ocsf.sources import sources


@dataclass(frozen=True)
class Table:
    """The events of a folder.

    Attributes:
        events: one row an event in the order of the files, one column a dotted path; arrays are lists, `time` is
            int64 milliseconds in UTC. Columns of partitions (`eventDay`) come last, as strings.
        summary: rows in, out and quarantined, files, drift.
        quarantine: JSON Lines file of the rejects.
    """

    events: pl.LazyFrame
    summary: Summary
    quarantine: Path


def read(
    folder: str | Path,
    *,
    columns: Sequence[str] | None = None,
    quarantine: str | Path | None = None,
    limits: Limits | None = None,
) -> Table:
    """Read a folder of Parquet, JSON and JSON Lines (also with gzip), or one such file.

    Every file is looked over at once, one after the other in the order of their names; the values are read when
    `events` is collected. Parquet is read from where it is. Events of JSON files are written to temporary Parquet
    files, which live until the process ends.

    Args:
        folder: of the events. Folders named `key=value` are partitions.
        columns: of the table, in this order; one that no file has is null. None: all that there are.
        quarantine: the file for rejects, outside `folder`. None: a temporary one, gone when the process ends.
        limits: of what a JSON file may ask for.

    A row is rejected for the first of: text that is no JSON object, a value that its column cannot hold, a required
    field that is missing (of every class; not all that `validate` asks for), an unknown class, a time in other units
    than milliseconds, a `metadata.uid` that an earlier row has. A column has the type that OCSF 1.8.0 gives it, and
    where it gives none, the type that it has in the first file, widened if a later file has fractions.

    Raises:
        ValueError: for a folder without events, an unknown column, or a quarantine inside the folder.
    """
    folder = Path(folder)
    found, ignored = sources(folder)
    if quarantine is not None and Path(quarantine).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"quarantine must be outside the folder that is read, got {quarantine}")
    limits = limits or Limits()
    staging = Path(tempfile.mkdtemp(prefix="residual-ocsf-"))
    atexit.register(shutil.rmtree, staging, ignore_errors=True)
    summary = Summary(files=len(found), ignored=ignored)
    rejects = staging / "quarantine.jsonl" if quarantine is None else Path(quarantine)
    with Quarantine(rejects, summary) as writer:
        intake = Intake(Columns(limits.columns), writer, staging, limits)
        for source in found:
            (parquet if source.is_parquet else json_files).take_in(source, intake)
        summary.drift = intake.drift.found
        events = assembly.table(intake.pieces, intake.columns, columns)
    return Table(events, summary, rejects)
