"""`residual fit` on about a million events: how long it takes, in how much memory, and whether kills change the model.

An organization is simulated, and a model is fitted to its events in one go; then again, by processes that are killed at
random moments, five times, and started again. The weights must be the same, byte for byte. The machine must be idle.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from residual.tabular.bundle import Bundle
from residual_book.part4.without_labels.million import Fit
from residual_book.recording import provenance, write_record

KILLS = 5


def run(
    events: Path, model: Path, options: argparse.Namespace, *, kill_after: float | None = None
) -> tuple[float, int]:
    """Seconds of a fit, and the largest resident memory of its process in bytes; it may be killed before its end."""
    command = [sys.executable, "-m", "residual.cli", "fit", str(events), "--out", str(model)]
    command += ["--minutes", str(options.minutes), "--seed", "0"]
    if options.passes:
        command += ["--passes", str(options.passes)]
    start, most = time.monotonic(), 0
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                most = max(most, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            if kill_after is not None and time.monotonic() - start > kill_after:
                process.kill()
            time.sleep(0.2)
    if process.returncode not in (0, -9):
        raise SystemExit(f"residual fit ended with status {process.returncode}")
    return time.monotonic() - start, most


def digests(model: Path) -> dict[str, str]:
    """Of the parts of a model, the manifest aside."""
    files = sorted(path for path in model.iterdir() if path.suffix == ".safetensors")
    return {path.name.partition("-")[0]: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time residual fit, and kill it.")
    parser.add_argument("--out", type=Path, help="JSON file to record in")
    parser.add_argument("--users", type=int, default=80)
    parser.add_argument("--days", type=int, default=31, help="about a million events of 80 people")
    parser.add_argument("--minutes", type=float, default=18.0)
    parser.add_argument("--passes", type=int, help="in place of what the minutes allow; for a trial")
    options = parser.parse_args()
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory() as scratch:
        organization = Path(scratch, "organization")
        size = ["--users", str(options.users), "--days", str(options.days)]
        simulate = [sys.executable, "-m", "residual.cli", "simulate", "--out", str(organization), *size]
        subprocess.run(simulate, check=True, stderr=subprocess.DEVNULL)
        count = sum(pq.read_metadata(path).num_rows for path in (organization / "events").rglob("*.parquet"))
        seconds, memory = run(organization / "events", Path(scratch, "whole"), options)
        bundle = Bundle.load(Path(scratch, "whole"))
        options.passes = bundle.recipe["passes"]
        chance = random.Random(0)
        moments = sorted(chance.uniform(0, seconds) for _ in range(KILLS))
        killed = []
        for before, moment in zip([0.0, *moments], moments, strict=False):
            killed.append(run(organization / "events", Path(scratch, "killed"), options, kill_after=moment - before)[0])
        rest, _ = run(organization / "events", Path(scratch, "killed"), options)
        whole, again = digests(Path(scratch, "whole")), digests(Path(scratch, "killed"))
    numbers, codes = len(bundle.encoder.numeric_names_), len(bundle.encoder.categorical_names_)
    fit = Fit(
        events=count,
        columns=sum(column.filled > 0 for column in bundle.encoder.columns_.values()),
        numbers=numbers,
        codes=codes,
        passes=bundle.recipe["passes"],
        seconds=round(seconds, 1),
        memory=memory,
        loss=tuple(bundle.recipe["valid_loss"]),
        killed=tuple(round(second, 1) for second in killed),
        rest=round(rest, 1),
        same=whole["weights"] == again["weights"] and whole["heads"] == again["heads"],
    )
    content: dict[str, Any] = {
        "command": f"python benchmarks/fitting.py {' '.join(sys.argv[1:])}".strip(),
        "provenance": provenance(),
        "cores": os.cpu_count(),
        "load_before": load,
        "runs": [asdict(fit)],
    }
    print(json.dumps(content, indent=1))
    if options.out:
        write_record(options.out, content)


if __name__ == "__main__":
    main()
