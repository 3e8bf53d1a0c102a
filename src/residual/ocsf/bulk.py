"""Validation of whole folders: what `residual validate` runs. Told in `book/part3/records.md`."""

from pathlib import Path

from tqdm import tqdm

from residual.ocsf.checks import Fault
from residual.ocsf.events import dicts
from residual.ocsf.limits import Limits
from residual.ocsf.parquet import BROKEN, first_line, scan
from residual.ocsf.records import records
from residual.ocsf.sources import Source, sources
from residual.ocsf.unpacking import UnreadableError
from residual.ocsf.validate import MOST_REJECTS, Reject, Report

BATCH = 10_000


def validate_folder(
    folder: str | Path, *, most_rejects: int = MOST_REJECTS, limits: Limits | None = None, progress: bool = False
) -> Report:
    """`validate` of every event in a folder of Parquet, JSON and JSON Lines, or in one such file.

    A line that is no event counts as an invalid event, with the reason as its fault at `$`.

    Args:
        folder: as in `read`.
        most_rejects: invalid events that the report keeps; it counts all.
        limits: of what a JSON file may ask for.
        progress: show a bar.

    Raises:
        ValueError: for a folder without events.
    """
    report = Report()
    for source in tqdm(sources(Path(folder))[0], unit="file", disable=not progress):
        try:
            if source.is_parquet:
                _validate_parquet(source, report, most_rejects)
            else:
                _validate_json(source, report, most_rejects, limits or Limits())
        except UnreadableError as error:
            report.unknown[source.name] = str(error)
    return report


def _validate_parquet(source: Source, report: Report, most_rejects: int) -> None:
    row = 0
    try:
        for batch in scan(source).collect_batches(chunk_size=BATCH):
            for event in dicts(batch):
                report.check(event, most_rejects, row, source.name)
                row += 1
    except BROKEN as error:
        raise UnreadableError(f"no whole Parquet file: {first_line(error)}") from error


def _validate_json(source: Source, report: Report, most_rejects: int, limits: Limits) -> None:
    for record in records(source.path, limits):
        if record.reason is None:
            report.check(record.value, most_rejects, record.number, source.name)
        else:
            report.count(Reject(record.number, None, (Fault("$", record.reason),), source.name), most_rejects)
