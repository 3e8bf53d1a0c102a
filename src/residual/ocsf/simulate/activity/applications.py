"""Application lifecycle and errors (6002, 6008): deployments, restarts, and the errors of services in normal use."""

import numpy as np
import polars as pl

from residual.ocsf.simulate import words
from residual.ocsf.simulate.calendar import DAY, HOUR, START
from residual.ocsf.simulate.organization import Floats, Ints, Organization

START_, STOP, RESTART, UPDATE = 3, 4, 5, 8  # activity_id of 6002
GENERAL = 1  # activity_id of 6008


def frame(time: Ints, app: Ints, is_error: Ints, activity: Ints, error: Ints, ms: Floats, count: Ints) -> pl.DataFrame:
    """Decisions of applications: a change of state, or (`is_error`) an error with the ms that the request took."""
    columns = {"time": time, "app": app, "is_error": is_error, "activity": activity, "error": error, "ms": ms}
    return pl.DataFrame({**columns, "count": count}).cast(pl.Int64)


def normal(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """A day of the applications: errors with the load, and on working days a few deployments."""
    rate = 8.0 * org.users / len(org.applications) * (0.4 if day % 7 >= 5 else 1.0)
    app = np.repeat(np.arange(len(org.applications)), rng.poisson(rate, len(org.applications)))
    n = len(app)
    time = START + day * DAY + (rng.normal(13, 5, n) % 24 * HOUR).astype(np.int64)
    errors = frame(
        time,
        app,
        np.ones(n, dtype=np.int64),
        np.full(n, GENERAL),
        usual_error(app, rng),
        slowness(app, rng),
        1 + rng.poisson(0.6, n),
    )
    n = rng.poisson(0.4 * org.users)
    app = rng.integers(0, len(words.APPLICATIONS), n)
    hour = rng.normal(13, 4, n) % 24
    changes = frame(
        START + day * DAY + (hour * HOUR).astype(np.int64),
        app,
        np.zeros(n, dtype=np.int64),
        rng.choice([START_, STOP, RESTART, UPDATE], n),
        np.zeros(n, dtype=np.int64),
        rng.lognormal(8, 1, n),
        np.ones(n, dtype=np.int64),
    )
    return pl.concat([errors, changes])


def usual_error(app: Ints, rng: np.random.Generator) -> Ints:
    """Which error an application reports: it has its own mixture."""
    return (app + rng.geometric(0.45, len(app))) % len(words.ERRORS)


def slowness(app: Ints, rng: np.random.Generator) -> Floats:
    """Milliseconds that the failed request took: each application has its own level, over two orders of magnitude."""
    return np.exp(6.5 + 1.6 * np.sin(app * 1.9)) * rng.lognormal(0, 0.8, len(app))
