"""An attacker who knows what the system remembers: guesses at a password that grow a little every day.

The sign-ins are those of a simulated organization without attacks. One user's password is guessed at, evenly around the
clock, at first once per hour. The detector of failed sign-ins and its calibration see this as `residual score` would.
Told in `book/part5/system.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from residual import simulate
from residual.detect.calibrate import PAST, highest, rates
from residual.detect.detectors import DETECTORS
from residual.detect.score import LEARNING
from residual.detect.sights import Frames
from residual.detect.stream import DAY, HOUR, narrowed
from residual.simulate import flat
from residual.simulate.calendar import START
from residual_book.recording import RESULTS, listed, provenance, recorded_runs, write_record

SEEDS = tuple(range(55, 65))  # of the recording
RESULT = RESULTS / "poisoning.json"
PEOPLE, BEFORE, DAYS = 40, 28, 98  # days before the first guess, and days in all
VICTIMS = 2  # of each organization, different ones, one at a time
OFTEN = 5  # sign-ins per day, on average, that a victim has at least
GROWTHS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)  # per day
MOST = 1000.0  # guesses per hour: who got there has got away
CLEAR = 1 / 30  # users per day who are as odd by chance: an alert that clear counts as found
ON_LIST = 1.0  # as odd as this has a place on the day's list on most days
FIRST = START // DAY
_DETECTOR = DETECTORS[0]  # failed sign-ins of a user


@dataclass(frozen=True)
class Poisoned:
    """What one user's attacker got away with. Tuples have the order of `GROWTHS`.

    Attributes:
        seed: of the organization.
        user: whose password is guessed at.
        at_once: the fewest guesses per hour, the same in each hour, that are found clearly on their first day.
        usual: the most failed sign-ins in an hour that anybody had before the first guess.
        level: guesses per hour on the day on which they are found clearly, or the most that are reached.
        found: days until then; None where they never are.
        guesses: in all until then.
        listed: share of the days until then on which the user is odd enough for the day's list.
        first: guesses per hour on the first of these days; None where there is none.
        unharmed: the same share over all days of a user whom nobody attacks.
    """

    seed: int
    user: str
    at_once: int
    usual: float
    level: tuple[float, ...]
    found: tuple[int | None, ...]
    guesses: tuple[float, ...]
    listed: tuple[float, ...]
    first: tuple[float | None, ...]
    unharmed: float


@dataclass(frozen=True)
class _State:
    """What is remembered before a day: the detector's frames, and the highest scores of each day before."""

    frames: Frames
    nulls: tuple[np.ndarray, ...] = ()


def sign_ins(seed: int, *, people: int = PEOPLE, days: int = DAYS) -> list[pl.DataFrame]:
    """The sign-ins of each day of an organization without attacks."""
    simulation = simulate.simulation(users=people, days=days, seed=seed, episodes=0)
    parts = (next(part for part in simulation.parts(day) if part.name == "authentication") for day in range(days))
    return [narrowed(flat(part.events)).sort("time", "uid") for part in parts]


def with_guesses(events: pl.DataFrame, user: str, per_hour: float, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """The events of a day and failed sign-ins of a user in each hour, `per_hour` on average."""
    n = [int(per_hour) + (rng.random() < per_hour % 1) for _ in range(24)]
    hours = np.repeat(np.arange(24), n)
    times = np.sort(day * DAY + hours * HOUR + rng.integers(0, HOUR, size=len(hours)))
    guesses = pl.DataFrame({"time": times}).with_columns(
        class_uid=pl.lit(_DETECTOR.class_uid, pl.Int32), user=pl.lit(user), status_id=pl.lit(2, pl.Int32)
    )
    return pl.concat([events, guesses], how="diagonal")


def advance(day: int, events: pl.DataFrame, state: _State, user: str) -> tuple[float, _State]:
    """How many users per day are by chance as odd as this one is on a day, and the state after it."""
    seen, frames = _DETECTOR.advance(day, events, state.frames)
    own = seen.filter(pl.col("entity") == user)["score"].to_numpy()
    enough = len(own) and len(state.nulls) >= PAST
    rate = float(rates(own, np.concatenate(state.nulls), PAST).min()) if enough else np.inf
    null = highest(seen)["score"].to_numpy() if day - FIRST >= LEARNING else None
    return rate, _State(frames, (*state.nulls, *(() if null is None else (null,)))[-PAST:])


def poison(seed: int, victim: int, days: Sequence[pl.DataFrame], before: int = BEFORE) -> Poisoned:
    """Attack one user of an organization, at each of `GROWTHS` and all at once."""
    rng = np.random.default_rng((seed, victim))
    counts = pl.concat(days[:before]).drop_nulls("user").group_by("user").len()
    names = counts.filter(pl.col("len") >= OFTEN * before)["user"].sort().to_list()
    user = names[np.random.default_rng(seed).permutation(len(names))[victim]]
    state = _State({})
    for k in range(before):
        _, state = advance(FIRST + k, days[k], state, user)
    quiet = list(_run(days, before, state, user, None, rng))
    level, found, guesses, on_list, first = [], [], [], [], []
    for growth in GROWTHS:
        run = list(_run(days, before, state, user, growth, rng))
        hit = run[-1][1] < CLEAR
        level.append(run[-1][0])
        found.append(len(run) - 1 if hit else None)
        guesses.append(24 * sum(per_hour for per_hour, _ in run))
        on_list.append(float(np.mean([rate < ON_LIST for _, rate in run])))
        first.append(next((per_hour for per_hour, rate in run if rate < ON_LIST), None))
    usual = pl.concat(days[:before]).filter(pl.col("status_id") == 2).group_by("user", pl.col("time") // HOUR).len()
    return Poisoned(
        seed=seed, user=user, at_once=_at_once(days[before], FIRST + before, state, user, rng),
        usual=float(usual.drop_nulls("user")["len"].to_numpy().max()), level=tuple(level), found=tuple(found),
        guesses=tuple(guesses), listed=tuple(on_list), first=tuple(first),
        unharmed=float(np.mean([rate < ON_LIST for _, rate in quiet])),
    )  # fmt: skip


def _run(
    days: Sequence[pl.DataFrame], before: int, state: _State, user: str, growth: float | None, rng: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Guesses per hour and the user's rate of each day, until found clearly or at `MOST`; without growth no guesses."""
    for k, events in enumerate(days[before:]):
        per_hour = 0.0 if growth is None else (1 + growth) ** k
        if per_hour > MOST:
            return
        day = FIRST + before + k
        rate, state = advance(day, with_guesses(events, user, per_hour, day, rng), state, user)
        yield per_hour, rate
        if growth is not None and rate < CLEAR:
            return


def _at_once(events: pl.DataFrame, day: int, state: _State, user: str, rng: np.random.Generator) -> int:
    for per_hour in range(1, int(MOST)):
        if advance(day, with_guesses(events, user, per_hour, day, rng), state, user)[0] < CLEAR:
            return per_hour
    raise ValueError(f"{MOST:.0f} guesses per hour must be found at once")


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure what `out` does not hold yet, and write it after each user; called again, go on where it was cut off."""
    runs = recorded_runs(out, Poisoned) if out.exists() else []
    for seed in seeds:
        done = sum(run.seed == seed for run in runs)
        days = sign_ins(seed) if done < VICTIMS else []
        for victim in range(done, VICTIMS):
            runs = sorted([*runs, poison(seed, victim, days)], key=lambda run: run.seed)
            command = f"residual-book poisoning --out results/{out.name} --seeds {listed(seeds)}"
            write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(run) for run in runs]})
