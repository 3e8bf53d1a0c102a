"""Faults without an attacker: a slow cascade through applications, with deployments as the twin."""

import numpy as np
import polars as pl

from residual.simulate.activity.applications import RESTART, UPDATE
from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import HOUR, MINUTE
from residual.simulate.episodes.reference import Frames, Reference


def cascade(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """An application leaks: more errors, each slower, over hours; one that depends on it follows."""
    first = int(rng.integers(len(ref.org.applications)))
    hours, factor = float(rng.uniform(1.5, 3)), ref.between((10, 20), (1.8, 3), rng)
    parts = []
    for app, delay in ((first, 0.0), ((first + 1) % len(ref.org.applications), 0.4)):
        n = int(ref.between((60, 90), (12, 24), rng))
        when = np.sort(rng.random(n) ** 0.6)  # denser towards the end
        own = (pl.col("is_error") == 1) & (pl.col("app") == app)
        middle = ref.frame("applications").filter(own)["ms"].median()
        rows = ref.rows("applications", own & (pl.col("ms") <= middle), n, rng)
        time = start + ((delay + when * (1 - delay)) * hours * HOUR).astype(np.int64)
        ms = rows["ms"].to_numpy() * factor**when
        parts.append(rows.with_columns(time=time, ms=ms.astype(np.int64)))
    operation = int(ref.rows("calls", pl.lit(True), 1, rng)["operation"][0])
    usual = pl.col("ms") < ref.frame("calls")["ms"].quantile(0.7)
    calls = ref.rows("calls", (pl.col("operation") == operation) & usual, 10, rng)
    when = np.sort(rng.random(10))
    slow = (calls["ms"].to_numpy() * factor**when).astype(np.int64)
    calls = calls.with_columns(time=start + (when * hours * HOUR).astype(np.int64), ms=slow)
    return {"applications": pl.concat(parts), "calls": calls}


def deployment(ref: Reference, start: int, rng: np.random.Generator) -> Frames:
    """A release: an update, a restart, ten minutes of errors."""
    app, n = int(rng.integers(len(ref.org.applications))), int(rng.integers(8, 20))
    errors = ref.rows("applications", (pl.col("is_error") == 1) & (pl.col("app") == app), n, rng)
    errors = errors.with_columns(time=start + (rng.random(n) * 10 * MINUTE).astype(np.int64))
    time, activity = start - np.array([MINUTE, 0]), np.array([UPDATE, RESTART])
    ms = rng.lognormal(8, 1, 2)
    changes = decisions(time=time, app=app, is_error=0, activity=activity, error=0, ms=ms, count=1)
    return {"applications": pl.concat([errors, changes])}
