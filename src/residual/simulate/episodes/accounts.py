"""Accounts used by somebody else (T1078), impossible combinations, and their twins: real travel, rare admin work."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.calendar import MINUTE
from residual.simulate.episodes.reference import Frames, Reference, spaced
from residual.simulate.organization import ADMINISTRATOR, HOST, HOSTING, SERVICE, Ints

OUTSIDE = pl.col("place") >= 0


def _abroad(ref: Reference, user: int, rng: np.random.Generator) -> int:
    """A place that others sign in from, in a country that is new for this user."""
    org, people = ref.org, ref.org.people
    country = np.array([row[1] for row in words.CITIES])[org.places.city]
    known = {country[people.home[user]], country[people.office[user]], country[people.trip[user]]}
    unknown = np.flatnonzero(~np.isin(country, list(known)) & (org.places.kind != HOSTING)).tolist()
    rows = ref.frame("sign_ins").filter(OUTSIDE & pl.col("place").is_in(unknown))
    pool = rows["place"].to_numpy() if rows.height else np.array(unknown or [int(people.trip[user])])
    return int(rng.choice(pool))


def _portal(ref: Reference, n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Sign-ins of people from outside, knocking apart."""
    hosting = ref.org.places.of(HOSTING).tolist()
    return ref.rows("sign_ins", OUTSIDE & ~pl.col("place").is_in(hosting), n, rng)


def valid_account(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """Somebody else signs in as a user: country and device are common in the organization, and new for this user."""
    n = int(rng.integers(3, 7))
    rows = _portal(ref, n, rng)
    user = int(_portal(ref, 1, rng)["user"][0])
    device = int(rows["machine"][0])
    if device >= 0 and ref.org.machines.owner[device] == user:
        device = -1
    time = spaced(start, rng.exponential(8 * MINUTE, n))
    fixed = {"user": user, "place": _abroad(ref, user, rng), "machine": device}
    return {"sign_ins": rows.with_columns(time=time, **{name: pl.lit(value) for name, value in fixed.items()})}


def real_travel(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """The user is abroad, with the device they always have."""
    n = int(rng.integers(3, 7))
    rows = _portal(ref, n, rng)
    user = int(_portal(ref, 1, rng)["user"][0])
    place, device = _abroad(ref, user, rng), int(ref.org.people.machine[user])
    known = np.where(rows["machine"].to_numpy() >= 0, device, -1)
    time = spaced(start, rng.exponential(20 * MINUTE, n))
    return {"sign_ins": rows.with_columns(time=time, user=pl.lit(user), place=pl.lit(place), machine=known)}


def impossible(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """One event whose values are all common and cannot occur together."""
    which = int(rng.integers(0, 3))
    if which == 0:  # a program on a system that it does not exist for
        row = ref.rows("processes", pl.lit(True), 1, rng)
        system = int(ref.org.machines.system[row["machine"][0]])
        foreign = [k for k, program in enumerate(words.PROGRAMS) if system not in program[4]]
        other = ref.rows("processes", pl.col("program").is_in(foreign), 1, rng)
        return {"processes": row.with_columns(time=pl.lit(start), program=pl.lit(other["program"][0]))}
    if which == 1:  # an account without a person confirms with a second factor, from a person's device
        accounts = np.flatnonzero(ref.org.people.role == SERVICE).tolist()
        row = _portal(ref, 1, rng)
        account = ref.rows("sign_ins", pl.col("user").is_in(accounts), 1, rng)["user"][0]
        return {"sign_ins": row.with_columns(time=pl.lit(start), user=pl.lit(account), mfa=pl.lit(1))}
    ours = np.flatnonzero(ref.org.targets.machine >= 0).tolist()  # a database's port on a public host
    row = ref.rows("traffic", ~pl.col("target").is_in(ours) & (pl.col("machine") >= 0), 1, rng)
    port = ref.rows("traffic", pl.col("port").is_in([445, 3389, 5432, 9092, 389]), 1, rng)["port"][0]
    return {"traffic": row.with_columns(time=pl.lit(start), port=pl.lit(port))}


def rare_administration(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """An administrator looks after a host by hand, which happens once in a while."""
    org = ref.org
    admins = np.flatnonzero(org.people.role == ADMINISTRATOR)
    hosts: Ints = org.machines.of(HOST)
    host = int(rng.choice(hosts))
    system = int(org.machines.system[host])
    fitting = [k for k, program in enumerate(words.PROGRAMS) if system in program[4]]
    rows = ref.rows("processes", pl.col("program").is_in(fitting), int(rng.integers(1, 4)), rng)
    time = spaced(start, rng.exponential(MINUTE, rows.height))
    return {"processes": rows.with_columns(time=time, machine=pl.lit(host), user=pl.lit(int(rng.choice(admins))))}
