"""Isolation Forest, ECOD and nearest neighbors on windows: each window of an entity is a point of several deviations.

A coordinate is by how many standard deviations a quantity of the window is above what the entity usually has, as V
measures it, so that the detectors need not learn who is who. Windows of the second week are what is usual. Their own
scores, which calibrate, come from the other half of that week, day by day.
"""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pyod.models.ecod import ECOD  # type: ignore[import-untyped]  # PyOD ships no types
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from residual.simulate.calendar import HOUR, START
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.volume import FLOOR, deviations
from residual_book.evaluation.watched import SECOND_WEEK
from residual_book.evaluation.windows import Feature, windows

Points = NDArray[np.float32]
Detector = Callable[[Points, Points], NDArray[np.float64]]
HOURS, NEIGHBOR, REFERENCES = 4, 5, 4000
_QUANTITIES = {  # of each kind of entity, or pair: class of events and what is counted
    ("user", ""): [
        ("authentication", "failed"), ("authentication", "events"), ("authentication", "address"),
        ("authentication", "machine"), ("api_activity", "events"), ("api_activity", "api.operation"),
        ("process_activity", "events"),
    ],
    ("address", ""): [
        ("authentication", "failed"), ("authentication", "events"), ("authentication", "user"),
        ("api_activity", "user"), ("api_activity", "api.operation"),
    ],
    ("machine", ""): [
        ("network_activity", "dst_endpoint.port"), ("network_activity", "destination"), ("network_activity", "failed"),
        ("network_activity", "events"), ("dns_activity", "events"), ("dns_activity", "domain"),
    ],
    ("machine", "destination"): [("network_activity", "events"), ("network_activity", "failed")],
    ("machine", "domain"): [("dns_activity", "events"), ("dns_activity", "query.hostname")],
    ("application", ""): [("application_error", "errors"), ("application_error", "events")],
}  # fmt: skip


def isolation_forest(known: Points, new: Points) -> NDArray[np.float64]:
    """How few random cuts separate each new point from those known."""
    forest = IsolationForest(n_estimators=100, random_state=0).fit(known)
    return np.asarray(-forest.score_samples(new))


def ecod(known: Points, new: Points) -> NDArray[np.float64]:
    """How far in the tails of the coordinates each new point is."""
    return np.asarray(ECOD().fit(known).decision_function(new))


def neighbors(known: Points, new: Points) -> NDArray[np.float64]:
    """The distance to the `NEIGHBOR`-th nearest of `REFERENCES` known points."""
    some = known[np.random.default_rng(0).permutation(len(known))[:REFERENCES]]
    distance, _ = NearestNeighbors(n_neighbors=min(NEIGHBOR, len(some))).fit(some).kneighbors(new)
    return np.asarray(distance[:, -1], dtype=np.float64)


DETECTORS: Mapping[str, Detector] = {"IF": isolation_forest, "ECOD": ecod, "kNN": neighbors}


def tables(events: dict[str, pl.DataFrame]) -> dict[tuple[str, str], pl.DataFrame]:
    """By kind: one row per window with its entities, its last hour, and a deviation for each quantity."""
    made = {}
    for (kind, other), quantities in _QUANTITIES.items():
        names = [kind, other] if other else [kind]
        table = None
        for number, (name, what) in enumerate(quantities):
            feature = Feature(name, kind, what, HOURS, other)
            column = deviations(windows(events, feature), feature).rename({"score": f"{number}"})
            key = [*names, "hour"]
            table = column if table is None else table.join(column, on=key, how="full", coalesce=True)
        assert table is not None
        made[kind, other] = table.fill_null(0.0).sort(*names, "hour")
    return made


def scored(points: Mapping[tuple[str, str], pl.DataFrame], detector: Detector) -> pl.DataFrame:
    """What a detector makes of the windows, as a scored table; each kind of entity is calibrated by itself."""
    parts = []
    for (kind, other), table in points.items():
        x = table.select(pl.exclude(kind, other, "hour")).to_numpy().astype(np.float32)
        day = (table["hour"] // 24).to_numpy()
        week, odd = np.isin(day, list(SECOND_WEEK)), day % 2 == 1
        score = np.empty(len(x))
        score[week & odd], score[week & ~odd] = (
            detector(x[week & ~odd], x[week & odd]),
            detector(x[week & odd], x[week & ~odd]),
        )
        score[~week] = detector(x[week], x[~week])
        end = START + (pl.col("hour") + 1) * HOUR
        named = table.select(
            begin=end - HOURS * HOUR, end=end, kind=pl.lit(kind), value=kind, other_kind=pl.lit(other or None),
            other_value=other or pl.lit(None), score=pl.Series(score),
        )  # fmt: skip
        parts.append(calibrated(named.cast(pl.Schema(SCORED))).filter(pl.col("score") > FLOOR))
    return pl.concat(parts)
