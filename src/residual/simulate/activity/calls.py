"""API activity (6003): people in the console and on the command line, service accounts, deployments.

A decision says who calls which operation on which resource, from where (`place` is -1 for the user's own machine
inside), with which result, how many milliseconds it took, and with which kind of agent.
"""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.decisions import decisions
from residual.simulate.activity.whereabouts import places
from residual.simulate.calendar import times, workers
from residual.simulate.organization import SERVICE, Floats, Ints, Organization

BROWSER, COMMAND_LINE, LIBRARY, TERRAFORM = range(4)  # how a call is made
FINE, DENIED, THROTTLED, MISSING = range(4)  # results
RESULTS = (0.9, 0.04, 0.03, 0.03)


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
    return decisions(
        time=times(org, day, user, rng),
        user=user,
        place=np.where(inside, -1, places(org, day)[user]),
        operation=operation,
        result=rng.choice(4, n, p=RESULTS),
        ms=np.maximum(latency(operation, rng), 1),
        resource=rng.integers(0, 400, n),
        agent=agent,
    )


def _chosen(weights: Floats, row: Ints, rng: np.random.Generator) -> Ints:
    """A column for each entry of `row`, by that row's weights."""
    cumulative = np.cumsum(weights, axis=1) + np.arange(len(weights))[:, None]
    column = np.searchsorted(cumulative.ravel(), row + rng.random(len(row)) * 0.999999) - row * weights.shape[1]
    return np.clip(column, 0, weights.shape[1] - 1)
