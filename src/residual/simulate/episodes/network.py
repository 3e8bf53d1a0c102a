"""Moving data out (T1041) and looking around (T1046), with backups, releases and the vulnerability scanner."""

import numpy as np
import polars as pl

from residual.simulate.activity.traffic import own, saas
from residual.simulate.calendar import HOUR, SECOND
from residual.simulate.episodes.reference import Frames, Reference, day_of, spaced
from residual.simulate.organization import HOST, LAPTOP, SCANNER


def _volume(ref: Reference, machine: int, times: float, sessions: int, rng: np.random.Generator) -> np.ndarray:
    """Bytes of each session, that together are `times` what the machine sends on a busy day."""
    return ref.busy_day(machine, rng) * times / sessions * rng.lognormal(-0.08, 0.4, sessions)


def exfiltration(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """1.5 to 3 times the machine's own 95th percentile day, in up to 20 sessions to one SaaS host."""
    sessions = int(rng.integers(5, 8)) if ref.hardness < 0.5 else int(rng.integers(16, 21))
    laptops = ref.org.machines.of(LAPTOP)
    light = laptops[ref.sent[laptops] <= np.quantile(ref.sent[laptops], 0.6)]
    flows = ref.frame("traffic").filter(pl.col("machine").is_in(light.tolist()))
    machine = int(rng.choice(flows["machine"].to_numpy()))
    pool = saas(ref.org, day_of(start))
    rows = ref.rows("traffic", pl.col("target").is_in(pool.tolist()) & (pl.col("machine") >= 0), sessions, rng)
    volume = _volume(ref, machine, ref.between((15, 30), (1.5, 3), rng), sessions, rng)
    return {
        "traffic": rows.with_columns(
            time=spaced(start, rng.exponential(ref.between((0.05, 0.1), (0.15, 0.35), rng) * HOUR, sessions)),
            machine=pl.lit(machine),
            target=pl.lit(rows["target"][0]),
            port=pl.lit(443),
            out=volume.astype(np.int64),
        )
    }


def backup(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """A release or a backup: as much data, to a host that this machine always uses."""
    machine = int(rng.choice(ref.org.machines.of(LAPTOP, HOST)))
    sessions = int(rng.integers(8, 21))
    pool = saas(ref.org, 0)
    own_flows = ref.frame("traffic").filter((pl.col("machine") == machine) & pl.col("target").is_in(pool.tolist()))
    target = int(own_flows["target"].mode().sort()[0])
    rows = ref.rows("traffic", pl.col("target").is_in(pool.tolist()) & (pl.col("machine") >= 0), sessions, rng)
    return {
        "traffic": rows.with_columns(
            time=spaced(start, rng.exponential(0.2 * HOUR, sessions)),
            machine=pl.lit(machine),
            target=pl.lit(target),
            port=pl.lit(443),
            out=_volume(ref, machine, float(rng.uniform(1, 2.5)), sessions, rng).astype(np.int64),
        )
    }


def _probes(ref: Reference, start: int, machine: int, gap: float, rng: np.random.Generator) -> Frames:
    targets = rng.permutation(own(ref.org))[: int(rng.integers(20, 61))]
    n = len(targets)
    ours = own(ref.org).tolist()
    small = ref.frame("traffic")["out"].quantile(0.62)
    rows = ref.rows(
        "traffic", pl.col("target").is_in(ours) & (pl.col("machine") >= 0) & (pl.col("out") < small), n, rng
    )
    ports = ref.rows("traffic", pl.col("target").is_in(ours), n, rng)["port"].to_numpy()
    port = np.where(rng.random(n) < 0.6, ref.org.targets.port[targets], ports)
    time = spaced(start, gap * SECOND * rng.uniform(0.5, 1.5, n))
    return {"traffic": rows.with_columns(time=time, machine=pl.lit(machine), target=targets, port=port)}


def scan(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """A machine looks at 20 to 60 hosts, one every 30 to 120 s; most answer."""
    machine = int(ref.rows("traffic", pl.col("machine") >= 0, 1, rng)["machine"][0])
    return _probes(ref, start, machine, ref.between((0.1, 0.5), (30, 120), rng), rng)


def inventory(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """The vulnerability scanner takes a slow look, as it does."""
    return _probes(ref, start, int(ref.org.machines.of(SCANNER)[0]), float(rng.uniform(20, 90)), rng)
