"""One valid OCSF event, to be broken in tests."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TIME = 1_700_000_000_000


def sign_in(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A valid event of class 3002; a change to None leaves the field out."""
    event: dict[str, Any] = {
        "class_uid": 3002, "category_uid": 3, "activity_id": 1, "type_uid": 300201, "severity_id": 1,
        "time": TIME + number, "status_id": 1, "status": "Success",
        "metadata": {
            "version": "1.8.0", "uid": f"event-{number}", "profiles": ["cloud"], "product": {"name": "directory"}
        },
        "cloud": {"provider": "aws"},
        "user": {"name": "ada", "groups": [{"name": "staff"}, {"name": "admins"}]},
        "src_endpoint": {"ip": "10.0.0.1", "port": 50123},
        "service": {"name": "console"},
    }  # fmt: skip
    return {name: value for name, value in (event | changes).items() if value is not None}


def write_lines(path: Path, events: Iterable[Mapping[str, Any] | str | bytes]) -> Path:
    """JSON Lines: events as they are, text and bytes as lines of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, (str, bytes)) else json.dumps(line) for line in events]
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))
    return path
