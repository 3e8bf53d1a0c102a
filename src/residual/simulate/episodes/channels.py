"""Hidden channels: DNS tunnels (T1071.004) and beacons (T1071.001), with antivirus lookups and updaters."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity import lookups
from residual.simulate.calendar import HOUR, MINUTE
from residual.simulate.episodes.reference import Frames, Reference, day_of, spaced
from residual.simulate.organization import LAPTOP


def _hashed(
    ref: Reference, start: int, parents: np.ndarray, hours: float, n: int, rng: np.random.Generator
) -> pl.DataFrame:
    owned = np.flatnonzero(ref.org.machines.owner >= 0).tolist()
    machine = ref.rows("lookups", (pl.col("parent") >= 0) & pl.col("machine").is_in(owned), 1, rng)[
        "machine"
    ].to_numpy()
    time = start + np.sort(rng.random(n) * hours * HOUR).astype(np.int64)
    key = 10**12 + start % 10**11 * 1000 + np.arange(n)
    return lookups.hashed(time, np.repeat(machine, n), rng.choice(parents, n), key, rng)


def dns_tunnel(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """20 to 60 names per hour below two parents that this machine never asked below."""
    hours = ref.between((0.2, 0.4), (1, 2), rng)
    n = max(15, int(hours * ref.between((1500, 2500), (20, 60), rng)))
    rare = ~ref.org.names.shared
    pool = ref.frames["lookups"].filter(pl.col("parent").is_in(np.flatnonzero(rare).tolist()))["parent"]
    parents = pool.unique().sample(2, seed=int(rng.integers(2**31)), shuffle=True).to_numpy()
    frame = _hashed(ref, start, parents, hours, n, rng)
    length = int(ref.between((36, 40), (18, 28), rng))
    shift = rng.integers(-3, 4, frame.height)
    return {
        "lookups": frame.with_columns(length=np.clip(length + shift[frame["key"].rank("dense").to_numpy() - 1], 10, 40))
    }


def reputation_lookups(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """An antivirus looks at a new program: as many hashed names, below parents that everybody asks below."""
    hours = float(rng.uniform(0.5, 1.5))
    parents = rng.choice(np.flatnonzero(ref.org.names.shared), 2, replace=False)
    return {"lookups": _hashed(ref, start, parents, hours, int(hours * rng.uniform(25, 60)), rng)}


def beacon(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A machine calls a common SaaS host every 10 to 60 minutes, give or take 30 to 50%, always much the same."""
    n = int(rng.integers(10, 22))
    minutes = ref.between((1, 2), (10, 60), rng)
    minutes = min(minutes, 12 * 60 / n) if ref.hardness > 0.5 else minutes
    jitter = ref.between((0.01, 0.03), (0.3, 0.5), rng)
    source, target = (ref.rows("traffic", ref.outside, 1, rng) for _ in range(2))
    machine = np.full(n, source["machine"][0])
    time = spaced(start, minutes * MINUTE * (1 + jitter * rng.uniform(-1, 1, n)))
    size = rng.normal(1, 0.14, n).clip(0.5)
    return {"traffic": ref.flows(time, machine, int(target["target"][0]), rng, size)}


def updater(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A new agent on several laptops reports to one host at fixed times."""
    org, fleet, each = ref.org, int(rng.integers(4, 8)), 6
    wanted = [words.CATEGORIES.index(name) for name in ("telemetry", "update", "development")]
    pool = np.flatnonzero(np.isin(org.targets.category, wanted) & (org.targets.since <= day_of(start)))
    machines = np.repeat(rng.choice(org.machines.of(LAPTOP), fleet, replace=False), each)
    step = np.maximum(np.tile(np.arange(each), fleet) + rng.uniform(-0.1, 0.1, each * fleet), 0)
    time = start + (step * rng.uniform(15, 60) * MINUTE).astype(np.int64)
    return {"traffic": ref.flows(time, machines, int(rng.choice(pool)), rng, rng.normal(1, 0.14, len(time)).clip(0.5))}
