"""Alerts as Detection Findings of OCSF 1.8.0 (class 2004), one per line of a file. Told in part V.

Where what stands: `finding_info` has the title, the first and the last time, and the events behind the alert by their
uid; `anomaly_analyses` has one analysis per signal, whose baselines are what was expected, its standard deviation, how
often per day something as unusual is expected, and the past; `evidences` has events, of which `data` keeps what an
evidence has no attribute for; `enrichments` has what happened for the first time; `observables` has the entities. Only
the kinds of the entities have no place in OCSF: they are `unmapped.kinds`, in the order of `observables`; nor has what
earlier verdicts did to the alert, `unmapped.verdicts`, nor what mutes it or what it mutes, `unmapped.muted` and
`unmapped.mutes_until`.

An analyst's answer is `verdict_id`, `comment` (why), `assignee` (who) and `finding_info.modified_time` (when). Severity
says how odd an alert is, and nothing about harm. There is no confidence, risk or attack: nothing here measures these.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any

from residual.detect.alert import Alert, Entity, Signal
from residual.detect.finding import CLASS_UID, EXPECTED, MEASURED, PAST, RATE, SPREAD, VERDICTS, from_ocsf, refuse
from residual.detect.words import title
from residual.ocsf.limits import Limits
from residual.ocsf.records import records
from residual.ocsf.schema import VERSION, ocsf
from residual.ocsf.text import printable, short
from residual.ocsf.unpacking import UnreadableError
from residual.ocsf.validate import faults
from residual.storage import write_atomically

__all__ = ["from_ocsf", "read_alerts", "to_ocsf", "write_alerts"]

MUTES = "mutes_until"
_SUPPRESSED = 3  # `status_id`
_LEARNING = 4  # `analytic.type_id`
_SEVERITIES = ((1 / 365, 4), (1 / 30, 3), (1.0, 2))  # at most so often per day: high, medium, low; else informational
_OBSERVABLES = {"user": 4, "machine": 1, "host": 1, "destination": 1, "domain": 1, "process": 9, "port": 11}
_IP_ADDRESS, _OTHER = 2, 99
_OF_EVIDENCE = re.compile(r"\$\.evidences\[(\d+)\]\.(\w+)")


def to_ocsf(alert: Alert) -> dict[str, Any]:
    """An alert as a Detection Finding, valid against the schema.

    Raises:
        ValueError: for an alert without signals, a number that is not finite, or a time that is not in milliseconds.
    """
    try:
        return _checked(_finding(alert))
    except ValueError as error:
        raise ValueError(f"alert {short(alert.uid)}: {error}") from error


def write_alerts(path: Path, alerts: Iterable[Alert]) -> None:
    """Write alerts to a file, a finding per line, whole or not at all.

    Raises:
        ValueError: for an alert that cannot be written; no file is written then.
    """
    write_atomically(path, b"".join(map(_line, alerts)))


def read_alerts(path: Path) -> list[Alert]:
    """Read what `write_alerts` wrote.

    Raises:
        ValueError: for a file or a line that is no alert; it names the file, the line, the field, its value and what
            was expected.
    """
    return list(_read(path))


def _line(alert: Alert) -> bytes:
    try:
        return json.dumps(to_ocsf(alert), allow_nan=False).encode() + b"\n"
    except TypeError as error:
        raise ValueError(f"alert {short(alert.uid)}: {error}") from error


def _finding(alert: Alert) -> dict[str, Any]:
    if not alert.signals:
        refuse("signals", "at least one", [])
    analyses = [_analysis(signal) for signal in alert.signals]
    info = {
        "uid": alert.uid,
        "title": printable(title(alert)),
        "analytic": {"type_id": _LEARNING, "name": "Windows of entities and pairs beside their past"},
        "first_seen_time": alert.begin,
        "last_seen_time": alert.end,
        "related_events": [{"uid": uid} for uid in alert.events],
        "related_events_count": alert.count,
    }
    unmapped: dict[str, Any] = {"kinds": [entity.kind for entity in alert.entities], **_moved(alert)}
    event = {
        "class_uid": CLASS_UID,
        "category_uid": 2,
        "activity_id": 1,  # Create
        "type_uid": CLASS_UID * 100 + 1,
        "time": alert.raised,
        "severity_id": next((severity for most, severity in _SEVERITIES if alert.rate <= most), 1),
        "status_id": 1,  # New
        "is_alert": True,
        "verdict_id": 0,
        "metadata": {
            "version": VERSION,
            "product": {"name": "residual", "version": version("residual")},
            "profiles": ["incident"],  # has the verdict
        },
        "finding_info": info,
        "anomaly_analyses": analyses,
        "observables": [_observable(entity) for entity in alert.entities],
        "enrichments": [
            {"name": first.field, "value": first.value, "type": "first time", "data": {"whom": first.whom}}
            for first in alert.firsts
        ],
        "evidences": [_evidence(dict(one)) for one in alert.evidence],
        "unmapped": unmapped,
    }
    if alert.muted is not None:
        event["status_id"] = _SUPPRESSED
        unmapped["muted"] = alert.muted._asdict()
    if alert.verdict is not None:
        event |= {"activity_id": 2, "type_uid": CLASS_UID * 100 + 2}  # Update
        event |= {"status_id": 2 if alert.verdict.answer == "unsure" else 4}  # In Progress, Resolved
        event |= {"verdict_id": VERDICTS[alert.verdict.answer], "comment": alert.verdict.why}
        if alert.verdict.who is not None:
            event["assignee"] = {"name": alert.verdict.who}
        if alert.verdict.until is not None:
            event["status_id"] = _SUPPRESSED
            unmapped[MUTES] = alert.verdict.until
        if alert.verdict.at is not None:
            info["modified_time"] = alert.verdict.at
    return event


def _moved(alert: Alert) -> dict[str, Any]:
    if not alert.shift and not alert.alike:
        return {}
    alike = [{**one._asdict(), "entity": one.entity._asdict()} for one in alert.alike]
    return {"verdicts": {"shift": alert.shift, "alike": alike}}


def _read(path: Path) -> Iterator[Alert]:
    try:
        for record in records(path, Limits()):
            place = f"{path}, {record.unit} {record.number}"
            if record.reason is not None:
                raise ValueError(f"{place}: {record.reason}, expected a finding, got {short(record.text)}")
            try:
                yield from_ocsf(record.value)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
    except UnreadableError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(event: dict[str, Any]) -> dict[str, Any]:
    """The event, valid: what is wrong in an event of the evidence goes into `data`, where all is allowed."""
    while found := faults(event):
        for fault in found:
            place = _OF_EVIDENCE.match(fault.path)
            if place is None:
                raise ValueError(f"{fault.path}: {fault.message}, got {short(fault.got)}")
            evidence = event["evidences"][int(place[1])]
            if place[2] in evidence:  # an attribute may have more than one fault
                evidence["data"][place[2]] = evidence.pop(place[2])
    return event


def _text(value: float) -> str:
    """A number as OCSF has the values of observations, such that `float` gives the same again."""
    if not isfinite(value):
        raise ValueError(f"a signal has a value that is not finite: {value}")
    return repr(float(value)).removesuffix(".0")


def _analysis(signal: Signal) -> dict[str, Any]:
    """The analysis of a signal: whom it is about, what was measured, and what was expected instead."""

    def observed(what: str, *observations: Mapping[str, Any]) -> dict[str, Any]:
        return {"observation_parameter": signal.detector, "observation_type": what, "observations": list(observations)}

    window = {"type_id": 9, "start_time": signal.begin, "end_time": signal.end}  # Time Interval
    numbers = {EXPECTED: signal.expected, SPREAD: signal.spread, RATE: signal.rate}
    baselines = [observed(what, {"value": _text(value)}) for what, value in numbers.items()]
    if signal.past:
        past = ({"value": _text(one.value), "timespan": {"end_time": one.end}} for one in signal.past)
        baselines.append(observed(PAST, *past))
    measured = observed(MEASURED, {"value": _text(signal.value), "timespan": window})
    return {
        "analysis_targets": [{"name": entity.value, "type": entity.kind} for entity in signal.entities],
        "anomalies": [measured | ({"observed_pattern": signal.detail} if signal.detail else {})],
        "baselines": baselines,
    }


def _observable(entity: Entity) -> dict[str, Any]:
    """An entity with the number that OCSF has for its type: addresses are told from names by how they look."""
    type_id = _OBSERVABLES.get(entity.kind, _OTHER)
    if entity.kind != "user" and _is_address(entity.value):
        type_id = _IP_ADDRESS
    return {"type_id": type_id, "value": entity.value} | ({"type": entity.kind} if type_id == _OTHER else {})


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@cache
def _artifacts() -> frozenset[str]:
    """The objects of an event that an evidence has an attribute for, such as `actor` and `src_endpoint`."""
    attributes = ocsf()["objects"]["evidences"]["attributes"]
    return frozenset(name for name, one in attributes.items() if one["type"] == "object_t")


def _evidence(event: Mapping[str, Any]) -> dict[str, Any]:
    artifacts = {name: value for name, value in event.items() if name in _artifacts()}
    return artifacts | {"data": {name: value for name, value in event.items() if name not in artifacts}}
