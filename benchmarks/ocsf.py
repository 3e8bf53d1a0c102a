"""A million simulated events: simulate, validate, read and encode them, with time and peak memory of each step.

Parquet is read beside pyarrow and duckdb, which answer the same question, and JSON Lines beside polars; encoding beside
scikit-learn's ColumnTransformer with equivalent transformers on the same columns and rows. Peers take turns with us, so
that a machine that slows down slows all of them. Each step runs in a process of its own, for its peak memory.
scikit-learn gets a few chunks only, because a million events would take it half an hour. Takes about ten minutes on two
idle cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
from parts.ocsf_columns import peer
from parts.ocsf_reading import JSON_READERS, READERS, columns, written_as_json

from residual.ocsf.bulk import validate_folder
from residual.ocsf.read import read
from residual.ocsf.schema import features
from residual.simulate import simulate
from residual.tabular import TableEncoder
from residual_book.recording import provenance, write_record

USERS, DAYS = 190, 14  # a million events
CHUNK = 1 << 16  # events that are encoded by turns
ROUNDS = 3
Step = dict[str, Any]


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def peak_gib() -> float:
    """Of this process since it began; `getrusage` would count what its parent held when it started this one."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def step_simulate(folder: Path, users: int) -> Step:
    seconds, summary = timed(lambda: simulate(folder, users=users, days=DAYS, seed=0))
    return {"seconds": seconds, "events": summary.total, "peak_gib": peak_gib()}


def step_validate(folder: Path, users: int) -> Step:
    seconds, report = timed(lambda: validate_folder(folder / "events", processes=None))
    if report.invalid:
        raise RuntimeError(f"simulated events must be valid, got {report.sorted_causes()[:3]}")
    return {"seconds": seconds, "events": report.events, "peak_gib": peak_gib()}


def step_read(folder: Path, users: int, *, reader: str) -> Step:
    names = columns(folder / "events")
    seconds, totals = timed(lambda: READERS[reader](folder / "events", names))
    return {"seconds": seconds, "columns": len(names), "total": sum(totals.values()), "peak_gib": peak_gib()}


def step_write_json(folder: Path, users: int) -> Step:
    seconds, events = timed(lambda: written_as_json(folder / "events", folder / "json"))
    return {"seconds": seconds, "events": events, "peak_gib": peak_gib()}


def step_read_json(folder: Path, users: int, *, reader: str) -> Step:
    seconds, total = timed(lambda: JSON_READERS[reader](folder / "json"))
    return {"seconds": seconds, "total": total, "peak_gib": peak_gib()}


def in_turns(step: str, readers: Collection[str], folder: Path, users: int) -> dict[str, list[Step]]:
    """The steps of each reader, who begins changing with the round.

    Raises:
        RuntimeError: where two give different answers.
    """
    found: dict[str, list[Step]] = {reader: [] for reader in readers}
    for i in range(ROUNDS):
        first = i % len(found)
        for reader in [*found][first:] + [*found][:first]:
            found[reader].append(alone(f"{step} {reader}", folder, users))
    if len({one["total"] for of_one in found.values() for one in of_one}) != 1:
        raise RuntimeError("the readers must give the same answer")
    return found


def middle(steps: Sequence[Step]) -> Step:
    """The step of the median time."""
    return sorted(steps, key=lambda one: one["seconds"])[len(steps) // 2]


def _table(folder: Path) -> pl.LazyFrame:
    return read(folder / "events").events


def step_encode(folder: Path, users: int) -> Step:
    encoder = TableEncoder(features(depth=4))
    fit, _ = timed(lambda: encoder.fit(_table(folder)))
    transform, events = timed(lambda: sum(len(batch.numeric) for batch in encoder.batches(_table(folder))))
    outputs = {"numeric": len(encoder.numeric_names_), "categorical": len(encoder.categorical_names_)}
    filled = sum(column.filled > 0 for column in encoder.columns_.values())
    times = {"fit_seconds": fit, "transform_seconds": transform, "seconds": fit + transform}
    return {**times, "events": events, "columns": filled, **outputs, "peak_gib": peak_gib()}


def step_by_turns(folder: Path, users: int) -> Step:
    """Fit and transform of some chunks, who begins changing with the chunk."""
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # the peer's logarithms of nulls
    table = _table(folder)
    total = table.select(pl.len()).collect().item()
    rounds = []
    for i in range(ROUNDS):
        chunk = table.slice(i * (total - CHUNK) // max(ROUNDS - 1, 1), CHUNK).collect()
        ours = TableEncoder(features(depth=4)).fit(chunk)
        peers = peer(ours)
        seconds = {}
        for step in ("fit", "transform"):
            arms = {"TableEncoder": ours, "ColumnTransformer": peers}
            for name in list(arms)[:: 1 if i % 2 else -1]:
                seconds[f"{name} {step}"], _ = timed(lambda: getattr(arms[name], step)(chunk))  # noqa: B023  # at once
        rounds.append({"events": len(chunk), "seconds": seconds})
    return {"rounds": rounds}


def alone(step: str, folder: Path, users: int) -> Step:
    """A step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--users", str(users)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Step = json.loads(done.stdout)
    return found


def told(name: str, step: Step, events: int) -> str:
    rate = f"{events / step['seconds']:12,.0f} events/s"
    return f"{name:22} {step['seconds']:8.1f} s {rate}, peak {step['peak_gib']:.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON file to record the times in")
    parser.add_argument("--users", type=int, default=USERS, help=f"over {DAYS} days (default {USERS})")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, _, reader = options.step.partition(" ")
        more = {"reader": reader} if reader else {}
        print(json.dumps(globals()[f"step_{name}"](options.folder, options.users, **more)))
        return
    load = round(os.getloadavg()[0], 2)
    print(f"{os.cpu_count()} cores, load before: {load}")
    content: dict[str, Any] = {
        "command": f"python benchmarks/ocsf.py {' '.join(sys.argv[1:])}".strip(),
        "provenance": provenance() | {name: version(name) for name in ("polars", "pyarrow", "duckdb")},
        "cores": os.cpu_count(),
        "load_before": load,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "organization"
        for step in ("simulate", "validate"):
            content[step] = alone(step, folder, options.users)
            events = content["simulate"]["events"]
            print(told(step, content[step], events), flush=True)
        content["read"] = in_turns("read", READERS, folder, options.users)
        for reader, found in content["read"].items():
            print(told(f"read, {reader}", middle(found), events), f"{found[0]['columns']} columns", flush=True)
        content["write_json"] = alone("write_json", folder, options.users)
        content["read_json"] = in_turns("read_json", JSON_READERS, folder, options.users)
        for reader, found in content["read_json"].items():
            print(told(f"read JSON, {reader}", middle(found), content["write_json"]["events"]), flush=True)
        content["encode"] = alone("encode", folder, options.users)
        print(told("encode", content["encode"], events), f"{content['encode']['columns']} columns", flush=True)
        content["encode_by_turns"] = alone("by_turns", folder, options.users)
    for step in ("fit", "transform"):
        ratios = [
            one["seconds"][f"ColumnTransformer {step}"] / one["seconds"][f"TableEncoder {step}"]
            for one in content["encode_by_turns"]["rounds"]
        ]
        low, median, high = min(ratios), statistics.median(ratios), max(ratios)
        print(
            f"{step}: {median:.1f} times as fast as ColumnTransformer ({len(ratios)} rounds, {low:.1f} to {high:.1f})"
        )
    if options.out:
        write_record(options.out, content)


if __name__ == "__main__":
    main()
