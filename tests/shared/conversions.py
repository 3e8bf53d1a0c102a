"""Logs that a test makes itself, converted."""

import json
from pathlib import Path
from typing import Any

import pytest

from residual.ocsf.bulk import validate_folder
from residual.ocsf.convert import convert


def outside(name: str) -> Path:
    """A folder of small real logs, which the project does not hold; a test that wants it is skipped without it."""
    found = [path for above in Path(__file__).parents if (path := above / "shared/data/outside" / name).is_dir()]
    return found[0] if found else pytest.skip(f"the real logs {name} are not in ../shared/data/outside")


def converted(tmp_path: Path, *contents: bytes, source: str = "cloudtrail") -> tuple[list[Any], list[Any]]:
    """The events and the quarantine of files with these contents. All rows are accounted for, and valid."""
    logs, out = tmp_path / "logs", tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    logs.mkdir(exist_ok=True)
    for number, content in enumerate(contents):
        (logs / f"{number}-conn.log").write_bytes(content)
    conversion = convert(source, logs, out)
    assert conversion.rows_in == conversion.rows_out + conversion.rows_quarantined
    rows = {path.name: [json.loads(line) for line in path.read_text().splitlines()] for path in sorted(out.iterdir())}
    quarantine = rows.pop("_quarantine.jsonl", [])
    events = [event for some in rows.values() for event in some]
    assert (len(events), len(quarantine)) == (conversion.rows_out, conversion.rows_quarantined)
    if events:
        report = validate_folder(out)
        assert (report.events, report.invalid) == (len(events), 0), report.faults
    return events, quarantine
