"""Analysts who answer ten alerts per day, and what their answers do to the days after; and the record of it.

Told in `book/part5/verdicts.md`. What detectors see does not depend on answers, so they look at each day once, and all
analysts get their own list of it. Labels play the analyst: true for an alert with an event of an attack or a fault.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.random import Generator
from tqdm import tqdm

from residual import simulate
from residual.detect.alert import Alert, Answer
from residual.detect.score import Memory, look, raised
from residual.detect.stream import narrowed
from residual.simulate import Simulation, flat
from residual.simulate.calendar import DAY, START
from residual_book.evaluation.watched import BUDGET, DAYS, TEST, USERS
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record

SEEDS = (185, 186, 187, 188, 189)  # of the recording, as of `part5/budget`
RESULT = RESULTS / "verdicts.json"
FIRST = START // DAY
WEEKS = len(TEST) // 7
RARE = 60.0  # entities per day: what is less rare is in nobody's list


@dataclass(frozen=True)
class Analyst:
    """Somebody who answers every alert in the evening.

    Attributes:
        name: in words.
        wrong: share of the answers that are the opposite of what the labels say.
        days: how many test days are answered.
        flipped: the test day on which the oddest true alert is called benign; None for no day.
    """

    name: str
    wrong: float = 0.0
    days: int = len(TEST)
    flipped: int | None = None


NOBODY = Analyst("nobody", days=0)
RIGHT = Analyst("all right")
TWO_WEEKS = Analyst("all right, for two weeks", days=14)
TENTH, FIFTH = Analyst("10% wrong", wrong=0.1), Analyst("20% wrong", wrong=0.2)
MISTAKES = tuple(Analyst(f"one mistake on day {day + 1}", flipped=day) for day in range(7))
ANALYSTS = (NOBODY, RIGHT, TWO_WEEKS, TENTH, FIFTH, *MISTAKES)


@dataclass(frozen=True)
class Run:
    """What an analyst's alerts found in one organization. Tuples over episodes have the same order.

    Attributes:
        analyst: their name.
        seed: of the organization.
        episode: attacks and faults with an event in the test days, without benign twins.
        type: of each.
        active: the weeks, from 0, in which each has an event.
        found: the test day, from 0, of the first alert with one of its events; None where there is none.
        alerts: by week, how many.
        true: by week, those with an event of an attack or fault.
        twins: by week, those with an event of a benign twin only.
        lowered: alerts that would have been raised without the answers.
    """

    analyst: str
    seed: int
    episode: tuple[str, ...]
    type: tuple[str, ...]
    active: tuple[tuple[int, ...], ...]
    found: tuple[int | None, ...]
    alerts: tuple[int, ...]
    true: tuple[int, ...]
    twins: tuple[int, ...]
    lowered: int


@dataclass
class Desk:
    """The alerts of one analyst, by test day, what answers displaced, and the answers."""

    analyst: Analyst
    rng: Generator
    alerts: dict[int, list[Alert]] = field(default_factory=dict)
    lowered: dict[int, list[Alert]] = field(default_factory=dict)
    answers: dict[str, tuple[Answer, int]] = field(default_factory=dict)

    def answer(self, day: int, harmful: frozenset[str]) -> None:
        """Answer the alerts of a test day."""
        if day >= self.analyst.days:
            return
        mistake = self.analyst.flipped == day
        for alert in self.alerts[day]:
            is_true = not harmful.isdisjoint(alert.events)
            said = is_true != (self.rng.random() < self.analyst.wrong)
            if mistake and is_true:
                said, mistake = False, False
            self.answers[alert.uid] = ("true" if said else "benign", FIRST + TEST.start + day)


@dataclass(frozen=True)
class Played:
    """An organization, the desks of some analysts, and the labels: one row per event of an episode."""

    seed: int
    desks: list[Desk]
    labels: pl.DataFrame

    def runs(self) -> list[Run]:
        """What each analyst's alerts found."""
        return [run_of(desk, self.seed, self.labels) for desk in self.desks]


def play(simulation: Simulation, analysts: Sequence[Analyst] = ANALYSTS) -> Played:
    """Score an organization day by day, once for each analyst."""
    seed = simulation.org.seed
    memory, labels = Memory(FIRST), []
    desks = [Desk(analyst, np.random.default_rng((seed, n))) for n, analyst in enumerate(analysts)]
    for number in tqdm(range(simulation.org.days), desc=f"days of organization {seed}", leave=False):
        parts = list(simulation.parts(number))
        labels += [part.labels for part in parts]
        events = pl.concat(narrowed(flat(part.events)) for part in parts).sort("time", "uid")
        sights, after = look(memory, events)
        day = number - TEST.start
        if day >= 0:
            sights = sights.filter(pl.col("rate") < RARE)
            harmful = frozenset(pl.concat(labels).filter(~pl.col("twin"))["metadata.uid"])
            for desk in desks:
                found = raised(memory, after, sights, events, BUDGET, desk.answers)
                desk.alerts[day], desk.lowered[day] = found
                desk.answer(day, harmful)
        memory = after
    return Played(seed, desks, pl.concat(labels))


def run_of(desk: Desk, seed: int, labels: pl.DataFrame) -> Run:
    """What an analyst's alerts found, by the labels."""
    own = labels.filter(~pl.col("twin"))
    week = ((pl.col("time") // DAY) - FIRST - TEST.start) // 7
    episodes = own.group_by("episode", "type").agg(week=week.unique().sort()).sort("episode")
    episodes = episodes.filter(pl.col("week").list.max() >= 0)
    owner = dict(labels.select("metadata.uid", "episode").iter_rows())
    twin = dict(labels.select("episode", "twin").iter_rows())
    first: dict[str, int] = {}
    alerts, true, twins = ([0] * WEEKS for _ in range(3))
    for day, some in desk.alerts.items():
        for alert in some:
            hits = {owner[uid] for uid in alert.events if uid in owner}
            harmful = {episode for episode in hits if not twin[episode]}
            for episode in harmful:
                first.setdefault(episode, day)
            alerts[day // 7] += 1
            true[day // 7] += bool(harmful)
            twins[day // 7] += bool(hits) and not harmful
    return Run(
        analyst=desk.analyst.name,
        seed=seed,
        episode=tuple(episodes["episode"]),
        type=tuple(episodes["type"]),
        active=tuple(tuple(w for w in weeks if w >= 0) for weeks in episodes["week"].to_list()),
        found=tuple(map(first.get, episodes["episode"])),
        alerts=tuple(alerts),
        true=tuple(true),
        twins=tuple(twins),
        lowered=sum(map(len, desk.lowered.values())),
    )


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Play what `out` does not hold yet, and write it after each organization; called again, go on from there.

    Raises:
        ValueError: for a file that holds something else.
    """
    runs = recorded_runs(out, Run) if out.exists() else []
    for seed in seeds:
        if any(run.seed == seed for run in runs):
            continue
        runs += play(simulate.simulation(users=USERS, days=DAYS, seed=seed)).runs()
        command = f"residual-book verdicts --out results/{out.name} --seeds {listed(seeds)}"
        write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})
