"""Whether an event is valid OCSF 1.8.0: its class's JSON Schema, and the rules that the schema does not know.

The JSON Schema of a class is built by `ocsf-json-schema` for the profiles that the event names in `metadata.profiles`,
compiled once, and run by `jsonschema-rs`. Told in `book/part3/records.md`.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded

from residual.ocsf.checks import Fault, check
from residual.ocsf.schema import VERSION, ocsf, ocsf_class

MOST_REJECTS = 1000
NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Reject:
    """An invalid event.

    Attributes:
        place: among the events, from 0; in a file its row from 0, or its line or value from 1.
        uid: its `metadata.uid`, if it has one.
        faults: all of them.
        file: where it is from, if from a file.
    """

    place: int
    uid: str | None
    faults: tuple[Fault, ...]
    file: str | None = None


@dataclass
class Report:
    """What a bulk validation found.

    Attributes:
        events: looked at.
        invalid: events with at least one fault.
        faults: how often each fault occurred, by "path: message"; places in arrays are `[*]`.
        rejects: the first invalid events, at most as many as asked for; `invalid` counts all.
        unknown: files of which some events are unknown, and so not counted, with the reason.
        seconds: spent on checking alone, not on getting the events.
    """

    events: int = 0
    invalid: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def check(self, event: Any, most_rejects: int, place: int, file: str | None = None) -> None:
        """Look for the faults of one event, and count them."""
        start = time.perf_counter()
        found = faults(event)
        self.seconds += time.perf_counter() - start
        metadata = event.get("metadata") if found and isinstance(event, dict) else None
        uid = metadata.get("uid") if isinstance(metadata, dict) else None
        self.count(Reject(place, uid if isinstance(uid, str) else None, tuple(found), file), most_rejects)

    def count(self, looked_at: Reject, most_rejects: int) -> None:
        """Count an event by its faults; without any it is valid."""
        self.events += 1
        if looked_at.faults:
            self.invalid += 1
            self.faults.update(f"{re.sub(NUMBER, '[*]', fault.path)}: {fault.message}" for fault in looked_at.faults)
            if len(self.rejects) < most_rejects:
                self.rejects.append(looked_at)

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


@lru_cache(maxsize=256)
def _validator(class_uid: int, profiles: frozenset[str]) -> tuple[jsonschema_rs.Validator, dict[str, Any]]:
    """The compiled schema of a class under profiles, and the schema itself. Values are masked in its messages."""
    schema = OcsfJsonSchemaEmbedded(ocsf()).get_class_schema(ocsf_class(class_uid)["name"], sorted(profiles))
    return jsonschema_rs.validator_for(schema, mask="value"), schema


@lru_cache(maxsize=1)
def _forms() -> dict[str, str]:
    """What a regular expression of the schema stands for, such as "IP Address"."""
    types = ocsf()["dictionary"]["types"]["attributes"].values()
    return {entry["regex"]: entry["caption"] for entry in types if "regex" in entry}


def faults(event: object) -> list[Fault]:
    """Everything that is wrong with one event, a nested dict without nulls; empty if it is valid OCSF 1.8.0.

    An attribute of a profile is known only in an event whose `metadata.profiles` names that profile.
    """
    if not isinstance(event, dict):
        return [Fault("$", "expected object", event)]
    if fault := _class_fault(event.get("class_uid")):
        return [fault]
    entry = ocsf_class(event["class_uid"])
    named = _named_profiles(event)
    known = frozenset(named).intersection(entry["profiles"])
    found = [
        Fault("$.metadata.profiles[*]", f"no profile of {entry['name']}", name) for name in named if name not in known
    ]
    validator, schema = _validator(entry["uid"], known)
    try:
        if not validator.is_valid(event):
            under = ", ".join(sorted(known)) or "none"
            for error in validator.iter_errors(event):
                found += _faults_of(error, schema, under)
    except ValueError as error:  # nested without end, a name that is no string
        return [*found, Fault("$", f"no JSON that can be checked: {error}")]
    return [*found, *check(event, entry["name"])]


def _class_fault(uid: object) -> Fault | None:
    """Why it cannot be told which schema is an event's own."""
    if uid is None:
        return Fault("$.class_uid", "required, but missing")
    if not isinstance(uid, int) or isinstance(uid, bool):
        return Fault("$.class_uid", "expected integer", uid)
    try:
        ocsf_class(uid)
    except ValueError:
        return Fault("$.class_uid", f"no class of OCSF {VERSION}", uid)
    return None


def _named_profiles(event: Mapping[str, Any]) -> list[str]:
    metadata = event.get("metadata")
    named = metadata.get("profiles") if isinstance(metadata, dict) else None
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _faults_of(error: jsonschema_rs.ValidationError, schema: dict[str, Any], under: str) -> list[Fault]:
    """An error of the schema in our words: what was expected, at the place where it was expected."""
    kind = error.kind.as_dict()
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    match error.kind.name:
        case "additionalProperties":
            inside: Any = error.instance
            return [
                Fault(f"{path}.{name}", f"no attribute here (profiles: {under})", inside[name])
                for name in kind["unexpected"]
            ]
        case "required":
            return [Fault(f"{path}.{kind['property']}", "required, but missing")]
        case "anyOf" | "oneOf":
            alternatives: Any = schema
            for step in error.schema_path:
                alternatives = alternatives[step]
            names = ", ".join(name for alternative in alternatives for name in alternative["required"])
            return [Fault(path, f"{'at least' if error.kind.name == 'anyOf' else 'exactly'} one of {names} is needed")]
        case "type":
            message = f"expected {' or '.join(kind['types'])}"
        case "enum":
            message = f"expected one of {', '.join(map(str, sorted(kind['options'])))}"
        case "const":
            message = f"expected {kind['expected_value']}"
        case "pattern":
            message = f"expected the form of {_forms()[kind['pattern']]}"
        case _:
            message = error.message.removeprefix("value is ")
    return [Fault(path, message, error.instance)]


def validate(events: Iterable[Mapping[str, Any]], *, most_rejects: int = MOST_REJECTS) -> Report:
    """`faults` of every event, counted. Takes the events one by one and keeps only rejects."""
    report = Report()
    for place, event in enumerate(events):
        report.check(event, most_rejects, place)
    return report
