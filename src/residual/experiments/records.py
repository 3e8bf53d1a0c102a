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

RESULTS = Path(__file__).parents[3] / "results"  # of the repository, beside `src`


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
    """Short hash of the commit this package's source stands at, with "+changes" if the source differs from it.

    "unknown" where git does not hold the source: outside a repository, or installed into somebody else's.
    """
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        # Only the package: a recording that goes on has changed its own file under results/.
        changes = git("status", "--porcelain", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
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
        ValueError: where the file is missing, is no JSON, or lacks the fields every record has.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: it is recorded by a command, see results/README.md")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: expected a recorded run as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a recorded run as a JSON object, got a {type(content).__name__}")
    missing = {"command", "provenance", "runs"} - content.keys()
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}: expected a recorded run")
    return content
