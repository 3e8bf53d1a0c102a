"""What `residual validate` and `residual inspect` say, line by line: one screen, or all with `details`.

Told in `book/part3/records.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from residual.ocsf.inspect import ColumnSummary, Inspection
from residual.ocsf.intake import Drift, Summary
from residual.ocsf.report import Report
from residual.ocsf.text import cut, short

SOME = 8  # lines of a kind on one screen
WIDTH = 100
_BANDS = ((1.0, "full"), (0.5, "half or more"), (0.01, "1% to half"), (0.0, "below 1%"))


def validation(report: Report, *, details: bool = False) -> Iterator[str]:
    """What checking came to: counts, then the faults by cause, the most frequent first, each with an example."""
    files, rate = _many(report.files, "file"), f"{report.events / (report.seconds or inf):,.0f} events/s"
    yield f"{_many(report.events, 'event')}, {report.invalid:,} invalid, in {files}, {rate}"
    yield f"checked against OCSF {report.version}; the events claim {_counted(report.versions)}"
    if report.derived:
        events = _many(report.derived, "event")
        yield f"type_uid is missing from {events}, and follows from class and activity: that is no fault"
    if report.not_checkable:
        extensions = {f"extension {number}": count for number, count in report.not_checkable.items()}
        yield f"not checkable, of a class that OCSF does not have: {_counted(extensions)}"
    yield from _files(report.unknown, report.ignored, details)
    causes = report.sorted_causes()
    if causes:
        count, by_version, untold = (
            sum(getattr(c, name) for c in causes) for name in ("count", "by_version", "untold")
        )
        unsure = f"; of {untold:,} we cannot tell, for we lack the schema of their version" if untold else ""
        yield f"{_many(count, 'fault')}, {by_version:,} from the version alone{unsure}; {_many(len(causes), 'cause')}:"
        yield ""
    for cause in causes if details else causes[:SOME]:
        by_version = f" ({cause.by_version:,} from the version alone)" if cause.by_version else ""
        yield f"{cause.count:12,} {cause.path}: {cause.message}{by_version}"
        example = cause.example
        uid = f", uid {example.uid}" if example.uid else ""
        where = "" if example.path == cause.path else f": {example.path}"
        got = "" if example.got is None else f", got {example.got}"
        yield f"{'':15}{example.file}, {example.place}{uid}{where}{got}"
    yield from _more(len(causes), details)


def inspection(summary: Summary, found: Inspection, *, details: bool = False) -> Iterator[str]:
    """What a folder holds: files, rows, classes, span, versions, columns by how full they are, and what is odd."""
    files, rows = _many(summary.files, "file"), _many(summary.rows_in, "row")
    yield f"{files}, {rows}, {summary.rows_quarantined:,} of them rejected"
    reasons = summary.quarantined.most_common()
    for reason, count in reasons if details else reasons[:SOME]:
        yield f"{count:12,} rejected: {reason}"
    yield from _more(len(reasons), details)
    names = list(found.class_names().items())
    for uid, name in names if details else names[:SOME]:
        yield f"{found.classes[uid]:12,} {name} ({uid})"
    yield from _more(len(names), details)
    if found.first is not None and found.last is not None:
        yield f"from {_moment(found.first)} to {_moment(found.last)}"
    if found.versions:
        yield f"versions: {_counted(found.versions)}"
    yield from _columns(found.columns, details)
    yield from _drift(summary.drift, details)
    yield from _files(summary.unknown, summary.ignored, details)


def _columns(columns: Sequence[ColumnSummary], details: bool) -> Iterator[str]:
    yield f"{_many(len(columns), 'column')}, by the share of events that fill them:"
    left = sorted(columns, key=lambda column: column.null_rate)
    for least, band in _BANDS:
        inside = [column for column in left if 1 - column.null_rate >= least]
        left = left[len(inside) :]
        if not inside:
            continue
        if not details:
            yield cut(f"{len(inside):12,} {band}: {', '.join(cut(column.name) for column in inside)}", WIDTH)
            continue
        for column in inside:
            values = ", ".join(f"{short(value)} ({count:,})" for value, count in column.top)
            yield f"{1 - column.null_rate:7.1%} {cut(column.name)} {column.dtype}{f': {values}' if values else ''}"


def _drift(drift: Sequence[Drift], details: bool) -> Iterator[str]:
    """Changes from file to file: one line for all of a kind, or one line each."""
    if details:
        yield from (f"{change.file}: {change.column}: {change.change}" for change in drift)
        return
    kinds: dict[str, list[Drift]] = {}
    for change in drift:
        is_new = change.change.startswith("new ")
        kinds.setdefault("a column that earlier files lack" if is_new else change.change, []).append(change)
    for kind, changes in list(kinds.items())[:SOME]:
        files = len({change.file for change in changes})
        first = f"{cut(changes[0].column)} in {changes[0].file}"
        yield f"{len(changes):12,} times, in {_many(files, 'file')}, {kind}: first {first}"
    yield from _more(len(kinds), details)


def _files(unknown: Mapping[str, str], ignored: Sequence[str], details: bool) -> Iterator[str]:
    """Files that were read in part or not at all."""
    names = list(unknown.items())
    for name, reason in names if details else names[:SOME]:
        yield f"{cut(name)}: {reason}; its other events are unknown"
    yield from _more(len(names), details)
    if ignored:
        some = ", ".join(cut(name) for name in ignored[:3])
        yield f"{_many(len(ignored), 'file')} passed over: {some}{', ...' if len(ignored) > 3 else ''}"
        if details:
            yield from (f"{'':12} {name}" for name in ignored)


def _more(count: int, details: bool) -> Iterator[str]:
    if count > SOME and not details:
        yield f"{'':12} and {count - SOME:,} more, --details shows all"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _counted(counts: Mapping[Any, int]) -> str:
    """Names with their counts on one line, the most frequent first."""
    named = [f"{name} ({count:,})" for name, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]
    return ", ".join(named[:SOME]) + (f" and {len(named) - SOME:,} more" if len(named) > SOME else "")


def _moment(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat(" ", "seconds")
