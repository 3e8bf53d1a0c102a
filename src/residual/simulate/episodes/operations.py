"""Faults without an attacker: a slow cascade through applications, with deployments as the twin."""

import numpy as np
import polars as pl

from residual.simulate.activity.applications import RESTART, UPDATE
from residual.simulate.activity.decisions import decisions
from residual.simulate.activity.traffic import OPEN
from residual.simulate.calendar import HOUR, MINUTE
from residual.simulate.episodes.reference import CAUSE, SYMPTOM, Frames, Reference


def cascade(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """An application leaks: more errors, each slower, over hours. What needs it follows, with its hosts and callers."""
    org = ref.org
    cause = int(rng.choice(org.needs))
    hours, factor = float(rng.uniform(1.5, 3)), ref.between((10, 20), (1.8, 3), rng)
    followers = np.flatnonzero(org.needs == cause)[:2]
    parts = [_errors(ref, cause, CAUSE, start, hours, factor, rng)]
    parts += [
        _errors(ref, int(app), SYMPTOM, start + hours * HOUR / 3, hours * 2 / 3, factor, rng) for app in followers
    ]
    target = int(np.flatnonzero(org.targets.machine == org.applications[cause])[0])
    seen = pl.col("machine") >= 0
    lost = ref.rows("traffic", seen & (pl.col("state") != OPEN), 4 * len(followers), rng)
    slow = ref.rows("traffic", seen & (pl.col("state") == OPEN) & (pl.col("ms") < 1000), 4 * len(followers), rng)
    lost = pl.concat([lost, slow.with_columns(pl.col("ms") * int(4 * factor))])
    time = start + ((0.3 + 0.7 * rng.random(lost.height)) * hours * HOUR).astype(np.int64)
    hosts = np.resize(org.applications[followers], len(time))
    lost = lost.with_columns(time=time, machine=hosts, target=target, port=pl.lit(org.targets.port[target]))
    usual = pl.col("user").is_in(org.callers(cause).tolist()) & (pl.col("ms") < ref.frames["calls"]["ms"].quantile(0.8))
    calls = ref.rows("calls", usual, 10, rng)
    when = np.sort(rng.random(10))
    late = (calls["ms"].to_numpy() * factor**when).astype(np.int64)
    calls = calls.with_columns(time=start + (when * hours * HOUR).astype(np.int64), ms=late)
    return {
        "applications": pl.concat(parts),
        "calls": calls.with_columns(role=pl.lit(SYMPTOM)),
        "traffic": lost.with_columns(role=pl.lit(SYMPTOM)),
    }


def _errors(
    ref: Reference, app: int, role: int, start: float, hours: float, factor: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Errors of an application, more and slower towards the end."""
    n = int(ref.between((60, 90), (12, 24), rng))
    when = np.sort(rng.random(n) ** 0.6)
    own = (pl.col("is_error") == 1) & (pl.col("app") == app)
    middle = ref.frames["applications"].filter(own)["ms"].median()
    rows = ref.rows("applications", own & (pl.col("ms") <= middle), n, rng)
    ms = (rows["ms"].to_numpy() * factor**when).astype(np.int64)
    return rows.with_columns(time=(start + when * hours * HOUR).astype(np.int64), ms=ms, role=pl.lit(role))


def deployment(ref: Reference, start: int, rng: np.random.Generator, _: int) -> Frames:
    """A release: an update, a restart, ten minutes of errors."""
    app, n = int(rng.integers(len(ref.org.applications))), int(rng.integers(8, 20))
    errors = ref.rows("applications", (pl.col("is_error") == 1) & (pl.col("app") == app), n, rng)
    errors = errors.with_columns(time=start + (rng.random(n) * 10 * MINUTE).astype(np.int64))
    time, activity = start - np.array([MINUTE, 0]), np.array([UPDATE, RESTART])
    ms = rng.lognormal(8, 1, 2)
    changes = decisions(time=time, app=app, is_error=0, activity=activity, error=0, ms=ms, count=1)
    return {"applications": pl.concat([errors, changes])}
