"""Accounts used by somebody else (T1078), impossible combinations, and their twins: real travel, rare admin work."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.sign_ins import SUCCESS
from residual.simulate.activity.work import steps
from residual.simulate.calendar import MINUTE
from residual.simulate.episodes.reference import DISCOVERY, Frames, Reference, spaced, strange
from residual.simulate.organization import ADMINISTRATOR, HOST, HOSTING, PHONE, SERVICE, Floats, Ints
from residual.simulate.workflows import CALL

OUTSIDE = pl.col("place") >= 0


def _abroad(ref: Reference, user: int, rng: np.random.Generator) -> int:
    """A place that others work from, in a country that is new for this user."""
    org, people = ref.org, ref.org.people
    country = np.array([row[1] for row in words.CITIES])[org.places.city]
    known = {country[people.home[user]], country[people.office[user]], country[people.trip[user]]}
    unknown = np.flatnonzero(~np.isin(country, list(known)) & (org.places.kind != HOSTING)).tolist()
    rows = ref.frames["calls"].filter(pl.col("place").is_in(unknown))
    pool = rows["place"].to_numpy() if rows.height else np.array(unknown or [int(people.trip[user])])
    return int(rng.choice(pool))


def _portal(ref: Reference, n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Sign-ins of people from outside, knocking apart."""
    hosting = ref.org.places.of(HOSTING).tolist()
    return ref.rows("sign_ins", OUTSIDE & ~pl.col("place").is_in(hosting), n, rng)


def _victim(ref: Reference, start: int, rng: np.random.Generator, *, working: bool) -> int:
    """Somebody with much work in the cloud who works at this time, or who does not, while others do."""
    people = ref.rows("calls", pl.col("user") < ref.org.users, 40, rng)["user"].unique(maintain_order=True).to_numpy()
    return ref.working(people, start, now=working)


def _as_user(ref: Reference, user: int, device: int, task: int, time: Ints, rng: np.random.Generator) -> Frames:
    """Sign-ins as a user from abroad, and in the same session the calls of some task."""
    org, place, session = ref.org, _abroad(ref, user, rng), int(strange(int(time[0]), 1)[0])
    rows = _portal(ref, len(time), rng)
    outcome = np.append(rows["outcome"].to_numpy()[:-1], SUCCESS)
    begin = time[-1] + np.array([2, 10]) * MINUTE
    run = steps(org, np.full(2, user), np.full(2, task), begin, rng).filter(pl.col("kind") == CALL)
    same = {"user": pl.lit(user), "place": pl.lit(place), "session": pl.lit(session)}
    return {
        "sign_ins": rows.with_columns(time=time, machine=pl.lit(device), outcome=outcome, **same),
        "calls": ref.calls(user, run["what"].to_list(), run["time"].to_numpy(), rng).with_columns(
            role=pl.lit(DISCOVERY), **same
        ),
    }


def _of_cloud(ref: Reference, weight: Floats, rng: np.random.Generator) -> int:
    """A task with calls, by weight."""
    calls = sum(ref.org.workflows.uses(k) for k in range(len(words.OPERATIONS)))
    weight = weight * (calls > 2)
    return int(rng.choice(len(weight), p=weight / weight.sum())) if weight.any() else int(np.argmax(calls))


def valid_account(ref: Reference, start: int, rng: np.random.Generator, actor: int) -> Frames:
    """Somebody else signs in as a user, at an hour and from a country that others have, and does others' work."""
    user = actor if actor >= 0 else _victim(ref, start, rng, working=False)
    device = int(_portal(ref, 1, rng)["machine"][0])
    if device >= 0 and (ref.org.machines.owner[device] == user or rng.random() < 0.5):
        device = -1
    time = spaced(start, rng.exponential(8 * MINUTE, int(rng.integers(3, 7))))
    tasks = ref.org.workflows.weight.sum(axis=1) * (ref.org.habits[user] == 0)
    return _as_user(ref, user, device, _of_cloud(ref, tasks, rng), time, rng)


def real_travel(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """The user is abroad, with the device they always have, and does what they always do."""
    user = _victim(ref, start, rng, working=True)
    time = spaced(start, rng.exponential(20 * MINUTE, int(rng.integers(3, 7))))
    return _as_user(ref, user, int(ref.org.people.machine[user]), _of_cloud(ref, ref.org.habits[user], rng), time, rng)


def impossible(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """One event whose values are all common and cannot occur together."""
    which = int(rng.integers(0, 3))
    if which == 0:  # a program on a system that it does not exist for
        row = ref.rows("processes", pl.lit(True), 1, rng)
        system = int(ref.org.machines.system[row["machine"][0]])
        foreign = [k for k, program in enumerate(words.PROGRAMS) if system not in program[4]]
        other = ref.rows("processes", pl.col("program").is_in(foreign), 1, rng)
        return {"processes": row.with_columns(time=pl.lit(start), program=pl.lit(other["program"][0]))}
    if which == 1 and rng.random() < 0.5:  # an account confirms with a second factor
        accounts = np.flatnonzero(ref.org.people.role == SERVICE).tolist()
        row = _portal(ref, 1, rng)
        account = ref.rows("sign_ins", pl.col("user").is_in(accounts), 1, rng)["user"][0]
        return {"sign_ins": row.with_columns(time=pl.lit(start), user=pl.lit(account), mfa=pl.lit(1))}
    if which == 1:  # a portal on the internet sees an address from inside
        row = ref.at_work("sign_ins", ~OUTSIDE & (pl.col("user") < ref.org.users), 1, start, rng)
        return {"sign_ins": row.with_columns(time=pl.lit(start), service=_portal(ref, 1, rng)["service"])}
    phone = pl.col("machine").is_in(ref.org.machines.of(PHONE).tolist())
    if rng.random() < 0.5:  # a phone reports to a host that only agents on laptops and hosts report to
        reported = [words.CATEGORIES.index(name) for name in ("telemetry", "update")]
        hosts = np.flatnonzero(np.isin(ref.org.targets.category, reported)).tolist()
        row, report = (ref.rows("traffic", rows, 1, rng) for rows in (phone, pl.col("target").is_in(hosts)))
        return {"traffic": row.with_columns(time=pl.lit(start), target=pl.lit(report["target"][0]))}
    ours = np.flatnonzero(ref.org.targets.machine >= 0).tolist()  # a database's port on a public host
    row = ref.rows("traffic", ~pl.col("target").is_in(ours) & (pl.col("machine") >= 0), 1, rng)
    port = ref.rows("traffic", pl.col("port").is_in([445, 3389, 5432, 9092, 389]), 1, rng)["port"][0]
    return {"traffic": row.with_columns(time=pl.lit(start), port=pl.lit(port))}


def rare_administration(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
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
