"""Single events of an organization under every detector, beside counting. Told in `book/part5/distance.md`.

Each event becomes a point by its context: how much its user, source and host did in the hour and the day before, and
what happens for the first time. Events of days 7 to 13 are scored by detectors that were fitted to days 0 to 6, and say
how high scores are normally; events of the test days are scored by detectors fitted to days 0 to 13.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual import simulate
from residual.detect.points import Detector, LocalOutliers
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.simulation import NAMED
from residual.tabular import ContextFeatures, TableEncoder
from residual.tabular.context import Entity
from residual.tabular.fitting import ENTITIES, kept
from residual_book.evaluation import windows
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.outcome import Outcome, judge
from residual_book.evaluation.volume import B, volume
from residual_book.evaluation.watched import (
    BUDGET,
    DAYS,
    FIRST_WEEK,
    SECOND_WEEK,
    TEST,
    USERS,
    Watched,
    watch,
    with_machines,
)
from residual_book.part5.distance.cases import DETECTORS
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record

SEEDS = (50, 51, 52, 53, 54)  # of the recording, never looked at before
LIVE, FEW = 0, 10  # the organization that the page runs, and its users
RESULT = RESULTS / "single-events.json"
COUNTING, CLEAN, CHANCE = "counting by the hour", "neighbors, clean past", "at random"
RIVALS = (COUNTING, *DETECTORS, CLEAN, CHANCE)
FITTED = 5000  # events of a class that a detector is fitted to
LEARNING = 3 * DAY  # nothing is said about an entity that is new
WHO = (*ENTITIES, Entity("application", ("actor.app_name",)))
COLUMNS = {
    "authentication": ("user.name", "user.type", "src_endpoint.ip", "device.hostname", "device.os.name"),
    "network_activity": (
        "src_endpoint.ip", "src_endpoint.hostname", "dst_endpoint.ip", "dst_endpoint.hostname", "dst_endpoint.port",
        "device.os.name",
    ),
    "dns_activity": ("src_endpoint.ip", "src_endpoint.hostname", "dst_endpoint.hostname", "device.os.name"),
    "api_activity": ("actor.user.name", "src_endpoint.ip", "api.operation"),
    "process_activity": ("actor.user.name", "device.hostname", "device.os.name", "process.name"),
    "application_lifecycle": ("actor.app_name",),
    "application_error": ("actor.app_name",),
}  # fmt: skip
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Run(Outcome):
    """What a rival found, and of single events how odd each episode is.

    Attributes:
        odder: of each episode, how many normal events of the same class per test day are as odd as its oddest event or
            odder; of its classes, the one with the fewest. Empty for counting.
    """

    odder: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scores:
    """Events of a class with `uid`, `time` and `value` of an entity; and their oddness, NaN in the first week."""

    name: str
    events: pl.DataFrame
    odd: Floats


def observe(seed: int, users: int = USERS) -> Watched:
    """An organization with all columns that a rival looks at."""
    wanted = {name: list(dict.fromkeys([*COLUMNS[name], *windows.COLUMNS.get(name, ())])) for name in COLUMNS}
    return watch(simulate.simulation(users=users, days=DAYS, seed=seed), wanted)


def in_context(events: Mapping[str, pl.DataFrame]) -> dict[str, NDArray[np.float32]]:
    """The context of each event as numbers, by class: (events, features)."""
    parts = [table.select("uid", "time", *COLUMNS[name], event=pl.lit(name)) for name, table in events.items()]
    stream = pl.concat(parts, how="diagonal").sort("time", "uid")
    context = ContextFeatures(WHO)
    known = kept(context)
    past = context.advance(stream).select(list(known))
    points = {}
    for name, table in events.items():
        own = past.filter(stream["event"] == name)
        encoder = TableEncoder(known, scaling="quantile").fit(own.filter(_day(table) < FIRST_WEEK.stop))
        points[name] = encoder.transform(own).numeric
    return points


def scored(watched: Watched, points: Mapping[str, NDArray[np.float32]], rival: str) -> Iterator[Scores]:
    """All events under one detector, class by class; with a clean past, it is fitted to events without a label."""
    labeled = watched.truth.touches["event"].unique().implode()
    for number, (name, table) in enumerate(watched.events.items()):
        day, rng = _day(table), np.random.default_rng((watched.seed, number))
        odd, fits = np.full(len(day), np.nan), np.ones(len(day), dtype=np.bool_)
        if rival == CLEAN:
            fits = ~table["uid"].is_in(labeled).to_numpy()
        for past, days in ((SECOND_WEEK.start, SECOND_WEEK), (TEST.start, TEST)):
            fitted = points[name][rng.permutation(np.flatnonzero(fits & (day < past)))[:FITTED]]
            new = np.isin(day, days)
            odd[new] = _made(rival, fitted, watched.seed).fit(fitted).oddness(points[name][new])
        yield Scores(name, table.select("uid", "time", value=next(iter(NAMED[name]))), odd)


def _made(rival: str, fitted: NDArray[np.float32], seed: int) -> Detector:
    """A detector; in a class with few different points, local outliers have fewer neighbors."""
    made = DETECTORS["neighbors" if rival == CLEAN else rival](seed)
    if isinstance(made, LocalOutliers):
        made.k = min(made.k, len(np.unique(fitted, axis=0)) - 1)
    return made


def hours(scores: Scores) -> pl.DataFrame:
    """Entities and hours by their oddest event, calibrated: `alerts.SCORED`."""
    kind = next(iter(NAMED[scores.name]))
    table = scores.events.with_columns(score=pl.Series(scores.odd)).drop_nulls("value")
    table = table.filter(pl.col("time") - pl.col("time").min().over("value") >= LEARNING, pl.col("score").is_not_nan())
    end = START + ((pl.col("time") - START) // HOUR + 1) * HOUR
    table = table.group_by("value", end=end).agg(pl.col("score").max())
    none = pl.lit(None, pl.String)
    table = table.with_columns(begin=pl.col("end") - HOUR, kind=pl.lit(kind), other_kind=none, other_value=none)
    return calibrated(table.select(SCORED.keys()).cast(pl.Schema(SCORED)).sort("end", "value"))


def odder(watched: Watched, scores: Sequence[Scores], episodes: Sequence[str]) -> tuple[float, ...]:
    """As of `Run`."""
    least = dict.fromkeys(episodes, float("inf"))
    labeled = watched.truth.touches.select("episode", uid="event").unique()
    for part in scores:
        test = part.events.select("uid", odd=pl.Series(part.odd)).filter(pl.Series(_day(part.events)) >= TEST.start)
        normal = np.sort(test.join(labeled, on="uid", how="anti")["odd"].to_numpy())
        most = test.join(labeled, on="uid").group_by("episode").agg(pl.col("odd").max())
        for episode, odd in most.iter_rows():
            if episode in least:
                above = len(normal) - np.searchsorted(normal, odd, side="left")
                least[episode] = min(least[episode], float(above) / len(TEST))
    return tuple(least.values())


def compare(watched: Watched) -> Iterator[Run]:
    """What each rival finds in an organization."""
    yield judged(watched, COUNTING, counted(watched))
    points = in_context(watched.events)
    for rival in (*DETECTORS, CLEAN):
        scores = list(scored(watched, points, rival))
        table = pl.concat(map(hours, scores))
        yield judged(watched, rival, table, scores)
    yield judged(watched, CHANCE, table.with_columns(pl.col("score").shuffle(seed=0)))


def counted(watched: Watched) -> pl.DataFrame:
    """Windows under the rival that counts by the hour, as scored windows."""
    return volume(with_machines(watched.events), B)


def judged(watched: Watched, rival: str, table: pl.DataFrame, scores: Sequence[Scores] = ()) -> Run:
    """What a rival found with its scored windows, and the scores of single events where it has them."""
    outcome = judge(table, watched.truth, rival=rival, seed=watched.seed)
    return Run(**vars(outcome), odder=odder(watched, scores, outcome.episode) if scores else ())


@dataclass(frozen=True)
class Shown:
    """One day of sign-ins.

    Attributes:
        hour: of each sign-in, from 0 to 24.
        odd: its distance to the fifth neighbor.
        attack, twin: whether it belongs to an attack, or to the benign twin of one.
        usual: the distance that ten sign-ins per day of the second week exceeded.
    """

    hour: Floats
    odd: Floats
    attack: NDArray[np.bool_]
    twin: NDArray[np.bool_]
    usual: float


def live(seed: int = LIVE) -> Shown:
    """The test day with most sign-ins of attacks, in a small organization under neighbors."""
    watched = observe(seed, FEW)
    return shown(watched, next(scored(watched, in_context(watched.events), "neighbors")))


def shown(watched: Watched, scores: Scores) -> Shown:
    """The test day with most events of attacks, in a class."""
    names = watched.truth.touches.select("episode", uid="event").unique("uid")
    known = names.join(watched.truth.episodes.select("episode", "twin"), on="episode")
    twin = scores.events.select("uid").join(known, on="uid", how="left", maintain_order="left")["twin"]
    attack, day = (~twin).fill_null(False).to_numpy(), _day(scores.events)
    own = day == np.bincount(day[attack & (day >= TEST.start)]).argmax()
    past = np.sort(scores.odd[np.isin(day, SECOND_WEEK)])
    return Shown(
        hour=((scores.events["time"] - START) % DAY / HOUR).to_numpy()[own],
        odd=scores.odd[own],
        attack=attack[own],
        twin=twin.fill_null(False).to_numpy()[own],
        usual=float(past[-BUDGET * len(SECOND_WEEK)]),
    )


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure what `out` does not hold yet, and write it after each organization; called again, go on from there.

    Raises:
        ValueError: for a file that holds something else.
    """
    runs = recorded_runs(out, Run) if out.exists() else []
    for seed in seeds:
        if seed not in {run.seed for run in runs}:
            runs = sorted([*runs, *compare(observe(seed))], key=lambda run: (run.seed, RIVALS.index(run.rival)))
            command = f"residual-book single-events --out results/{out.name} --seeds {listed(run.seed for run in runs)}"
            write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})


def of(runs: Sequence[Run], rival: str) -> list[Run]:
    """The runs of a rival, one per organization."""
    return [run for run in runs if run.rival == rival]


def _day(table: pl.DataFrame) -> NDArray[np.int64]:
    return ((table["time"] - START) // DAY).to_numpy().astype(np.int64)
