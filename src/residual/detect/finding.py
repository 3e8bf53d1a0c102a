"""A Detection Finding read back as an alert. What stands where in a finding is told in `alerts`, which writes it."""

from collections.abc import Mapping
from math import isfinite, nan
from typing import Any, NoReturn

from residual.detect.alert import Alert, Alike, Answer, Entity, FirstTime, Muted, Observation, Signal, Verdict
from residual.ocsf.text import short
from residual.ocsf.validate import faults

CLASS_UID = 2004
MEASURED, EXPECTED, SPREAD, RATE, PAST = "measured", "expected", "standard deviation", "as unusual per day", "past"
VERDICTS: dict[Answer, int] = {"true": 2, "benign": 5, "unsure": 7}  # True Positive, Benign, Insufficient Data
_ANSWERS: dict[int, Answer] = {uid: answer for answer, uid in VERDICTS.items()} | {1: "benign", 4: "unsure"}


def from_ocsf(event: Mapping[str, Any]) -> Alert:
    """The alert that `to_ocsf` wrote, equal in everything.

    Raises:
        ValueError: for an event that is not valid, or that lacks something that an alert has; it names the field.
    """
    for fault in faults(event):
        raise ValueError(f"{fault.path}: {fault.message}, got {short(fault.got)}")
    finding = _Part({name: value for name, value in event.items() if name != "evidences"}, "$")
    if finding["class_uid"] != CLASS_UID:
        refuse("$.class_uid", f"{CLASS_UID}, a Detection Finding", finding["class_uid"])
    info, observables, kinds = finding["finding_info"], finding["observables"], finding["unmapped"]["kinds"]
    if not isinstance(kinds, list) or list(map(type, kinds)) != [str] * len(observables):
        refuse("$.unmapped.kinds", f"a list of {len(observables)} texts, one per observable", kinds)
    if not finding["anomaly_analyses"]:
        refuse("$.anomaly_analyses", "at least one analysis", [])
    return Alert(
        uid=info["uid"],
        raised=int(finding["time"]),
        begin=int(info["first_seen_time"]),
        end=int(info["last_seen_time"]),
        entities=tuple(Entity(kind, one["value"]) for kind, one in zip(kinds, observables, strict=True)),
        signals=tuple(map(_signal, finding["anomaly_analyses"])),
        firsts=tuple(map(_first, finding["enrichments"])),
        events=tuple(one["uid"] for one in info["related_events"]),
        count=int(info["related_events_count"]),
        evidence=tuple(_merged(one, f"$.evidences[{n}].data") for n, one in enumerate(event.get("evidences", ()))),
        verdict=_verdict(finding),
        **_moved(finding["unmapped"]),
        muted=_muted(finding["unmapped"]),
    )


class _Part(dict[str, Any]):
    """An object of a finding that knows its place: what an alert needs and is missing is an error that names it."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        super().__init__((name, _part(inner, f"{path}.{name}")) for name, inner in value.items())
        self.path = path

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(f"{self.path}.{name}: an alert needs it, but it is missing")


def _part(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_part(inner, f"{path}[{n}]") for n, inner in enumerate(value)]
    return _Part(value, path) if isinstance(value, dict) else value


def refuse(path: str, expected: str, got: object) -> NoReturn:
    raise ValueError(f"{path}: expected {expected}, got {short(got)}")


def _number(observation: _Part) -> float:
    text: str = observation["value"]
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not isfinite(value):
        refuse(f"{observation.path}.value", "a number", text)
    return value


def _signal(analysis: _Part) -> Signal:
    found: dict[str, list[_Part]] = {what: [] for what in (MEASURED, EXPECTED, SPREAD, RATE, PAST)}
    for part in (*analysis["anomalies"], *analysis["baselines"]):
        found.get(part["observation_type"], []).extend(part["observations"])
    for what in (MEASURED, EXPECTED, SPREAD, RATE):
        if len(found[what]) != 1:
            refuse(analysis.path, f'one observation of the observation_type "{what}"', len(found[what]))
    (measured,), (expected,), (spread,), (rate,), past = found.values()
    return Signal(
        detector=analysis["anomalies"][0]["observation_parameter"],
        entities=tuple(Entity(one["type"], one["name"]) for one in analysis["analysis_targets"]),
        begin=int(measured["timespan"]["start_time"]),
        end=int(measured["timespan"]["end_time"]),
        value=_number(measured),
        expected=_number(expected),
        spread=_number(spread),
        rate=_number(rate),
        past=tuple(Observation(int(one["timespan"]["end_time"]), _number(one)) for one in past),
        detail=analysis["anomalies"][0].get("observed_pattern", ""),
    )


def _first(enrichment: _Part) -> FirstTime:
    data = enrichment["data"]
    if not isinstance(data, _Part) or not isinstance(data["whom"], str):
        refuse(f"{enrichment.path}.data", 'an object with a text "whom"', data)
    return FirstTime(enrichment["name"], enrichment["value"], data["whom"])


def _merged(evidence: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The event that `_evidence` parted."""
    data = evidence.get("data")
    if not isinstance(data, dict):
        refuse(path, "the rest of an event", data)
    return {name: value for name, value in evidence.items() if name != "data"} | data


def _verdict(finding: _Part) -> Verdict | None:
    uid, at = finding["verdict_id"], finding["finding_info"].get("modified_time")
    if uid == 0:
        return None
    if uid not in _ANSWERS:
        refuse("$.verdict_id", f"one of {', '.join(map(str, sorted([0, *_ANSWERS])))}", uid)
    who = finding.get("assignee", {}).get("name")
    until = finding["unmapped"].get("mutes_until")
    if until is not None and type(until) is not int:
        refuse("$.unmapped.mutes_until", "a whole number of days since 1970", until)
    return Verdict(_ANSWERS[uid], finding.get("comment", ""), who, None if at is None else int(at), until)


def _muted(unmapped: _Part) -> Muted | None:
    if "muted" not in unmapped:
        return None
    try:
        muted = unmapped["muted"]
        return Muted(str(muted["uid"]), int(muted["until"]), str(muted["why"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"$.unmapped.muted: expected what residual score writes, got {error}") from error


def _moved(unmapped: _Part) -> dict[str, Any]:
    """What `alerts._moved` wrote of earlier verdicts: the fields `shift` and `alike` of an alert."""
    if "verdicts" not in unmapped:
        return {}
    try:
        verdicts = unmapped["verdicts"]
        shift, alike = float(verdicts["shift"]), tuple(map(_alike, verdicts["alike"]))
        if not abs(shift) <= 1:
            raise ValueError(f"a shift of {shift}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"$.unmapped.verdicts: expected what residual score writes, got {error}") from error
    return {"shift": shift, "alike": alike}


def _alike(one: _Part) -> Alike:
    entity = Entity(str(one["entity"]["kind"]), str(one["entity"]["value"]))
    return Alike(str(one["uid"]), _ANSWERS[VERDICTS[one["answer"]]], float(one["likeness"]), entity, int(one["begin"]))
