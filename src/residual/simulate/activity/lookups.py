"""DNS activity (4003): popular names, and names whose label is a hash (content networks, antivirus, telemetry).

A decision is the lookup of a popular `name`, or (where that is -1) of a hash of `length` letters below a `parent`, one
hash for each `key`; with the type of the query and the code of the response.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.organization import HOST, INSTANCE, Ints, Organization
from residual.simulate.workflows import VISIT

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


def normal(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A day's lookups: of the hosts that people visit and of what their pages load, and those of hosts by the load."""
    visits = work.filter(pl.col("kind") == VISIT)
    user, start = visits["user"].to_numpy(), visits["time"].to_numpy()
    device = np.where(visits["phone"] == 1, org.people.phone[user], org.people.machine[user])
    asked = rng.random(len(start)) < 0.65  # the rest is in a cache
    hosts = org.machines.of(HOST, INSTANCE)
    by_host = np.repeat(hosts, rng.poisson(11, len(hosts)))
    load = START + day * DAY + (rng.normal(13, 5.5, 2 * len(by_host)) % 24 * HOUR).astype(np.int64)
    weight = org.names.fixed / org.names.fixed.sum()
    plain = np.concatenate([start[asked] - rng.integers(5, 2000, int(asked.sum())), load[: len(by_host)]])
    n = len(plain)
    visited = visits["target"].to_numpy()[asked] - int((org.targets.machine >= 0).sum())
    named = decisions(
        time=np.maximum(plain, START + day * DAY),
        machine=np.concatenate([device[asked], by_host]),
        name=np.concatenate([visited, rng.choice(len(weight), len(by_host), p=weight)]),
        parent=-1,
        key=-1,
        length=0,
        kind=rng.choice(5, n, p=[0.6, 0.2, 0.05, 0.12, 0.03]),
        code=rng.choice([FOUND, SERVER_FAILURE, NO_SUCH_NAME], n, p=[0.93, 0.02, 0.05]),
    )
    loads = rng.random(len(start)) < 0.65
    time = np.concatenate([start[loads] + rng.integers(100, 5000, int(loads.sum())), load[len(by_host) :]])
    machine = np.concatenate([device[loads], by_host])
    shared = np.flatnonzero(org.names.shared)
    weight = org.names.parents[shared]
    common = rng.choice(shared, len(time), p=weight / weight.sum())
    parent = np.where(rng.random(len(time)) < 0.55, common, rare_parent(org, machine, rng))
    key = (day + 1) * 10_000_000 + np.arange(len(time))
    pages = hashed(time, machine, parent, key, rng)
    return pl.concat([named, pages]).with_columns(pl.col("time").clip(upper_bound=START + (day + 1) * DAY - 1))
