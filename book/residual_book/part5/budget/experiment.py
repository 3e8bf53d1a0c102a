"""All rivals and the detectors of the library on five organizations, and the record of what each found.

Told in `book/part5/budget.md`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache, partial
from itertools import product
from pathlib import Path

import polars as pl

from residual import simulate
from residual.simulate import Simulation
from residual.simulate.calendar import DAY, START
from residual_book.evaluation import windows
from residual_book.evaluation.outcome import Outcome, judge
from residual_book.evaluation.system import as_scored, sights
from residual_book.evaluation.volume import B, V, volume
from residual_book.evaluation.watched import DAYS, TEST, USERS, Watched, watch, with_machines
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record
from residual_book.rivals import points, single_events, supervised

SEEDS = (185, 186, 187, 188, 189)  # of the recording; nobody looked at them before the detectors were settled
RESULT = RESULTS / "detect.json"
BEFORE = RESULTS / "detect-before.json"  # of the detectors as they were before, on organizations 180 to 184
DEFAULT, REALISTIC = "default", "realistic"
RATES = {DEFAULT: simulate.EPISODES, REALISTIC: simulate.REALISTIC}  # of episodes
NAMES = {
    "guess": "random windows",
    "B": "counting by the hour",
    "V": "volume",
    "E": "nearest neighbors of single events",
    "IF": "Isolation Forest on windows",
    "ECOD": "ECOD on windows",
    "kNN": "nearest neighbors on windows",
    "D": "the detectors of this book",
    "D each": "the same, one alert per entity",
    "D clean": "the same, taught without attacks",
    "Sup": "told the labels of others",
}
AT = {DEFAULT: tuple(NAMES), REALISTIC: ("D",)}  # the rivals recorded at each rate
Tables = Iterator[tuple[str, pl.DataFrame]]


def simulated(seed: int, rate: str = DEFAULT) -> Simulation:
    """The organization of a seed."""
    return simulate.simulation(users=USERS, days=DAYS, seed=seed, episodes=RATES[rate])


def observe(simulation: Simulation) -> Watched:
    """An organization with all columns that any rival looks at."""
    wanted: dict[str, dict[str, None]] = {"dns_activity": {"query.hostname": None}}
    for columns in (windows.COLUMNS, single_events.COLUMNS, supervised.COLUMNS):
        for name, paths in columns.items():
            wanted.setdefault(name, {}).update(dict.fromkeys(paths))
    return watch(simulation, {name: list(paths) for name, paths in wanted.items()})


def rivals(simulation: Simulation, watched: Watched, names: Sequence[str]) -> Tables:
    """Scored windows of each rival that sees no labels."""
    known = with_machines(watched.events)
    made: dict[tuple[str, str], pl.DataFrame] = {}

    def on_windows(name: str) -> pl.DataFrame:
        if not made:
            made.update(points.tables(known))
        return points.scored(made, points.DETECTORS[name])

    @cache
    def seen() -> pl.DataFrame:
        return sights(simulation)

    ways: dict[str, Callable[[], pl.DataFrame]] = {
        "guess": lambda: volume(known, V).with_columns(pl.col("score").shuffle(seed=0)),
        "B": lambda: volume(known, B),
        "V": lambda: volume(known, V),
        "E": lambda: single_events.single_events(watched.events, network=False),
        **{name: partial(on_windows, name) for name in points.DETECTORS},
        "D": lambda: as_scored(seen()),
        "D each": lambda: as_scored(seen(), merged=False),
        "D clean": lambda: as_scored(sights(simulation, without=attacks_before(watched))),
    }
    for name in names:
        yield name, ways[name]()


def attacks_before(watched: Watched) -> pl.Series:
    """The uids of all events of attacks, faults and twins before the test days."""
    before = watched.truth.touches.filter(pl.col("time") < START + TEST.start * DAY)
    return before["event"].unique()


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure what `out` does not hold yet, and write it after each rival; called again, go on where it was cut off.

    Sup learns from the organizations that it is not tried on.

    Raises:
        ValueError: for a file that holds something else, or fewer than two seeds.
    """
    if len(seeds) < 2:
        raise ValueError(f"seeds must be two or more, because Sup learns from the others, got {list(seeds)}")
    runs = recorded_runs(out, Outcome) if out.exists() else []

    def missing(rate: str, seed: int) -> list[str]:
        done = {run.rival for run in runs if (run.rate, run.seed) == (rate, seed)}
        return [name for name in AT[rate] if name not in done]

    def keep(run: Outcome) -> None:
        runs.append(run)
        runs.sort(key=lambda run: (run.rate, run.seed, list(NAMES).index(run.rival)))
        command = f"residual-book detect --out results/{out.name} --seeds {listed(seeds)}"
        write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})

    for rate, seed in product(RATES, seeds):
        if names := [name for name in missing(rate, seed) if name != "Sup"]:
            simulation = simulated(seed, rate)
            watched = observe(simulation)
            for name, table in rivals(simulation, watched, names):
                keep(judge(table, watched.truth, rival=name, seed=seed, rate=rate))
    if any("Sup" in missing(DEFAULT, seed) for seed in seeds):
        taught = {}
        for seed in seeds:
            watched = observe(simulated(seed))
            taught[seed] = supervised.lessons(supervised.look(watched.events), watched.truth)
        for seed in seeds:
            if "Sup" in missing(DEFAULT, seed):
                learned = supervised.learn([lessons for other, lessons in taught.items() if other != seed])
                watched = observe(simulated(seed))
                table = supervised.score(learned, supervised.look(watched.events))
                keep(judge(table, watched.truth, rival="Sup", seed=seed))


def of(runs: Sequence[Outcome], rival: str, rate: str = DEFAULT) -> list[Outcome]:
    """The outcomes of a rival, one per organization."""
    return [run for run in runs if (run.rival, run.rate) == (rival, rate)]
