"""What checking many events came to: faults by cause, with one example each. Told in `book/part3/records.md`."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from residual.ocsf.checks import Fault
from residual.ocsf.schema import VERSION, VERSIONS
from residual.ocsf.text import cut, short
from residual.ocsf.validate import EXTENSION, NOT_CHECKABLE, faults, whole

MANY = 100  # unknown attributes of one object that are told apart
NO_VERSION, ODD_VERSION = "none", "not a version"
_PLACE = re.compile(r"\[\d+\]")
_VERSION = re.compile(r"\d{1,2}(\.\d{1,2}){1,2}(-[a-z]{1,5}(\.\d{1,2})?)?")


@dataclass(frozen=True)
class Example:
    """One fault: file, place (a row from 0, or a line or value from 1), uid of the event, path, and value, cut."""

    file: str
    place: int
    uid: str | None
    path: str
    got: str | None


@dataclass
class Cause:
    """Equal faults of many events.

    Attributes:
        path: with `[*]` for every place in an array. Where an object has very many unknown attributes, its path and
            `.*` stands for all of them.
        message: what was expected.
        count: how often it occurred.
        by_version: how many of these come from the version alone.
        untold: how many are of events whose version is not at hand, so that this cannot be told.
        example: the first.
        crowd: the path with `.*` if the attribute is unknown, else empty.
    """

    path: str
    message: str
    count: int
    by_version: int
    untold: int
    example: Example
    crowd: str = ""


@dataclass
class Report:
    """What checking many events came to.

    A fault comes from the version alone if the event claims another version of OCSF than ours in `metadata.version`,
    that version has its class, and a check of the event against that version finds nothing at the same path or
    above it: a value that was allowed then, an attribute that was called otherwise, one that is required only since.

    Attributes:
        version: of OCSF that was checked against.
        files: how many there are.
        events: how many were checked, or would have been.
        invalid: events with at least one fault.
        derived: events without `type_uid`, whose class and activity say what it is; this is no fault.
        versions: how many events claim each version.
        not_checkable: events of extensions that are not part of OCSF, by the number of the extension.
        causes: of all faults, by path and message.
        unknown: files of which some events are unknown, and so not counted, with the reason.
        ignored: files that are not of events.
        seconds: from beginning to end.
    """

    version: str = VERSION
    files: int = 0
    events: int = 0
    invalid: int = 0
    derived: int = 0
    versions: Counter[str] = field(default_factory=Counter)
    not_checkable: Counter[int] = field(default_factory=Counter)
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    seconds: float = 0.0
    _crowds: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict, repr=False)

    def sorted_causes(self) -> list[Cause]:
        """The most frequent first."""
        return sorted(self.causes.values(), key=lambda cause: (-cause.count, cause.path, cause.message))

    @property
    def faults(self) -> Counter[str]:
        """How often each fault occurred, by "path: message"."""
        return Counter({f"{cause.path}: {cause.message}": cause.count for cause in self.causes.values()})

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it; `causes` is a list, the most frequent first."""
        content = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return content | {"causes": [asdict(cause) for cause in self.sorted_causes()]}

    def note(self, file: str, place: int, event: Any, reason: str | None) -> None:
        """Check an event, or count the reason why it is none, and add what was found."""
        self.events += 1
        found = faults(event) if reason is None else [Fault("$", reason)]
        of_event: Mapping[str, Any] = event if isinstance(event, dict) else {}
        metadata = of_event.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        claim = _claim(metadata.get("version"))
        self.versions[claim] += 1
        if found and found[0].message == NOT_CHECKABLE:
            self.not_checkable[int(of_event["class_uid"]) // EXTENSION] += 1
            return
        is_known = not found or found[0].path not in ("$", "$.class_uid")
        if is_known and "type_uid" not in of_event and whole(of_event.get("activity_id")) is not None:
            self.derived += 1
        if not found:
            return
        self.invalid += 1
        uid = metadata.get("uid")
        shown_uid = short(uid) if isinstance(uid, str) else None
        for fault, by_version in zip(found, _from_version(of_event, claim, found), strict=True):
            path, crowd = _PLACE.sub("[*]", fault.path), ""
            if fault.unknown:
                crowd = _PLACE.sub("[*]", fault.path[: -len(fault.unknown)]) + "*"
                path = crowd[:-1] + cut(fault.unknown)
            example = Example(file, place, shown_uid, cut(fault.path), None if fault.got is None else short(fault.got))
            self._count(Cause(path, fault.message, 1, by_version is True, by_version is None, example, crowd))

    def add(self, other: "Report") -> None:
        """Add what checking later events came to."""
        for name in ("files", "events", "invalid", "derived"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.versions.update(other.versions)
        self.not_checkable.update(other.not_checkable)
        for cause in other.causes.values():
            self._count(cause)
        self.unknown = other.unknown | self.unknown

    def _count(self, cause: Cause) -> None:
        """Count a cause with its equals. Unknown attributes of an object become one cause once they are very many."""
        if cause.crowd:
            key = (cause.crowd, cause.message)
            members = self._crowds.setdefault(key, {})
            members[cause.path] = None
            if len(members) > MANY or cause.crowd in members:
                for path in members:
                    if path != cause.crowd and (known := self.causes.pop((path, cause.message), None)):
                        self._merge(replace(known, path=cause.crowd))
                self._crowds[key] = {cause.crowd: None}
                cause = replace(cause, path=cause.crowd)
        self._merge(cause)

    def _merge(self, cause: Cause) -> None:
        known = self.causes.setdefault((cause.path, cause.message), cause)
        if known is not cause:
            known.count += cause.count
            known.by_version += cause.by_version
            known.untold += cause.untold


def _claim(version: object) -> str:
    if version is None:
        return NO_VERSION
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else ODD_VERSION


def _from_version(event: Mapping[str, Any], claim: str, found: Sequence[Fault]) -> list[bool | None]:
    """Of each fault, whether it comes from the version alone; None where that version is not at hand."""
    version = f"{claim}.0" if claim.count(".") == 1 else claim
    if version in (VERSION, NO_VERSION, ODD_VERSION):
        return [False] * len(found)
    if version not in VERSIONS:
        return [None] * len(found)
    then = {fault.path for fault in faults(event, version=version)}
    if "$.class_uid" in then:
        return [False] * len(found)
    return [not any(_covers(path, fault.path) for path in then) for fault in found]


def _covers(path: str, other: str) -> bool:
    return path == other or (path != "$" and other.startswith((f"{path}.", f"{path}[")))
