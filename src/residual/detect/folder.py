"""A folder of alerts as `residual score` writes it, a file per day, and what the command line does with it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import polars as pl

from residual.detect import words
from residual.detect.alert import Alert, Muted, Verdict
from residual.detect.alerts import MUTES, read_alerts, write_alerts
from residual.detect.metrics import LABELS, Evaluation, evaluate
from residual.detect.report import report
from residual.detect.stream import DAY
from residual.storage import write_atomically

Key: TypeAlias = tuple[str, str, str, str | None]  # a detector; kind and value of an entity; value of the other
LONGEST = 90  # days that an answer can mute
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


def keys(alert: Alert) -> Iterator[Key]:
    """Whom and what the signals of an alert are about."""
    for signal in alert.signals:
        entity, *other = signal.entities
        yield signal.detector, entity.kind, entity.value, other[0].value if other else None


def answered(folder: Path, *, since: int) -> dict[str, tuple[Verdict, int]]:
    """The answers that stand in a folder, by uid, each with the day of its alert; those of days from `since` on.

    Raises:
        ValueError: for a file that does not hold alerts.
    """
    some = ((alert, day) for day, path in _files(folder).items() if day >= since for alert in read_alerts(path))
    return {alert.uid: (alert.verdict, day) for alert, day in some if alert.verdict is not None}


def mutes(folder: Path, *, since: int) -> list[tuple[int, Key, Muted]]:
    """What the answers of a folder mute on a day, since 1970, or later: the day of the alert, and what it is about.

    Raises:
        ValueError: for a file that does not hold alerts.
    """
    some = {day: path for day, path in _files(folder).items() if day >= since - LONGEST and MUTES in path.read_text()}
    return [
        (day, key, Muted(alert.uid, alert.verdict.until, alert.verdict.why))
        for day, path in some.items()
        for alert in read_alerts(path)
        if alert.verdict is not None and alert.verdict.until is not None and alert.verdict.until >= since
        for key in keys(alert)
    ]


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
    span = f"of {some[0].stem}" if len(some) == 1 else f"from {some[0].stem} to {some[-1].stem}"
    write_atomically(out, report(alerts, title=f"Alerts {span}").encode())
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
    if alert.muted is not None:
        yield f"  {words.muted(alert.muted)}"
    if alert.verdict is not None:
        yield f"  verdict: {alert.verdict.answer}, {alert.verdict.why}"


def answer(folder: Path, uid: str, verdict: Verdict) -> Alert:
    """Write an analyst's answer beside an alert, in place of one given before.

    Raises:
        ValueError: for a uid that none or several have; or for an alert that is to be muted though it is not benign, or
            not from its own day to at most `LONGEST` days later.
    """
    path, alert = found(folder, uid)
    if verdict.until is not None:
        if verdict.answer != "benign":
            raise ValueError(f"only what is benign can be muted, got {verdict.answer}")
        day = (alert.raised - 1) // DAY
        if not day <= verdict.until <= day + LONGEST:
            first, last = (str(_EPOCH + timedelta(days=some)) for some in (day, day + LONGEST))
            until = words.whole_day(verdict.until * DAY)
            raise ValueError(f"alert {alert.uid} can be muted until a day from {first} to {last}, got {until}")
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
