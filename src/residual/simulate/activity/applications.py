"""Application lifecycle and errors (6002, 6008): deployments, restarts, and the errors of services in normal use.

A decision is a change of an application's state, or (`is_error`) an error with the milliseconds that the request took.
"""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.organization import Floats, Ints, Organization

START_, STOP, RESTART, UPDATE = 3, 4, 5, 8  # activity_id of 6002
GENERAL = 1  # activity_id of 6008


def normal(org: Organization, day: int, _: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A day of the applications: errors with the load, and on working days a few deployments."""
    rate = 8.0 * org.users / len(org.applications) * (0.4 if day % 7 >= 5 else 1.0)
    app = np.repeat(np.arange(len(org.applications)), rng.poisson(rate, len(org.applications)))
    n = len(app)
    time = START + day * DAY + (rng.normal(13, 5, n) % 24 * HOUR).astype(np.int64)
    errors = decisions(
        time=time,
        app=app,
        is_error=1,
        activity=GENERAL,
        error=usual_error(app, rng),
        ms=slowness(app, rng),
        count=1 + rng.poisson(0.6, n),
    )
    n = rng.poisson(0.4 * org.users)
    app = rng.integers(0, len(words.APPLICATIONS), n)
    hour = rng.normal(13, 4, n) % 24
    changes = decisions(
        time=START + day * DAY + (hour * HOUR).astype(np.int64),
        app=app,
        is_error=0,
        activity=rng.choice([START_, STOP, RESTART, UPDATE], n),
        error=0,
        ms=rng.lognormal(8, 1, n),
        count=1,
    )
    return pl.concat([errors, changes])


def usual_error(app: Ints, rng: np.random.Generator) -> Ints:
    """Which error an application reports: it has its own mixture."""
    return (app + rng.geometric(0.45, len(app))) % len(words.ERRORS)


def slowness(app: Ints, rng: np.random.Generator) -> Floats:
    """Milliseconds that the failed request took: each application has its own level, over two orders of magnitude."""
    return np.exp(6.5 + 1.6 * np.sin(app * 1.9)) * rng.lognormal(0, 0.8, len(app))
