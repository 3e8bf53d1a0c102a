"""Whether events are valid OCSF 1.8.0: the JSON Schema of their class, and the rules that the schema does not know.

The JSON Schema of a class is built by `ocsf-json-schema` for the profiles that the event names in `metadata.profiles`,
compiled once, and run by `jsonschema-rs`. `faults` checks one event, `validate_folder` those of many files; that is
what `residual validate` runs. Told in `book/part3/records.md`.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded
from tqdm import tqdm

from residual.ocsf.checks import Fault, check
from residual.ocsf.events import dicts
from residual.ocsf.parquet import BROKEN, first_line, scan
from residual.ocsf.records import Limits, UnreadableError, records
from residual.ocsf.schema import VERSION, ocsf, ocsf_class
from residual.ocsf.sources import Source, sources

BATCH = 10_000
NUMBER = re.compile(r"\[\d+\]")


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
    uid = event.get("class_uid")
    if type(uid) is not int:
        return [Fault("$.class_uid", "required, but missing" if uid is None else "expected integer", uid)]
    try:
        entry = ocsf_class(uid)
    except ValueError:
        return [Fault("$.class_uid", f"no class of OCSF {VERSION}", uid)]
    metadata = event.get("metadata")
    named = metadata.get("profiles") if isinstance(metadata, dict) else None
    named = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    known = frozenset(named).intersection(entry["profiles"])
    event_faults = [
        Fault("$.metadata.profiles[*]", f"no profile of {entry['name']}", name) for name in named if name not in known
    ]
    validator, schema = _validator(entry["uid"], known)
    try:
        if not validator.is_valid(event):
            under = ", ".join(sorted(known)) or "none"
            for error in validator.iter_errors(event):
                event_faults += _faults_of(error, schema, under)
    except ValueError as error:  # nested without end, a name that is no string
        return [*event_faults, Fault("$", f"no JSON that can be checked: {error}")]
    return [*event_faults, *check(event, entry["name"])]


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


@dataclass(frozen=True)
class Reject:
    """An invalid event.

    Attributes:
        file: where it is from.
        place: its row in the file, from 0, or its line or value, from 1.
        uid: its `metadata.uid`, if it has one.
        faults: all of them.
    """

    file: str
    place: int
    uid: str | None
    faults: tuple[Fault, ...]


@dataclass
class Report:
    """What checking many events came to.

    Attributes:
        events: how many were checked.
        invalid: events with at least one fault.
        faults: how often each fault occurred, by "path: message"; places in arrays are `[*]`.
        rejects: the first invalid events, at most as many as asked for; `invalid` counts all.
        unknown: files of which some events are unknown, and so not counted, with the reason.
        seconds: spent on checking alone, not on reading the events.
    """

    events: int = 0
    invalid: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


def validate_folder(
    folder: str | Path, *, most_rejects: int = 1000, limits: Limits | None = None, progress: bool = False
) -> Report:
    """Check every event in a folder of Parquet, JSON and JSON Lines, or in one such file.

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
            for number, event, reason in _events(source, limits or Limits()):
                start = time.perf_counter()
                event_faults = faults(event) if reason is None else [Fault("$", reason)]
                report.seconds += time.perf_counter() - start
                report.events += 1
                if not event_faults:
                    continue
                report.invalid += 1
                report.faults.update(f"{re.sub(NUMBER, '[*]', fault.path)}: {fault.message}" for fault in event_faults)
                if len(report.rejects) < most_rejects:
                    metadata = event.get("metadata") if isinstance(event, dict) else None
                    uid = metadata.get("uid") if isinstance(metadata, dict) else None
                    uid = uid if isinstance(uid, str) else None
                    report.rejects.append(Reject(source.name, number, uid, tuple(event_faults)))
        except UnreadableError as error:
            report.unknown[source.name] = str(error)
    return report


def _events(source: Source, limits: Limits) -> Iterator[tuple[int, Any, str | None]]:
    """The events of a file, each with its number in the file, and with the reason where it is none."""
    if not source.is_parquet:
        yield from ((record.number, record.value, record.reason) for record in records(source.path, limits))
        return
    try:
        batches = scan(source).collect_batches(chunk_size=BATCH)
        for row, event in enumerate(event for batch in batches for event in dicts(batch)):
            yield row, event, None
    except BROKEN as error:
        raise UnreadableError(f"no whole Parquet file: {first_line(error)}") from error
