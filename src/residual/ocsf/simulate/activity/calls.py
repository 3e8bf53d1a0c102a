"""API activity (6003): people in the console and on the command line, service accounts, deployments."""

import numpy as np
import polars as pl

from residual.ocsf.simulate import words
from residual.ocsf.simulate.activity.whereabouts import places
from residual.ocsf.simulate.calendar import times, workers
from residual.ocsf.simulate.organization import SERVICE, Floats, Ints, Organization

BROWSER, COMMAND_LINE, LIBRARY, TERRAFORM = range(4)  # how a call is made
FINE, DENIED, THROTTLED, MISSING = range(4)  # results
RESULTS = (0.9, 0.04, 0.03, 0.03)


def frame(
    time: Ints, user: Ints, place: Ints, operation: Ints, result: Ints, ms: Floats, resource: Ints, agent: Ints
) -> pl.DataFrame:
    """Decisions of API calls; `place` is -1 for a call from the user's own machine inside."""
    return pl.DataFrame(
        {
            "time": time,
            "user": user,
            "place": place,
            "operation": operation,
            "result": result,
            "ms": np.maximum(ms, 1),
            "resource": resource,
            "agent": agent,
        }
    ).cast(pl.Int64)


def latency(operation: Ints, rng: np.random.Generator) -> Floats:
    """Milliseconds of normal calls: each operation has its own level."""
    return np.exp(4.2 + 0.9 * np.sin(operation * 2.3)) * rng.lognormal(0, 0.9, len(operation))


def normal(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """A day's calls: about as many by people as by service accounts."""
    rate = np.array([*(float(row[2]) for row in words.ROLES), 120.0])
    user = workers(org, day, rate[org.people.role], rng)
    n = len(user)
    operation = _chosen(org.calls, user, rng)
    service = org.people.role[user] == SERVICE
    inside = rng.random(n) < np.where(service, 0.6, 0.3)
    agent = np.where(service, rng.choice([LIBRARY, TERRAFORM], n, p=[0.75, 0.25]), rng.choice(3, n, p=[0.5, 0.3, 0.2]))
    return frame(
        times(org, day, user, rng),
        user,
        np.where(inside, -1, places(org, day)[user]),
        operation,
        rng.choice(4, n, p=RESULTS),
        latency(operation, rng),
        rng.integers(0, 400, n),
        agent,
    )


def _chosen(weights: Floats, row: Ints, rng: np.random.Generator) -> Ints:
    """A column for each entry of `row`, by that row's weights."""
    cumulative = np.cumsum(weights, axis=1) + np.arange(len(weights))[:, None]
    column = np.searchsorted(cumulative.ravel(), row + rng.random(len(row)) * 0.999999) - row * weights.shape[1]
    return np.clip(column, 0, weights.shape[1] - 1)
