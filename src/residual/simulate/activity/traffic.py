"""Network activity (4001): people's browsing, hosts among themselves, telemetry, visitors, the scanner.

A decision says which machine (-1 for visitors, who come from a `place`) connects to which target and port, how many
bytes go `out` and come `back`, how many milliseconds it takes, and in which state the connection ends.
"""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.decisions import decisions
from residual.simulate.activity.work import choose, own, saas
from residual.simulate.calendar import DAY, HOUR, MINUTE, START
from residual.simulate.organization import (
    HOME,
    HOST,
    HOSTING,
    INSTANCE,
    LAPTOP,
    MOBILE,
    SCANNER,
    Floats,
    Ints,
    Organization,
)
from residual.simulate.workflows import VISIT

OPEN, REFUSED, FAILED, RESET = range(4)  # states of a connection
STATES = (0.86, 0.05, 0.04, 0.05)
LARGE = (words.CATEGORIES.index("storage"), words.CATEGORIES.index("video"))


def normal(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A day's connections: about half inside, half of them by hosts, and few that fail."""
    parts = [_people(org, day, work, rng), _hosts(org, day, rng), _telemetry(org, day, rng), _visitors(org, day, rng)]
    return pl.concat([*parts, _scanner(org, day, rng)])


def _finish(
    org: Organization, time: Ints, machine: Ints, target: Ints, out: Floats, back: Floats, rng: np.random.Generator
) -> pl.DataFrame:
    n = len(time)
    state = rng.choice(4, n, p=STATES)
    short = state != OPEN
    ms = rng.lognormal(6.5, 1.4, n) + out / 4e3
    return decisions(
        time=time,
        machine=machine,
        place=-1,
        target=target,
        port=org.targets.port[target],
        out=np.maximum(np.where(short, rng.integers(40, 400, n), out), 40),
        back=np.maximum(np.where(short, rng.integers(40, 200, n), back), 40),
        ms=np.maximum(np.where(short, rng.lognormal(5, 1, n), ms), 1),
        state=state,
    )


def _people(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The connections of a day's work: up to three for each visit outside, as pages load more, one or two inside."""
    steps = work.filter(pl.col("target") >= 0)
    chance = np.where(steps["kind"].to_numpy()[:, None] == VISIT, [[0.62, 0.9]], [[0.7, 1.0]])
    which = np.repeat(np.arange(steps.height), 1 + (rng.random((steps.height, 1)) > chance).sum(axis=1))
    user, target, phone = (steps[name].to_numpy()[which] for name in ("user", "target", "phone"))
    n = len(which)
    later = np.where(np.diff(which, prepend=-1) == 0, rng.integers(100, 6000, n), rng.integers(0, 100, n))
    time = np.minimum(steps["time"].to_numpy()[which] + later, START + (day + 1) * DAY - 1)
    scale = org.people.volume[user] * np.where(np.isin(org.targets.category[target], LARGE), 2.0, 1.0)
    upload = rng.random(n) < 0.1  # documents, pictures, synchronized folders
    out = scale * np.where(upload, rng.lognormal(11.2, 1.2, n), rng.lognormal(7.8, 1.3, n))
    back = scale * rng.lognormal(10.8, 1.7, n)
    machine = np.where(phone == 1, org.people.phone[user], org.people.machine[user])
    return _finish(org, time, machine, target, out, back, rng)


def _hosts(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """Databases, builds, backups: most connections carry megabytes. Applications call what they need."""
    hosts = org.machines.of(HOST, INSTANCE)
    machine = np.repeat(hosts, rng.poisson(48, len(hosts)))
    n = len(machine)
    inside = rng.random(n) < 0.65
    target = np.where(inside, choose(org, machine, own(org), rng), choose(org, machine, saas(org, day), rng))
    needed = np.full(len(org.machines.kind), -1)  # what the application on a host depends on
    needed[org.applications] = np.searchsorted(org.targets.machine[own(org)], org.applications[org.needs])
    target = np.where(inside & (needed[machine] >= 0) & (rng.random(n) < 0.3), needed[machine], target)
    bulk = rng.random(n) < 0.85
    out = np.where(bulk, rng.lognormal(14.3, 1.5, n), rng.lognormal(7.4, 1.3, n))
    back = np.where(bulk, rng.lognormal(9.5, 1.5, n), rng.lognormal(8.6, 1.6, n))
    # Load follows the day's work, with backups at night.
    hour = np.where(bulk & (rng.random(n) < 0.25), rng.normal(2, 1, n), rng.normal(13, 5, n)) % 24
    time = START + day * DAY + (hour * HOUR).astype(np.int64)
    return _finish(org, time, machine, target, out, back, rng)


def _telemetry(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """Agents and updaters report to one host each, every 18 minutes to 5 hours with jitter, always much the same."""
    category = [words.CATEGORIES.index(name) for name in ("telemetry", "update")]
    pool = np.flatnonzero(np.isin(org.targets.category, category) & (org.targets.since == 0))
    chosen = np.concatenate([org.machines.of(LAPTOP, HOST, INSTANCE)] * 2)
    laptop = org.machines.kind[chosen] == LAPTOP
    period = np.where(laptop, 1.5, 5) * (12 + 48 * ((chosen * 13 % 17) / 16)) * MINUTE
    off = laptop & (rng.random(len(chosen)) < (0.9 if day % 7 >= 5 else 0.1))
    hours = np.where(laptop, rng.normal(9, 1, len(chosen)), 23.9) * HOUR * ~off
    begin = np.where(laptop, rng.normal(8, 1, len(chosen)) * HOUR, rng.random(len(chosen)) * period)
    count = np.maximum(hours / period, 0).astype(np.int64)
    which = np.repeat(np.arange(len(chosen)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    jitter = rng.uniform(-0.35, 0.35, len(which))
    time = START + day * DAY + (begin[which] + (step + 0.5 + jitter) * period[which]).astype(np.int64)
    machine = chosen[which]
    target = pool[(machine * 7 + (which >= len(chosen) // 2)) % len(pool)]
    size = 8.4 + 1.6 * np.sin(machine * 1.7 + which // len(chosen))
    out = np.exp(size) * rng.normal(1, 0.12, len(which))
    today = time < START + (day + 1) * DAY  # the next day begins anew
    machine, target, out = machine[today], target[today], out[today]
    return _finish(org, time[today], machine, target, out, out * 0.4, rng)


def _visitors(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    n = rng.poisson(14 * org.users)
    place = rng.choice(org.places.of(HOSTING, MOBILE, HOME), n)
    target = rng.choice(own(org), n)
    state = rng.choice(4, n, p=[0.5, 0.3, 0.12, 0.08])
    hour = rng.normal(13, 6, n) % 24
    return decisions(
        time=START + day * DAY + (hour * HOUR).astype(np.int64),
        machine=-1,
        place=place,
        target=target,
        port=rng.choice([443, 22, 8443, 3389, 445], n, p=[0.6, 0.2, 0.1, 0.05, 0.05]),
        out=np.maximum(rng.lognormal(6.5, 1.2, n), 40),
        back=np.maximum(rng.lognormal(8, 2, n), 40),
        ms=np.maximum(rng.lognormal(6, 1.5, n), 1),
        state=state,
    )


def _scanner(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """The vulnerability scanner sweeps all hosts every third day, on a handful of ports."""
    if day % 3 != 1:
        return _visitors(org, day, rng).clear()
    hosts = own(org)
    n = 4 * len(hosts)
    begin = START + day * DAY + int(rng.uniform(1, 20) * HOUR)
    return decisions(
        time=begin + np.cumsum(rng.exponential(2000, n)).astype(np.int64),
        machine=int(org.machines.of(SCANNER)[0]),
        place=-1,
        target=np.tile(rng.permutation(hosts), 4),
        port=rng.choice([443, 22, 445, 3389, 5432, 8443], n),
        out=np.maximum(rng.lognormal(6, 0.8, n), 40),
        back=np.maximum(rng.lognormal(6.5, 1.2, n), 40),
        ms=np.maximum(rng.lognormal(5, 1, n), 1),
        state=rng.choice(4, n, p=[0.3, 0.45, 0.2, 0.05]),
    )
