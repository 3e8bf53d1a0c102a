"""Recorded runs: JSON under `results/` that says where, when and how it was made, and the command that repeats it.

Told in `CONTRIBUTING.md`.
"""

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from residual.files import write_atomically


def provenance() -> dict[str, str]:
    """Commit, date, machine and the versions that decide numbers, of the code running now."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "scikit-learn")},
    }


def commit() -> str:
    """Short hash of the commit this package's source stands at, with "+changes" if files differ; "unknown" outside git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", here, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    """Processor model, as the system names it, and the architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or 'unknown processor'}, {platform.machine()}"


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as JSON, whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_record(path: Path) -> dict[str, Any]:
    """Read a recorded run.

    Raises:
        ValueError: where the file is missing, or lacks the fields every record has.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: it is recorded by a command, see results/README.md")
    content = json.loads(path.read_text())
    missing = {"command", "provenance", "runs"} - content.keys()
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}: expected a recorded run")
    return content
