"""`residual score` on 100,000, 300,000 and a million events: from Parquet to alerts, how long and in how much memory.

Beside it, in the same run, stand Isolation Forest, ECOD (PyOD) and nearest neighbors (scikit-learn) on the windows of
the same events: what each takes from tables in memory to scores, reading not counted. The machine must be idle.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq

from residual import simulate
from residual_book.evaluation.watched import watch, with_machines
from residual_book.evaluation.windows import COLUMNS
from residual_book.recording import provenance, write_record
from residual_book.rivals import points

SIZES = ((10, 15), (24, 31), (80, 31))  # users and days: about 100,000, 300,000 and a million events


def score(events: Path, scratch: Path) -> tuple[float, int]:
    """Seconds from Parquet to alerts, and the largest resident memory of the process in bytes."""
    command = [sys.executable, "-m", "residual.cli", "score", str(events)]
    command += ["--model", str(scratch / "model"), "--out", str(scratch / "alerts")]
    start, most = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                most = max(most, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"residual score ended with status {process.returncode}")
    return time.monotonic() - start, most


def peers(users: int, days: int) -> dict[str, float]:
    """Seconds that making windows takes, and each detector on them."""
    made = simulate.simulation(users=users, days=days, seed=0)
    events = with_machines(watch(made, {**COLUMNS, "dns_activity": ["query.hostname"]}).events)
    start = time.monotonic()
    windows = points.tables(events)
    seconds = {"windows": time.monotonic() - start}
    for name, detector in points.DETECTORS.items():
        start = time.monotonic()
        points.scored(windows, detector)
        seconds[name] = time.monotonic() - start
    return {name: round(took, 1) for name, took in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time residual score.")
    parser.add_argument("--out", type=Path, help="JSON file to record in")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes, from the smallest on")
    options = parser.parse_args()
    load, runs = round(os.getloadavg()[0], 2), []
    for users, days in SIZES[: options.sizes]:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            simulate.simulate(scratch / "organization", users=users, days=days, seed=0)
            events = scratch / "organization" / "events"
            count = sum(pq.read_metadata(path).num_rows for path in events.rglob("*.parquet"))
            seconds, memory = score(events, scratch)
        runs.append(
            {"events": count, "days": days, "seconds": round(seconds, 1), "memory": memory, **peers(users, days)}
        )
        print(json.dumps(runs[-1]), flush=True)
    content: dict[str, Any] = {
        "command": f"python benchmarks/detect.py {' '.join(sys.argv[1:])}".strip(),
        "provenance": provenance(),
        "cores": os.cpu_count(),
        "load_before": load,
        "runs": runs,
    }
    if len(runs) > 1:
        size, took = (np.log([run[name] for run in runs]) for name in ("events", "seconds"))
        content["growth"] = round(float(np.polyfit(size, took, 1)[0]), 2)  # the power that time grows with
    print(json.dumps(content, indent=1))
    if options.out:
        write_record(options.out, content)


if __name__ == "__main__":
    main()
