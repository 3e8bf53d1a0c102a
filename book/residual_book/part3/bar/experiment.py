"""All rivals on one organization after the other, and the record of what each found.

Told in `book/part3/bar.md`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual import simulate
from residual.simulate.calendar import DAY
from residual_book.evaluation import windows
from residual_book.evaluation.alerts import ranked
from residual_book.evaluation.outcome import Outcome, hits, judge
from residual_book.evaluation.volume import B, V, volume
from residual_book.evaluation.watched import BUDGET, DAYS, USERS, Truth, Watched, day_of, watch, with_machines
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record
from residual_book.rivals import single_events, supervised
from residual_book.rivals.expectation import agreed
from residual_book.rivals.single_events import mixed

SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
LIVE = 0  # the organization that the page runs
RESULT = RESULTS / "bar.json"
DEFAULT, REALISTIC = "default", "realistic"
RATES = {DEFAULT: simulate.EPISODES, REALISTIC: simulate.REALISTIC}  # of episodes
GUARD = 20  # alerts per day that the ninth guard of the simulator allows
NAMES = {
    "guess": "random windows",
    "B": "counting by the hour",
    "V": "volume",
    "W": "volume and network",
    "U": "volume and single events",
    "C": "volume and context",
    "Sup": "told the labels of others",
}
AT = {DEFAULT: tuple(NAMES), REALISTIC: ("B", "V", "U", "Sup")}  # the rivals recorded at each rate
Events = dict[str, pl.DataFrame]
Times = NDArray[np.int64]


def observe(seed: int, rate: str = DEFAULT) -> Watched:
    """An organization with all columns that any rival looks at."""
    wanted: dict[str, dict[str, None]] = {}
    for columns in (windows.COLUMNS, single_events.COLUMNS, supervised.COLUMNS):
        for name, paths in columns.items():
            wanted.setdefault(name, {}).update(dict.fromkeys(paths))
    made = simulate.simulation(users=USERS, days=DAYS, seed=seed, episodes=RATES[rate])
    return watch(made, {name: list(paths) for name, paths in wanted.items()})


def unsupervised(events: Events, names: Sequence[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Scored windows of each rival that sees no labels."""
    known = with_machines(events)
    by_volume = volume(known, V)
    rivals: dict[str, Callable[[], pl.DataFrame]] = {
        "guess": lambda: by_volume.with_columns(pl.col("score").shuffle(seed=0)),
        "B": lambda: volume(known, B),
        "V": lambda: by_volume,
        "W": lambda: agreed(known, V),
        "U": lambda: mixed(by_volume, single_events.single_events(events)),
        "C": lambda: mixed(by_volume, single_events.single_events(events, network=False)),
    }
    for name in names:
        yield name, rivals[name]()


@dataclass(frozen=True)
class Found:
    """An episode that V found in the organization that the page runs, and what lies beside it.

    Attributes:
        episodes: all of the organization, with their twins.
        type: of the one that is shown.
        day: of the alert, from 0.
        events: times of the episode's events on that day, in ms.
        window: begin and end of the alert's window.
        twin: times of the events of some twin of this type on its first day, as if on the same day.
    """

    episodes: pl.DataFrame
    type: str
    day: int
    events: Times
    window: tuple[int, int]
    twin: Times


def live(seed: int = LIVE) -> tuple[dict[str, Outcome], Found]:
    """What B and V find in one organization, made for it; and one episode that V finds."""
    watched = observe(seed)
    tables = dict(unsupervised(watched.events, ("B", "V")))
    outcomes = {name: judge(table, watched.truth, rival=name, seed=seed) for name, table in tables.items()}
    return outcomes, shown(watched.truth, ranked(tables["V"], BUDGET))


def shown(truth: Truth, alerts: pl.DataFrame, kind: str = "beacon") -> Found:
    """The first episode of a type that the alerts find.

    Raises:
        ValueError: where they find none.
    """
    episodes = truth.episodes.filter(pl.col("type") == kind)
    hit = hits(alerts, truth).join(episodes.filter(~pl.col("twin")), on="episode", how="semi").sort("end", "episode")
    if hit.is_empty():
        raise ValueError(f"alerts must find an episode of type {kind!r}")
    alert = hit.row(0, named=True)

    def times(episode: str, day: int) -> Times:
        own = truth.touches.filter((pl.col("episode") == episode) & (day_of(pl.col("time")) == day))["time"]
        return own.unique().sort().to_numpy().astype(np.int64)

    twins = episodes.filter("twin").with_columns(day=day_of(pl.col("first"))).sort("first")
    twin = twins.filter(pl.col("day") >= alert["day"]).row(0, named=True)
    moved = times(twin["episode"], twin["day"]) - (twin["day"] - alert["day"]) * DAY
    window = alert["begin"], alert["end"]
    return Found(truth.episodes, kind, alert["day"], times(alert["episode"], alert["day"]), window, moved)


def record(out: Path, seeds: Sequence[int] = SEEDS, rates: Sequence[str] = tuple(RATES)) -> None:
    """Measure what `out` does not hold yet, and write it after each rival; called again, go on where it was cut off.

    Sup learns from the organizations that it is not tried on, at the default rate.

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
        command = f"residual-book bar --out results/{out.name} --seeds {listed(seeds)}"
        write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})

    for rate in rates:
        for seed in seeds:
            if names := [name for name in missing(rate, seed) if name != "Sup"]:
                watched = observe(seed, rate)
                for name, table in unsupervised(watched.events, names):
                    keep(judge(table, watched.truth, rival=name, seed=seed, rate=rate))
    if any("Sup" in missing(rate, seed) for rate in rates for seed in seeds):
        taught = {}
        for seed in seeds:
            watched = observe(seed)
            taught[seed] = supervised.lessons(supervised.look(watched.events), watched.truth)
        for seed in seeds:
            learned = supervised.learn([lessons for other, lessons in taught.items() if other != seed])
            for rate in (rate for rate in rates if "Sup" in missing(rate, seed)):
                watched = observe(seed, rate)
                table = supervised.score(learned, supervised.look(watched.events))
                keep(judge(table, watched.truth, rival="Sup", seed=seed, rate=rate))


def of(runs: Sequence[Outcome], rival: str, rate: str = DEFAULT) -> list[Outcome]:
    """The outcomes of a rival, one per organization."""
    return [run for run in runs if (run.rival, run.rate) == (rival, rate)]
