"""Every record of a folder of logs, converted or quarantined: what `residual convert` runs."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from residual.ocsf.convert import cloudtrail, zeek
from residual.ocsf.convert.raw import BROKEN, opened, records
from residual.ocsf.schema import ocsf_class

QUARANTINE = "_quarantine.jsonl"
SOURCES: dict[str, ModuleType] = {"zeek": zeek, "cloudtrail": cloudtrail}


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
    staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        with ExitStack() as stack:
            files: dict[str, TextIO] = {}

            def write(name: str, row: Mapping[str, Any]) -> None:
                if name not in files:
                    files[name] = stack.enter_context((staging / name).open("w", encoding="ascii"))
                files[name].write(json.dumps(row, allow_nan=False) + "\n")

            kind = SOURCES[source]
            for path in [logs] if logs.is_file() else sorted(path for path in logs.rglob("*") if path.is_file()):
                name = path.name if path == logs else str(path.relative_to(logs))
                if reason := _why_not(path, kind):
                    conversion.passed_over[name] = reason
                    continue
                conversion.files += 1
                for raw, event in kind.events(records(path), path.name):
                    conversion.rows_in += 1
                    if isinstance(event, str):
                        conversion.quarantined[event] += 1
                        write(QUARANTINE, {"file": name, "place": raw.place, "reason": event})
                    else:
                        conversion.classes[event["class_uid"]] += 1
                        write(f"{ocsf_class(event['class_uid'])['name']}.jsonl", event)
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        if not conversion.files:
            raise ValueError(f"no logs in {logs}: expected {SOURCES[source].WHAT}")
        staging.chmod(0o755)
        os.replace(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return conversion


def _why_not(path: Path, source: ModuleType) -> str:
    """Why a file is not converted; empty if it is."""
    try:
        with opened(path) as file:
            start = file.read(1000).lstrip()
    except BROKEN:
        return ""  # what can be read of it is
    return "" if start.startswith(source.STARTS) else f"not {source.WHAT}" if start else "empty"
