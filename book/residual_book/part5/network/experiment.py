"""The detectors with and without a network beside them, on five organizations, and the record of what each found.

Told in `book/part5/network.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from residual import simulate
from residual_book.evaluation.outcome import Outcome, judge
from residual_book.evaluation.system import as_scored, sights
from residual_book.evaluation.watched import DAYS, USERS, watch
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record
from residual_book.rivals.single_events import COLUMNS, mixed, single_events
from residual_book.stats import seeds_of

SEEDS = (185, 186, 187, 188, 189)  # of the recording, as on the page before
RESULT = RESULTS / "network.json"
DETECTORS, NETWORK, CONTEXT = "detectors", "with a network", "with context"


def arms(detectors: pl.DataFrame, events: Mapping[str, pl.DataFrame]) -> dict[str, Callable[[], pl.DataFrame]]:
    """Scored windows of each arm: the detectors alone, and with two in ten alerts left to single events."""
    return {
        DETECTORS: lambda: detectors,
        NETWORK: lambda: mixed(detectors, single_events(events)),
        CONTEXT: lambda: mixed(detectors, single_events(events, network=False)),
    }


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure the organizations that `out` does not hold yet, and write it after each.

    Raises:
        ValueError: for a file that holds something else.
    """
    runs = recorded_runs(out, Outcome) if out.exists() else []
    for seed in seeds:
        if seed in seeds_of(runs):
            continue
        simulation = simulate.simulation(users=USERS, days=DAYS, seed=seed)
        watched = watch(simulation, COLUMNS)
        made = arms(as_scored(sights(simulation)), watched.events)
        runs += [judge(table(), watched.truth, rival=name, seed=seed) for name, table in made.items()]
        command = f"residual-book network --out results/{out.name} --seeds {listed(seeds)}"
        write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})
