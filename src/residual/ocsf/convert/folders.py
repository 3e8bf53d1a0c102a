"""Every record of a folder of logs, converted or quarantined: what `residual convert` runs."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TextIO

from residual.ocsf.convert import cloudtrail, zeek
from residual.ocsf.records import Limits, Record, UnreadableError, batches, parsed
from residual.ocsf.schema import ocsf_class
from residual.ocsf.unpacking import unpacked

QUARANTINE = "_quarantine.jsonl"
SOURCES: dict[str, ModuleType] = {"zeek": zeek, "cloudtrail": cloudtrail}
_ARRAY = re.compile(rb'\s*(\[|\{\s*"Records"\s*:)')


@dataclass
class Conversion:
    """What converting a folder came to.

    Attributes:
        files: that were converted.
        classes: events by `class_uid`.
        quarantined: records by the reason why they are no events.
        passed_over: files that are no logs of this source, by name, with the reason.
    """

    files: int = 0
    rows_in: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    passed_over: dict[str, str] = field(default_factory=dict)

    @property
    def rows_out(self) -> int:
        return self.classes.total()

    @property
    def rows_quarantined(self) -> int:
        return self.quarantined.total()


def convert(source: str, logs: str | Path, out: str | Path) -> Conversion:
    """Convert logs to OCSF 1.8.0: a file of JSON Lines for each class, and one of what could not be converted.

    The folder appears when everything is written. The quarantine holds the file, the place and the reason.

    Args:
        source: "zeek" or "cloudtrail".
        logs: a folder, or one file. Whether a file is a log is seen by what it holds, not by its name.
        out: a new folder, or an empty one, outside `logs`.

    Raises:
        ValueError: for another source, for `logs` without logs, or an `out` that holds something.
    """
    logs, out, conversion = Path(logs), Path(out), Conversion()
    if source not in SOURCES:
        raise ValueError(f"source must be {' or '.join(SOURCES)}, got {source!r}")
    if not logs.exists():
        raise ValueError(f"logs must be a folder or a file, got {logs}, which does not exist")
    if out.resolve().is_relative_to(logs.resolve()):
        raise ValueError(f"out must be outside the folder that is converted, got {out}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"out must be a new or an empty folder, got {out}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as above, ExitStack() as stack:
        files: dict[str, TextIO] = {}
        (folder := Path(above, "events")).mkdir()

        def write(name: str, row: Mapping[str, Any]) -> None:
            if name not in files:
                files[name] = stack.enter_context((folder / name).open("w", encoding="ascii"))
            files[name].write(json.dumps(row, allow_nan=False) + "\n")

        for path in [logs] if logs.is_file() else sorted(path for path in logs.rglob("*") if path.is_file()):
            name = path.name if path == logs else str(path.relative_to(logs))
            if reason := _why_not(path, SOURCES[source]):
                conversion.passed_over[name] = reason
                continue
            conversion.files += 1
            converter = SOURCES[source].converter(path.name)
            for record in _records(path):
                event = _made(record, converter)
                conversion.rows_in += event is not None
                if isinstance(event, str):
                    conversion.quarantined[event] += 1
                    write(QUARANTINE, {"file": name, "place": f"{record.unit} {record.number}", "reason": event})
                elif event:
                    conversion.classes[event["class_uid"]] += 1
                    write(f"{ocsf_class(event['class_uid'])['name']}.jsonl", event)
        if not conversion.files:
            raise ValueError(f"no logs in {logs}: expected {SOURCES[source].WHAT}")
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder, out)
    return conversion


def _records(path: Path) -> Iterator[Record]:
    """The records of a file; those of a line that is an array are written anew. If it breaks off, the last says so."""
    last, limits = Record(0, b"", unit="value"), Limits()
    try:
        for last in (record for batch in batches(path, limits) for record in batch.records(limits)):
            line = replace(last, raw=last.raw.rstrip(b"\r"))
            inside = parsed(line) if _ARRAY.match(line.raw) else [line]
            yield from (line if one.reason else one for one in inside)
    except UnreadableError as error:
        reason = f"the file breaks off here ({error}), what follows is unknown"
        yield Record(last.number, b"", reason, f"after {last.unit}")


def _made(record: Record, converter: Callable[[Record], dict[str, Any] | None]) -> dict[str, Any] | str | None:
    """The event of a record, or the reason why it has none; None if it is no record."""
    try:
        return record.reason or converter(record)
    except (ValueError, RecursionError) as error:
        return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _why_not(path: Path, source: ModuleType) -> str:
    """Why a file is not converted; empty if it is."""
    try:
        start = next(unpacked(path, Limits()), b"").lstrip()
    except UnreadableError:
        return ""  # what can be read of it is
    return "" if start.startswith(source.STARTS) else f"not {source.WHAT}" if start else "empty"
