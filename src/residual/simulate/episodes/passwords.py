"""Guessing passwords: brute force (T1110.001) and spraying (T1110.003), with stale credentials and Monday's resets."""

import numpy as np
import polars as pl

from residual.simulate.activity.sign_ins import BAD_PASSWORD, SUCCESS
from residual.simulate.calendar import HOUR, MINUTE
from residual.simulate.episodes.reference import ENTRY, GUESS, Frames, Reference, spaced, strange
from residual.simulate.organization import OFFICE

FAILED = pl.col("outcome") != SUCCESS


def _guesses(n: int, ref: Reference, rng: np.random.Generator) -> np.ndarray:
    """Results of guesses: as in normal failures, but more often the password."""
    outcome = ref.rows("sign_ins", FAILED, n, rng)["outcome"].to_numpy()
    return np.where(rng.random(n) < 0.6, BAD_PASSWORD, outcome)


def brute_force(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """One account from one source, 0.3 to 1 guesses per minute for an hour or two, then in."""
    minutes = ref.between((5, 10), (50, 110), rng)
    n = max(12, int(minutes * ref.between((20, 30), (0.3, 1), rng)))
    rows = ref.at_work("sign_ins", FAILED, 1, start, rng)[np.zeros(n, dtype=int)]
    usual = int(rows["user"][0])
    victim = ref.rows("sign_ins", FAILED & (pl.col("user") != usual) & _sort(ref, usual), 1, rng)["user"][0]
    outcome = _guesses(n, ref, rng)
    outcome[-1] = SUCCESS
    time = spaced(start, rng.gamma(2, minutes * MINUTE / n / 2, n))
    guess = {"outcome": outcome, "session": strange(start, n, of=4), "role": np.where(outcome == SUCCESS, ENTRY, GUESS)}
    return {"sign_ins": rows.with_columns(time=time, user=pl.lit(victim), **guess)}


def stale_credentials(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A forgotten device of the user's own goes on trying the old password, for days."""
    n = int(rng.integers(30, 80))
    rows = ref.rows("sign_ins", (pl.col("outcome") == BAD_PASSWORD) & (pl.col("machine") >= 0), 1, rng)
    rows = rows[np.zeros(n, dtype=int)]
    gap = rng.uniform(8, 30) * MINUTE
    time = spaced(start, gap * rng.uniform(0.95, 1.05, n))
    return {"sign_ins": rows.with_columns(time=time, outcome=pl.lit(BAD_PASSWORD))}


def spraying(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """Few accounts from each of several sources: 2 to 4 in 20 minutes from each, a different one every time."""
    sources = int(rng.integers(3, 9))
    minutes = ref.between((10, 20), (40, 100), rng)
    each = max(3, int(minutes / 20 * ref.between((20, 40), (2, 4), rng)))
    n = sources * each
    rows = ref.at_work("sign_ins", FAILED & _sort(ref, 0), sources, start, rng)[np.repeat(np.arange(sources), each)]
    users = rng.permutation(np.resize(rng.permutation(ref.org.users), n))
    outcome = _guesses(n, ref, rng)
    outcome[rng.integers(0, n)] = SUCCESS
    time = start + (rng.random(n) * minutes * MINUTE).astype(np.int64)
    guess = {"outcome": outcome, "session": strange(start, n, of=4), "role": np.where(outcome == SUCCESS, ENTRY, GUESS)}
    return {"sign_ins": rows.with_columns(time=time, user=users, **guess)}


def monday_resets(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """Passwords expired: many people behind one address fail once or twice, and then get in."""
    org, people = ref.org, int(rng.integers(12, 25))
    office = int(rng.choice(org.places.of(OFFICE)))
    users = rng.permutation(org.users)[:people]
    tries = rng.integers(2, 4, len(users))
    user = np.repeat(users, tries)
    last = np.cumsum(tries) - 1
    rows = ref.rows("sign_ins", FAILED & (pl.col("place") >= 0), len(user), rng)  # not of the domain
    begin = np.repeat(rng.random(len(users)) * HOUR, tries)
    time = start + (begin + np.arange(len(user)) % 4 * rng.uniform(0.3, 1.5, len(user)) * MINUTE).astype(np.int64)
    outcome = np.full(len(user), BAD_PASSWORD)
    outcome[last] = SUCCESS
    return {"sign_ins": rows.with_columns(time=time, user=user, outcome=outcome, place=pl.lit(office))}


def _sort(ref: Reference, user: int) -> pl.Expr:
    """Events of people where `user` is a person, of service accounts otherwise."""
    person = pl.col("user") < ref.org.users
    return person if user < ref.org.users else ~person
