"""Persistence in the cloud (T1098, T1136) and mining (T1496), with Terraform, onboarding and builds."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.calls import FINE, TERRAFORM
from residual.simulate.activity.traffic import saas
from residual.simulate.calendar import HOUR, MINUTE, SECOND
from residual.simulate.episodes.reference import Frames, Reference, day_of, spaced
from residual.simulate.organization import ADMINISTRATOR, HOST, INSTANCE, SERVICE


def _calls(
    ref: Reference, user: int, operations: list[int], time: np.ndarray, rng: np.random.Generator
) -> pl.DataFrame:
    """Calls by a user, in all else like some of this user's own."""
    rows = ref.rows("calls", pl.col("user") == user, 1, rng)[np.zeros(len(operations), dtype=int)]
    like = [ref.rows("calls", pl.col("operation") == operation, 1, rng) for operation in operations]
    ms, result, resource = (pl.concat(like)[name] for name in ("ms", "result", "resource"))
    return rows.with_columns(time=time, operation=np.array(operations), ms=ms, result=result, resource=resource)


def _among(ref: Reference, operations: list[int], rng: np.random.Generator) -> list[int]:
    """Operations among as many others, as calls come in normal work."""
    others = ref.rows("calls", pl.lit(True), len(operations), rng)["operation"].to_list()
    return [int(k) for pair in zip(others, operations, strict=True) for k in pair]


def persistence(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """ListUsers, CreateUser, CreateAccessKey, AttachUserPolicy, in this order, spread over minutes or hours."""
    user = int(ref.rows("calls", pl.col("operation").is_in(words.PERSISTENCE), 1, rng)["user"][0])
    minutes = ref.between((0.2, 0.5), (10, 360), rng)
    share = rng.dirichlet([2, 2, 2])
    time = spaced(start, np.array([*share, 0]) * minutes * MINUTE)
    return {"calls": _calls(ref, user, list(words.PERSISTENCE), time, rng).with_columns(result=pl.lit(FINE))}


def _caller(ref: Reference, role: int, rng: np.random.Generator) -> int:
    """A user of a role who calls the cloud in normal work: in a large organization some are away on all its days."""
    users, active = np.flatnonzero(ref.org.people.role == role), ref.frame("calls")["user"].unique().to_numpy()
    if not np.isin(users, active).any():
        raise ValueError(f"users with role {role} must call the cloud in normal work, got none who does")
    user = int(rng.choice(users))
    while user not in active:  # drawn again, so that organizations in which all are there stay what they are
        user = int(rng.choice(users))
    return user


def provisioning(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """Terraform in a minute, or an administrator's onboarding over an hour: the same calls in another order."""
    if rng.random() < 0.5:
        user, gap = _caller(ref, SERVICE, rng), 10 * SECOND
        operations = [words.PERSISTENCE[k] for k in (1, 3, 2, 0)]
    else:
        user, gap = _caller(ref, ADMINISTRATOR, rng), 20 * MINUTE
        operations = [words.PERSISTENCE[k] for k in (1, 3, 0, 3)]
    time = spaced(start, rng.exponential(gap, 4))
    calls = _calls(ref, user, operations, time, rng)
    return {"calls": calls.with_columns(agent=pl.lit(TERRAFORM)) if gap < MINUTE else calls}


def _work(ref: Reference, start: int, hours: float, n: int, steady: float, rng: np.random.Generator) -> pl.DataFrame:
    """Connections of one host to one host; `steady` is the spread of gaps and payload."""
    ours = ref.org.machines.of(HOST, INSTANCE).tolist()
    machine = int(ref.rows("traffic", pl.col("machine").is_in(ours), 1, rng)["machine"][0])
    pool = saas(ref.org, day_of(start)).tolist()
    condition = pl.col("target").is_in(pool) & (pl.col("machine") >= 0) & (pl.col("state") == 0)
    like, rows = ref.rows("traffic", condition, 1, rng), ref.rows("traffic", condition, n, rng)
    size = rng.lognormal(0, steady, n)
    gaps = hours * HOUR / n * rng.lognormal(0, steady, n)
    return rows.with_columns(
        time=spaced(start + 2 * MINUTE, gaps),
        machine=pl.lit(machine),
        target=pl.lit(like["target"][0]),
        port=pl.lit(443),
        out=(like["out"][0] * size).astype(np.int64),
        back=(like["back"][0] * size).astype(np.int64),
    )


def mining(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """A few modest instances in a region that is in use, and then hours of steady traffic."""
    user = int(ref.rows("calls", pl.col("operation") == words.RUN, 1, rng)["user"][0])
    operations = _among(ref, [words.RUN] * int(rng.integers(2, 4)), rng)
    calls = _calls(ref, user, operations, spaced(start, rng.exponential(MINUTE, len(operations))), rng)
    hours = ref.between((5, 8), (3, 6), rng)
    return {"calls": calls, "traffic": _work(ref, start, hours, int(hours * 6), 0.12, rng)}


def build(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """A build: instances come, work in bursts for an hour, and go."""
    user = int(ref.rows("calls", pl.col("operation") == words.TERMINATE, 1, rng)["user"][0])
    operations = _among(ref, [words.RUN] * 2, rng)
    calls = _calls(ref, user, operations, spaced(start, rng.exponential(MINUTE, len(operations))), rng)
    end = _calls(ref, user, [words.TERMINATE], np.array([start + 80 * MINUTE]), rng)
    return {"calls": pl.concat([calls, end]), "traffic": _work(ref, start, 1.2, 20, 1.2, rng)}
