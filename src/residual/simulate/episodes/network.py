"""Moving data out (T1041) and looking around (T1046), with backups, releases and the vulnerability scanner."""

import numpy as np
import polars as pl

from residual.simulate.activity.work import own, saas
from residual.simulate.calendar import DAY, HOUR, SECOND
from residual.simulate.episodes.reference import Frames, Reference, day_of, spaced
from residual.simulate.organization import ENGINEER, HOST, LAPTOP, SCANNER, Ints


def exfiltration(ref: Reference, start: int, rng: np.random.Generator, actor: int) -> Frames:
    """1.5 to 3 times the machine's own 95th percentile day, in up to 20 sessions to one SaaS host."""
    sessions = int(rng.integers(5, 8)) if ref.hardness < 0.5 else int(rng.integers(16, 21))
    laptops = ref.org.machines.of(LAPTOP)
    light = laptops[ref.sent[laptops] <= np.quantile(ref.sent[laptops], 0.7)]
    seen = pl.col("machine").is_in(light.tolist())
    machine = int(ref.org.people.machine[actor] if actor >= 0 else ref.rows("traffic", seen, 1, rng)["machine"][0])
    used = pl.col("target").is_in(saas(ref.org, day_of(start)).tolist())
    target = int(ref.rows("traffic", used & (pl.col("machine") >= 0), 1, rng)["target"][0])
    time = spaced(start, rng.exponential(ref.between((0.05, 0.1), (0.15, 0.35), rng) * HOUR, sessions))
    return _sent(ref, time, machine, target, ref.between((15, 30), (1.5, 3), rng), rng)


def backup(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A release or a backup: as much data, to a host that this machine always uses."""
    machine = int(rng.choice(ref.org.machines.of(LAPTOP, HOST)))
    used = pl.col("target").is_in(saas(ref.org, 0).tolist())
    own_flows = ref.frames["traffic"].filter((pl.col("machine") == machine) & used)
    target = int(own_flows["target"].mode().sort()[0])
    time = spaced(start, rng.exponential(0.2 * HOUR, int(rng.integers(8, 21))))
    return _sent(ref, time, machine, target, float(rng.uniform(1, 2.5)), rng)


def _sent(ref: Reference, time: Ints, machine: int, target: int, times: float, rng: np.random.Generator) -> Frames:
    """Sessions that together send `times` what the machine sends on a busy day."""
    n, day = len(time), ref.busy_day(machine, rng)
    return {
        "traffic": ref.flows(time, np.full(n, machine), target, rng, rng.lognormal(-0.08, 0.4, n), of=day * times / n)
    }


def _probes(
    ref: Reference, start: int, machine: int, targets: np.ndarray, known: float, gap: float, rng: np.random.Generator
) -> Frames:
    """A machine looks at `targets`, of which the share `known` on the port that they have."""
    n, ours = len(targets), own(ref.org).tolist()
    small = ref.frames["traffic"]["out"].quantile(0.62)
    rows = ref.rows(
        "traffic", pl.col("target").is_in(ours) & (pl.col("machine") >= 0) & (pl.col("out") < small), n, rng
    )
    ports = ref.rows("traffic", pl.col("target").is_in(ours), n, rng)["port"].to_numpy()
    port = np.where(rng.random(n) < known, ref.org.targets.port[targets], ports)
    time = spaced(start, gap * SECOND * rng.uniform(0.5, 1.5, n))
    return {"traffic": rows.with_columns(time=time, machine=pl.lit(machine), target=targets, port=port)}


def scan(ref: Reference, start: int, rng: np.random.Generator, actor: int) -> Frames:
    """A machine looks at 20 to 60 hosts, one every 30 to 120 s; most answer."""
    machine = ref.rows("traffic", pl.col("machine") >= 0, 1, rng)["machine"][0]
    machine = int(ref.org.people.machine[actor] if actor >= 0 else machine)
    targets = rng.permutation(own(ref.org))[: int(rng.integers(20, 61))]
    return _probes(ref, start, machine, targets, 0.6, ref.between((0.1, 0.5), (30, 120), rng), rng)


def inventory(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """The vulnerability scanner takes a slow look; or an engineer's script, or for three days a new job on a host."""
    org, gap = ref.org, float(rng.uniform(20, 90))
    targets, which = rng.permutation(own(org))[: int(rng.integers(20, 61))], rng.integers(3)
    if which == 0:
        return _probes(ref, start, int(org.machines.of(SCANNER)[0]), targets, 0.6, gap, rng)
    port = org.targets.port[own(org)]
    same = rng.permutation(own(org)[port == np.bincount(port).argmax()])[:60]
    people = np.flatnonzero(org.people.role == ENGINEER)
    machine = int(rng.choice(org.people.machine[people] if which == 1 else org.machines.of(HOST)))
    runs = [
        _probes(ref, start + day * DAY, machine, same, 1.0, gap, rng)["traffic"]
        for day in range(1 if which == 1 else 3)
    ]
    return {"traffic": pl.concat(runs)}
