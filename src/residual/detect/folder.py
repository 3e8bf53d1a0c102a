"""A folder of alerts as `residual score` writes it, a file per day, and what the command line does with it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from residual.detect import words
from residual.detect.alert import Alert, Verdict
from residual.detect.alerts import read_alerts, write_alerts
from residual.detect.metrics import LABELS, Evaluation, evaluate
from residual.detect.report import report
from residual.storage import write_atomically

_EPOCH = date(1970, 1, 1)
_PATTERN = "????-??-??.jsonl"


def files(folder: Path) -> dict[int, Path]:
    """The files of a folder by day since 1970, in order.

    Raises:
        ValueError: for a folder without any.
    """
    if not (some := _files(folder)):
        raise ValueError(f"{folder} has no alerts: expected a folder that residual score wrote, with files per day")
    return some


def answered(folder: Path, *, since: int) -> dict[str, tuple[Verdict, int]]:
    """The answers that stand in a folder, by uid, each with the day of its alert; those of days from `since` on.

    Raises:
        ValueError: for a file that does not hold alerts.
    """
    some = ((alert, day) for day, path in _files(folder).items() if day >= since for alert in read_alerts(path))
    return {alert.uid: (alert.verdict, day) for alert, day in some if alert.verdict is not None}


def _files(folder: Path) -> dict[int, Path]:
    found = {(datetime.strptime(path.stem, "%Y-%m-%d").date() - _EPOCH).days: path for path in folder.glob(_PATTERN)}
    return dict(sorted(found.items()))


def evaluation(folder: Path, labels: Path, *, after: int = 0) -> Evaluation:
    """Compare the alerts of a folder, those of the days after one since 1970, with labels in a Parquet file.

    Raises:
        ValueError: for files that are not what is expected.
    """
    days = {day: path for day, path in files(folder).items() if day > after}
    try:
        table = pl.read_parquet(labels, columns=list(LABELS))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ValueError(f"{labels}: expected Parquet with {', '.join(LABELS)}: {error}") from error
    return evaluate([alert for path in days.values() for alert in read_alerts(path)], table, list(days))


def told(found: Evaluation) -> Iterator[str]:
    """An evaluation in lines."""
    yield f"{found.alerts:,} alerts: {found.true:,} found an attack or fault, {found.twins:,} a harmless twin of one"
    kinds = found.episodes.group_by("type").agg(
        pl.col("found").sum(), of=pl.len(), hours=pl.col("hours").median()
    ).sort("type")  # fmt: skip
    for kind, hits, of, hours in kinds.select("type", "found", "of", "hours").iter_rows():
        yield f"{kind:>16} {hits:4} of {of:3}" + (f", half of them within {hours:.1f} h" if hits else "")
    share = f", {found.recall:.0%}" if found.episodes.height else ""
    yield f"{'all':>16} {found.episodes['found'].sum():4} of {found.episodes.height:3}{share}"


def write_report(folder: Path, out: Path, *, days: int) -> int:
    """Write the alerts of the last days as one HTML file; how many there are.

    Raises:
        ValueError: for less than one day, or no alerts.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, got {days}")
    some = list(files(folder).values())[-days:]
    alerts = [alert for path in some for alert in read_alerts(path)]
    write_atomically(out, report(alerts, title=f"Alerts from {some[0].stem} to {some[-1].stem}").encode())
    return len(alerts)


def explained(folder: Path, uid: str) -> Iterator[str]:
    """Why an alert was raised, in lines.

    Raises:
        ValueError: for a uid that none or several have.
    """
    _, alert = found(folder, uid)
    yield words.title(alert)
    yield f"{words.span(alert.begin, alert.end)} UTC, {alert.count:,} events, alert {alert.uid}"
    for signal in alert.signals:
        yield f"  {words.subject(signal)}: {words.statement(signal)} (as odd as this: {words.often(signal.rate)})"
    for first in alert.firsts:
        yield f"  {first.field} {first.value}: {words.new_for(first)}"
    if alert.shift:
        yield f"  {words.moved(alert)}"
    if alert.verdict is not None:
        yield f"  verdict: {alert.verdict.answer}, {alert.verdict.why}"


def answer(folder: Path, uid: str, verdict: Verdict) -> Alert:
    """Write an analyst's answer beside an alert, in place of one given before.

    Raises:
        ValueError: for a uid that none or several have.
    """
    path, alert = found(folder, uid)
    answered = replace(alert, verdict=verdict)
    write_alerts(path, [answered if other.uid == alert.uid else other for other in read_alerts(path)])
    return answered


def found(folder: Path, uid: str) -> tuple[Path, Alert]:
    """The alert whose uid begins so, and its file."""
    hits = [
        (path, alert) for path in files(folder).values() for alert in read_alerts(path) if alert.uid.startswith(uid)
    ]
    if len(hits) != 1 or not uid:
        raise ValueError(f"uid {uid!r} is that of {len(hits)} alerts in {folder}, expected one")
    return hits[0]
