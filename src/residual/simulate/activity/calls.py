"""API activity (6003): people in the console and on the command line, service accounts, deployments.

A decision says who calls which operation on which resource, in which session (-1 for the one that the user has open),
from where (`place` is -1 for the user's own machine inside), with which result, how many milliseconds it took, and with
which kind of agent.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, SECOND, START
from residual.simulate.organization import SERVICE, Floats, Ints, Organization
from residual.simulate.sessions import REMOTE, open_session, whereabouts
from residual.simulate.workflows import CALL

BROWSER, COMMAND_LINE, LIBRARY, TERRAFORM = range(4)  # how a call is made
FINE, DENIED, THROTTLED, MISSING = range(4)  # results
RESULTS = (0.9, 0.04, 0.03, 0.03)


def latency(operation: Ints, rng: np.random.Generator) -> Floats:
    """Milliseconds of normal calls: each operation has its own level."""
    return np.exp(4.2 + 0.9 * np.sin(operation * 2.3)) * rng.lognormal(0, 0.9, len(operation))


def seen_from(org: Organization, user: Ints, time: Ints, rng: np.random.Generator) -> Ints:
    """The place that each call comes from, or -1 where the cloud is reached from inside."""
    place, way, _ = whereabouts(org, open_session(org, user, time))
    service = org.people.role[user] == SERVICE
    return np.where(rng.random(len(user)) < np.where(service, 0.6, 0.3 * (way != REMOTE)), -1, place)


def normal(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The calls of a day's work. Six in ten that are refused are tried again."""
    steps = work.filter(pl.col("kind") == CALL)
    result = rng.choice(4, steps.height, p=RESULTS)
    again = np.flatnonzero((result != FINE) & (rng.random(len(result)) < 0.6))
    first = len(result)
    steps = steps[np.concatenate([np.arange(first), again])]
    time, user, run = (steps[name].to_numpy() for name in ("time", "user", "run"))
    time = time + np.where(np.arange(len(time)) < first, 0, rng.integers(SECOND, 30 * SECOND, len(time)))
    operation, n = steps["what"].to_numpy(), len(time)
    service, runs = org.people.role[user] == SERVICE, int(run.max(initial=0)) + 1
    agent = np.where(service, np.where(user % 4 == 0, TERRAFORM, LIBRARY), rng.choice(3, runs, p=[0.5, 0.3, 0.2])[run])
    resource = np.where(rng.random(n) < 0.7, rng.integers(0, 400, runs)[run], rng.integers(0, 400, n))
    return decisions(
        time=np.minimum(time, START + (day + 1) * DAY - 1),
        user=user,
        session=-1,
        place=seen_from(org, user, time, rng),
        operation=operation,
        result=np.where(np.arange(n) < first, result[np.minimum(np.arange(n), first - 1)], FINE),
        ms=np.maximum(latency(operation, rng), 1),
        resource=resource,
        agent=agent,
    )
