"""DNS activity (4003): popular names, and names whose label is a hash (content networks, antivirus, telemetry).

A decision is the lookup of a popular `name`, or (where that is -1) of a hash of `length` letters below a `parent`, one
hash for each `key`; with the type of the query and the code of the response.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, HOUR, START, times, workers
from residual.simulate.organization import HOST, INSTANCE, SERVICE, Ints, Organization

A, AAAA, TXT, HTTPS, MX = range(5)  # types of query
FOUND, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3  # response codes of OCSF


def rare_parent(org: Organization, machine: Ints, rng: np.random.Generator) -> Ints:
    """A parent that only this machine and a few others ask below."""
    rare = np.flatnonzero(~org.names.shared)
    return rare[(machine * 5 + rng.integers(0, 4, len(machine))) % len(rare)]


def hashed(time: Ints, machine: Ints, parent: Ints, key: Ints, rng: np.random.Generator) -> pl.DataFrame:
    """One to three queries for each hashed name: the address in both families, text for reputation services."""
    copies = rng.choice([1, 2, 3], len(time), p=[0.45, 0.4, 0.15])
    which = np.repeat(np.arange(len(time)), copies)
    n = len(which)
    length = np.clip(rng.normal(23, 5, len(time)), 10, 40).astype(np.int64)
    return decisions(
        time=time[which] + rng.integers(0, 400, n),
        machine=machine[which],
        name=-1,
        parent=parent[which],
        key=key[which],
        length=length[which],
        kind=rng.choice(5, n, p=[0.5, 0.2, 0.18, 0.1, 0.02]),
        code=rng.choice([FOUND, SERVER_FAILURE, NO_SUCH_NAME], n, p=[0.86, 0.02, 0.12]),
    )


def normal(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """A day's lookups; six in ten are of hashed names."""
    person = workers(org, day, np.where(org.people.role == SERVICE, 0.0, 46.0), rng)
    hosts = org.machines.of(HOST, INSTANCE)
    by_host = np.repeat(hosts, rng.poisson(20, len(hosts)))
    machine = np.concatenate([org.people.machine[person], by_host])
    load = START + day * DAY + (rng.normal(13, 5.5, len(by_host)) % 24 * HOUR).astype(np.int64)
    time = np.concatenate([times(org, day, person, rng), load])
    is_hash = rng.random(len(time)) < 0.5
    n = int((~is_hash).sum())
    weight = org.names.fixed / org.names.fixed.sum()
    plain = decisions(
        time=time[~is_hash],
        machine=machine[~is_hash],
        name=rng.choice(len(weight), n, p=weight),
        parent=-1,
        key=-1,
        length=0,
        kind=rng.choice(5, n, p=[0.6, 0.2, 0.05, 0.12, 0.03]),
        code=rng.choice([FOUND, SERVER_FAILURE, NO_SUCH_NAME], n, p=[0.93, 0.02, 0.05]),
    )
    time, machine = time[is_hash], machine[is_hash]
    shared = np.flatnonzero(org.names.shared)
    weight = org.names.parents[shared]
    common = rng.choice(shared, len(time), p=weight / weight.sum())
    parent = np.where(rng.random(len(time)) < 0.55, common, rare_parent(org, machine, rng))
    key = (day + 1) * 10_000_000 + np.arange(len(time))
    return pl.concat([plain, hashed(time, machine, parent, key, rng)])
