"""An OCSF event in the making. What has a place in its class goes there, all else of the record to `unmapped`.

The schema is the judge: a value goes to its place in the type that the schema has there, and returns to `unmapped`
if the finished event has a fault because of it. So a strange value costs its column and not the row.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from hashlib import sha256
from typing import Any

from residual.ocsf.convert.raw import Raw
from residual.ocsf.schema import VERSION, ocsf, ocsf_class
from residual.ocsf.validate import faults

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]+)?")
_FLAGS = {"true": True, "false": False, "Yes": True, "No": False}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Draft:
    """An event of a class, and what is left of the record that it is made from.

    Its `metadata.uid` comes from the text of the record and its place in the file, so the same file gives the same ids.

    Attributes:
        record: what is left.
        places: values of the event by path.
    """

    def __init__(self, class_uid: int, record: dict[str, Any], raw: Raw, product: str, vendor: str) -> None:
        digest = sha256(raw.content).hexdigest()
        self.record, self._class = record, ocsf_class(class_uid)["name"]
        self._origins: dict[str, tuple[dict[str, Any], str, Any] | None] = {}
        self.places: dict[str, Any] = {
            "class_uid": class_uid, "category_uid": ocsf_class(class_uid)["category_uid"], "severity_id": 1,
            "metadata.version": VERSION, "metadata.uid": sha256(f"{digest} {raw.place}".encode()).hexdigest()[:32],
            "metadata.product.name": product, "metadata.product.vendor_name": vendor, "raw_data_hash.value": digest,
            "raw_data_hash.algorithm_id": 3, "raw_data_hash.algorithm": "SHA-256",
        }  # fmt: skip

    def take(self, field: str, path: str, convert: Callable[[Any], Any] | None = None) -> None:
        """Move a field to a place of the event that is free, if its value can be had in the type of that place.

        A time is copied, since it may be finer than milliseconds.
        """
        inside, name = _find(self.record, field)
        if (given := inside.get(name)) is None or path in self._origins:
            return
        kind = _type_at(self._class, path)
        value = _fitted(given, kind) if convert is None else convert(given)
        if value is not None and kind == "timestamp_t":
            self.put(path, value)
        elif value is not None:
            self.places[path], self._origins[path] = value, (inside, name, inside.pop(name))

    def take_time(self, field: str) -> None:
        """Take the time of the event, and keep it as it was written: it may be finer than OCSF's milliseconds.

        Raises:
            ValueError: for what is no time.
        """
        time = milliseconds(self.record.get(field))
        if time is None:
            raise ValueError(f"{field}: expected a time, in seconds since 1970 or as in ISO 8601")
        self.places |= {"time": time, "metadata.original_time": str(self.record.pop(field))}

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
                what = found[0].message.partition(" (")[0]  # without a guess at the cause
                raise ValueError(f"{found[0].path}: {what}")
        return event

    def _event(self) -> dict[str, Any]:
        event: dict[str, Any] = {}
        for path, value in self.places.items():
            *above, name = path.split(".")
            inside = event
            for step in above:
                inside = inside.setdefault(step, {})
            inside[name] = value
        for name, sibling, captions in _captions(self._class):
            if caption := captions.get(event.get(name)):
                event.setdefault(sibling, caption)
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


def value(record: Mapping[str, Any], field: str) -> Any:
    """The value of a field, `a.b` also inside the object `a`; None where there is none."""
    inside, name = _find(record, field)
    return inside.get(name)


def _find(inside: Any, name: str) -> tuple[dict[str, Any], str]:
    while name not in inside and isinstance(inner := inside.get(name.partition(".")[0]), dict):
        inside, name = inner, name.partition(".")[2]
    return inside, name


def attempt(raw: Raw, make: Callable[[Raw], dict[str, Any]]) -> dict[str, Any] | str:
    """The event that is made of a record, or the reason why none can be."""
    try:
        return raw.reason or make(raw)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "nested too deeply"


@cache
def _captions(class_name: str) -> list[tuple[str, str, dict[Any, str]]]:
    """The ids of a class, each with the attribute beside it that has its caption, and the captions by id."""
    attributes = ocsf()["classes"][class_name]["attributes"].items()
    return [
        (name, entry["sibling"], {int(uid): value["caption"] for uid, value in entry["enum"].items()})
        for name, entry in attributes
        if entry.get("sibling") and entry.get("enum") and not entry.get("is_array")
    ]


@cache
def _type_at(class_name: str, path: str) -> str:
    group, name = "classes", class_name
    for step in path.split("."):
        attribute = ocsf()[group][name]["attributes"][step]
        group, name = "objects", attribute.get("object_type", "")
    return str(attribute["type"])


def _fitted(value: Any, kind: str) -> Any:
    """A value in a type of OCSF, None if it cannot be had without a loss."""
    if kind == "json_t":
        return value
    if kind == "timestamp_t":
        return milliseconds(value)
    if kind == "boolean_t":
        return value if isinstance(value, bool) else _FLAGS.get(value) if isinstance(value, str) else None
    if kind in ("integer_t", "long_t", "port_t"):
        return whole(value)
    return value if isinstance(value, str) and value else None


def whole(value: Any) -> int | None:
    """An integer of at most 18 digits, also from its text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if not isinstance(value, bool) and _WHOLE.fullmatch(str(value)) else None


def milliseconds(value: Any) -> int | None:
    """Whole milliseconds since 1970 in UTC, rounded down: of seconds since then, or of a time as ISO 8601 writes it."""
    if isinstance(value, (int, float, str)) and _SECONDS.fullmatch(str(value)):
        return int((Decimal(str(value)) * 1000).to_integral_value(ROUND_FLOOR))
    try:
        time = datetime.fromisoformat(value)
        return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    except (TypeError, ValueError, OverflowError):
        return None


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    """An object without nulls, and without objects that have nothing in them."""
    inner = {name: _filled(v) if isinstance(v, dict) else v for name, v in value.items()}
    return {name: v for name, v in inner.items() if v is not None and v != {}}
