"""The events of an alert as a table: what all of them have in common once, and a column for all else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residual.detect.words import second
from residual.ocsf.schema import class_keys, ocsf
from residual.ocsf.text import cut

# The columns, with the paths that may hold them: the first that does counts.
_FIELDS: dict[str, tuple[str, ...]] = {
    "User": ("user.name", "actor.user.name", "user.uid", "actor.user.uid"),
    "Source": ("src_endpoint.ip", "src_endpoint.hostname"),
    "Machine": ("device.hostname", "device.name", "device.ip", "src_endpoint.hostname"),
    "Destination": ("dst_endpoint.hostname", "dst_endpoint.domain", "dst_endpoint.ip"),
    "Port": ("dst_endpoint.port",),
    "Query": ("query.hostname",),
    "Operation": ("api.operation",),
    "Service": ("service.name", "api.service.name", "app_name"),
    "Process": ("process.cmd_line", "process.name", "process.file.name"),
    "Country": ("src_endpoint.location.country",),
    "Bytes out": ("traffic.bytes_out",),
    "Detail": ("status_detail", "status_code"),
}


@dataclass(frozen=True)
class EventTable:
    """Events as texts: `common` is what all have in common, by column; then the other columns, and a row per event."""

    common: Mapping[str, str]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def event_table(events: Sequence[Mapping[str, Any]]) -> EventTable:
    """The table of events as OCSF has them, nested. A column that is empty in all is left out."""
    cells = [_cells(event) for event in events]
    names = [name for name in cells[0] if any(row[name] for row in cells)] if cells else []
    same = {name for name in names if len({row[name] for row in cells}) == 1}
    columns = tuple(name for name in names if name not in same)
    return EventTable(
        common={name: cells[0][name] for name in names if name in same},
        columns=columns,
        rows=tuple(tuple(row[name] for name in columns) for row in cells),
    )


def _cells(event: Mapping[str, Any]) -> dict[str, str]:
    """What a row may show of an event, as far as it has it."""
    key = class_keys().get(uid) if type(uid := event.get("class_uid")) is int else None
    attributes = ocsf()["classes"][key]["attributes"] if key else {}
    time = event.get("time")
    date, clock = second(time).split() if type(time) is int else ("", "")
    cells = {
        "Date": date,
        "Time": clock,
        "Class": ocsf()["classes"][key]["caption"] if key else _at(event, "class_name") or _at(event, "class_uid"),
        "Activity": _at(event, "activity_name") or _caption(attributes, "activity_id", event),
        "Status": _at(event, "status") or _caption(attributes, "status_id", event),
    }
    return cells | {
        name: next(filter(None, (_at(event, path) for path in paths)), "") for name, paths in _FIELDS.items()
    }


def _caption(attributes: Mapping[str, Any], name: str, event: Mapping[str, Any]) -> str:
    """What the schema calls the number of an event, or the number."""
    number = _at(event, name)
    caption: str = attributes.get(name, {}).get("enum", {}).get(number, {}).get("caption", number)
    return caption


def _at(event: Any, path: str) -> str:
    """The text or the number at a path, cut; empty for all else."""
    for step in path.split("."):
        event = event.get(step) if isinstance(event, Mapping) else None
    return f"{event:,}" if path == "traffic.bytes_out" and type(event) is int else _plain(event)


def _plain(value: Any) -> str:
    return cut(str(value), 100) if isinstance(value, str | int | float) else ""
