"""An OCSF event in the making. What has a place in its class goes there, all else of the record to `unmapped`.

The schema is the judge: a value goes to its place in the type that the schema has there, and returns to `unmapped`
if the finished event has a fault because of it. So a strange value costs its column and not the row.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from residual.ocsf.checks import EARLIEST, LATEST, pairs
from residual.ocsf.convert.values import fitted, milliseconds
from residual.ocsf.records import Record
from residual.ocsf.schema import VERSION, ocsf, ocsf_class
from residual.ocsf.validate import faults

Fields: TypeAlias = str | list[str]  # one of a record, or some of which the first counts


def mapping(name: str) -> dict[str, dict[str, Any]]:
    """The tables of a file beside this one, each with what it says by path."""
    tables = tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))
    return {table: dict(_flat(inner)) for table, inner in tables.items()}


def _flat(inside: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in inside.items():
        yield from _flat(value, f"{above}{name}.") if isinstance(value, dict) else [(above + name, value)]


class Draft:
    """An event of a class, and what is left of the record that it is made from.

    Its `metadata.uid` comes from the text of the record and its place in the file, so the same file gives the same ids.
    Its time is also kept as it was written, since that may be finer than OCSF's milliseconds.

    Attributes:
        record: what is left.
        places: values of the event by path.

    Raises:
        ValueError: if the field `time` holds none that can be believed.
    """

    def __init__(
        self, class_uid: int, raw: Record, record: dict[str, Any], time: str, always: Mapping[str, Any]
    ) -> None:
        if (when := milliseconds(record.get(time))) is None:
            raise ValueError(f"{time}: expected a time, in seconds since 1970 or as in ISO 8601")
        if not EARLIEST <= when <= LATEST:
            raise ValueError(f"{time}: expected a time between March 1973 and the year 9999; was the clock set?")
        digest = sha256(raw.raw).hexdigest()
        self.record, self._class = record, ocsf_class(class_uid)
        self._origins: dict[str, tuple[dict[str, Any], str, Any] | None] = {}
        self.places: dict[str, Any] = {
            **always, "class_uid": class_uid, "category_uid": self._class["category_uid"], "severity_id": 1,
            "time": when, "metadata.original_time": str(record.pop(time)), "metadata.version": VERSION,
            "metadata.uid": sha256(f"{digest} {raw.unit} {raw.number}".encode()).hexdigest()[:32],
            "raw_data_hash.value": digest, "raw_data_hash.algorithm_id": 3, "raw_data_hash.algorithm": "SHA-256",
        }  # fmt: skip

    def take_all(self, fields: Mapping[str, Fields]) -> None:
        """Take fields, by the place of each."""
        for path, some in fields.items():
            self.take(some, path)

    def take(self, fields: Fields, path: str, convert: Callable[[Any], Any] | None = None) -> None:
        """Move a field to a place of the event that is free, if its value can be had in the type of that place.

        Of several fields the first such. A time is copied, since it may be finer than milliseconds.
        """
        for inside, name in _find(self.record, fields):
            if (given := inside.get(name)) is None or path in self._origins:
                continue
            kind = _type_at(self.places["class_uid"], path)
            value = convert(given) if convert else fitted(given, kind)
            if kind == "timestamp_t":
                self.put(path, value)
            elif value is not None:
                self.places[path], self._origins[path] = value, (inside, name, inside.pop(name))

    def put(self, path: str, value: Any) -> None:
        """Put a value at a place, if it is one. It is dropped if the place cannot have it."""
        if value is not None and value != "":
            self.places[path], self._origins[path] = value, None

    def finished(self, activity_id: int) -> dict[str, Any]:
        """The event, valid, with what is left of the record under `unmapped`.

        Raises:
            ValueError: if the event cannot be made valid.
        """
        type_uid = self.places["class_uid"] * 100 + activity_id
        self.places |= {"activity_id": activity_id, "type_uid": type_uid}
        while found := faults(event := self._event()):
            if not any(self._give_back(fault.path) for fault in found):
                raise ValueError(f"{found[0].path}: {found[0].message}")
        return event

    def _event(self) -> dict[str, Any]:
        event: dict[str, Any] = {}
        for path, value in self.places.items():
            *above, name = path.split(".")
            inside = event
            for step in above:
                inside = inside.setdefault(step, {})
            inside[name] = value
        for name, sibling in pairs(self._class):
            captions = self._class["attributes"][name].get("enum", {})
            if (number := str(event.get(name))) in captions:
                event.setdefault(sibling, captions[number]["caption"])
        left = _filled(self.record)
        return event | {"unmapped": left} if left else event

    def _give_back(self, at_fault: str) -> bool:
        """Empty the place with a fault, or if a value is missing there, the object around it; whether it had values."""
        path = re.sub(r"\[\d+\]", "", at_fault).removeprefix("$.")
        above = path.rpartition(".")[0]
        at = [p for p in self._origins if f"{p}.".startswith(f"{path}.") or f"{path}.".startswith(f"{p}.")]
        at = at or [p for p in self._origins if above and p.startswith(f"{above}.")]
        for place in at:
            del self.places[place]
            if origin := self._origins.pop(place):
                inside, name, given = origin
                inside[name] = given
        return bool(at)


def value(record: Mapping[str, Any], fields: Fields) -> Any:
    """The value of a field, of several the first that is filled; None where there is none."""
    return next(filter(None, (inside.get(name) for inside, name in _find(record, fields))), None)


def _find(record: Any, fields: Fields) -> Iterator[tuple[dict[str, Any], str]]:
    """Where fields are: `a.b` may also be inside the object `a`."""
    for name in [fields] if isinstance(fields, str) else fields:
        inside = record
        while name not in inside and isinstance(inner := inside.get(name.partition(".")[0]), dict):
            inside, name = inner, name.partition(".")[2]
        yield inside, name


@cache
def _type_at(class_uid: int, path: str) -> str:
    entry: Any = ocsf_class(class_uid)
    *above, name = path.split(".")
    for step in above:
        entry = ocsf()["objects"][entry["attributes"][step]["object_type"]]
    return str(entry["attributes"][name]["type"])


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    """An object without nulls, and without objects that have nothing in them."""
    inner = {name: _filled(v) if isinstance(v, dict) else v for name, v in value.items()}
    return {name: v for name, v in inner.items() if v is not None and v != {}}
