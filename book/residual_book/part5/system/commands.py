"""The command `residual`, run from a page as from a shell, and killed on the way. Told in `book/part5/system.md`."""

import shlex
import subprocess
import sys
import time
from pathlib import Path

from residual import cli
from residual.detect.alerts import read_alerts
from residual.detect.folder import files


def residual(line: str) -> None:
    """Run a command, and show what it prints below what one would type."""
    print(f"$ residual {line}", flush=True)
    cli.app(shlex.split(line), prog_name="residual", standalone_mode=False)


def killed(line: str, alerts: Path, *, after: int) -> list[str]:
    """Start a command in a process of its own, and kill it as soon as there are alerts of some days.

    Returns:
        The files of alerts that it leaves.

    Raises:
        RuntimeError: where it ends before that.
    """
    command = [sys.executable, "-m", "residual.cli", *shlex.split(line)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(list(alerts.glob("*.jsonl"))) < after:
            if process.poll() is not None:
                raise RuntimeError(f"residual {line} ended with status {process.returncode} before it could be killed")
            time.sleep(0.01)
        process.kill()
    return sorted(path.name for path in alerts.glob("*.jsonl"))


def same(one: Path, other: Path) -> bool:
    """Whether two folders of alerts have the same files with the same bytes."""
    return {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in other.iterdir()
    }


def oddest(alerts: Path) -> str:
    """The uid of the oddest alert in a folder."""
    every = [alert for path in files(alerts).values() for alert in read_alerts(path)]
    return min(every, key=lambda alert: (alert.rate, alert.uid)).uid


def megabytes(folder: Path) -> float:
    """What the files of a folder take on disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
