"""Persistence in the cloud (T1098, T1136) and mining (T1496), with provisioning and builds."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.calls import FINE
from residual.simulate.activity.work import saas
from residual.simulate.calendar import HOUR, MINUTE, SECOND
from residual.simulate.episodes.reference import WORK, Frames, Reference, day_of, spaced
from residual.simulate.organization import HOST, INSTANCE, Floats, Organization


def _in_order(ref: Reference, user: int, start: int, minutes: float, rng: np.random.Generator) -> Frames:
    """ListUsers, CreateUser, CreateAccessKey, AttachUserPolicy by a user, spread over some minutes."""
    time = spaced(start, np.array([*rng.dirichlet([2, 2, 2]), 0]) * minutes * MINUTE)
    return {"calls": ref.calls(user, words.PERSISTENCE, time, rng).with_columns(result=pl.lit(FINE))}


def callers(org: Organization) -> Floats:
    """A chance for each person: those are likelier who make all four calls more often, if never in this order."""
    use = np.min([org.habits @ org.workflows.uses(k) for k in words.PERSISTENCE], axis=0)
    use[org.provisioners], use[org.users :] = 0, 0
    return np.sqrt(use) / np.sqrt(use).sum()


def persistence(ref: Reference, start: int, rng: np.random.Generator, actor: int) -> Frames:
    """Somebody who makes each of the four calls, but never in this order, makes them in this order, within hours."""
    some = rng.choice(len(ref.org.people), 6, p=callers(ref.org))
    user = actor if actor >= 0 else ref.working(some, start)
    return _in_order(ref, user, start, ref.between((0.2, 0.5), (10, 360), rng), rng)


def provisioning(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """The same calls in the same order and as slowly, by one of the few who work like this."""
    return _in_order(ref, int(rng.choice(ref.org.provisioners)), start, float(rng.uniform(2, 240)), rng)


def _work(ref: Reference, start: int, hours: float, n: int, steady: float, rng: np.random.Generator) -> pl.DataFrame:
    """Connections of one host to one host; `steady` is the spread of gaps and payload."""
    ours = ref.org.machines.of(HOST, INSTANCE).tolist()
    machine = int(ref.rows("traffic", pl.col("machine").is_in(ours), 1, rng)["machine"][0])
    used = pl.col("target").is_in(saas(ref.org, day_of(start)).tolist()) & (pl.col("machine") >= 0)
    target = int(ref.rows("traffic", used, 1, rng)["target"][0])
    time = spaced(start + 2 * MINUTE, hours * HOUR / n * rng.lognormal(0, steady, n))
    rows = ref.flows(time, np.full(n, machine), target, rng, rng.lognormal(0, steady, n))
    return rows.with_columns(role=pl.lit(WORK))


def _launch(ref: Reference, start: int, operation: int, rng: np.random.Generator) -> pl.DataFrame:
    """Instances started by somebody who starts or ends some in normal work."""
    user = ref.working(ref.rows("calls", pl.col("operation") == operation, 4, rng)["user"].to_numpy(), start)
    operations = [*words.BEFORE_RUN, *[words.RUN] * int(rng.integers(2, 4)), words.TAG]
    return ref.calls(user, operations, spaced(start, rng.exponential(20 * SECOND, len(operations))), rng)


def mining(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A few modest instances in a region that is in use, and then hours of steady traffic."""
    hours = ref.between((5, 8), (3, 6), rng)
    traffic = _work(ref, start, hours, int(hours * 6), 0.12, rng)
    return {"calls": _launch(ref, start, words.RUN, rng), "traffic": traffic}


def build(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A build: instances come, work in bursts for an hour, and go."""
    calls = _launch(ref, start, words.TERMINATE, rng)
    end = ref.calls(int(calls["user"][0]), [words.TERMINATE], np.array([start + 80 * MINUTE]), rng)
    return {"calls": pl.concat([calls, end]), "traffic": _work(ref, start, 1.2, 20, 1.2, rng)}
