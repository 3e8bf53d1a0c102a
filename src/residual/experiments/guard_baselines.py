"""Guard 6: what trivial detectors reach, always printed. Told in `book/part3/simulator.md`."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score

from residual.experiments.guard_columns import placements, scores
from residual.experiments.guard_data import Tables, raw_columns
from residual.ocsf.simulate.calendar import DAY, HOUR

Array = NDArray[np.float64]
ENTITY = {
    "authentication": "user.name",
    "network_activity": "src_endpoint.ip",
    "dns_activity": "src_endpoint.ip",
    "api_activity": "actor.user.name",
    "process_activity": "device.hostname",
    "application_lifecycle": "actor.app_name",
    "application_error": "actor.app_name",
}


@dataclass(frozen=True)
class Baseline:
    """A trivial detector on one class of events: average precision, and recall of episodes at an alert budget.

    `chance` is the share of events that belong to attacks, the average precision of guessing.
    """

    table: str
    detector: str
    precision: float
    recall: float
    chance: float


def baselines(tables: Tables, *, seed: int, budget: int = 20) -> list[Baseline]:
    """Four trivial detectors on every class with attacks; `budget` alerts a day and class are looked at."""
    found = []
    for name, table in tables.items():
        attack = table["label.attack"].to_numpy()
        if not attack.any():
            continue
        for detector, score in _scores(name, table, attack, seed).items():
            precision = float(average_precision_score(attack, score))
            found.append(Baseline(name, detector, precision, _recall(table, score, budget), float(attack.mean())))
    return found


def _recall(table: pl.DataFrame, score: Array, budget: int) -> float:
    """Share of episodes with an event among the `budget` highest scores of its day."""
    frame = table.select("label.attack", "label.episode", day=pl.col("time") // DAY).with_columns(score=score)
    alert = pl.col("score").rank("ordinal", descending=True).over("day") <= budget
    hit = frame.with_columns(alert=alert).filter("label.attack").group_by("label.episode").agg(pl.col("alert").any())
    return float(hit["alert"].mean() or 0.0)  # type: ignore[arg-type]  # polars types a mean for any column


def _scores(name: str, table: pl.DataFrame, attack: NDArray[np.bool_], seed: int) -> dict[str, Array]:
    columns = [scores(table[column]) for column in raw_columns(table)]
    frequency = np.column_stack([column["frequency"] for column in columns]).astype(np.float64)
    values = np.column_stack([column["value"] for column in columns]).astype(np.float32)
    rare = -np.log(np.maximum(frequency, 1)).mean(axis=1)
    forest = IsolationForest(n_estimators=50, max_samples=256, random_state=seed).fit(values)
    return {
        "one column": _best_column(values, attack),
        "count z-score": _count(table, ENTITY[name]),
        "rarity": rare,
        "isolation forest": -forest.score_samples(values).astype(np.float64),
    }


def _best_column(values: NDArray[np.float32], attack: NDArray[np.bool_]) -> Array:
    """The single column with the highest AUC, in its better direction: chosen with the labels, as no user could."""
    auc = np.array([placements(column.astype(np.int64), ~attack)[attack].mean() for column in values.T])
    best = int(np.argmax(np.abs(auc - 0.5)))
    return np.sign(auc[best] - 0.5) * values[:, best].astype(np.float64)


def _count(table: pl.DataFrame, entity: str) -> Array:
    """Events of an entity in the hour, against its own mean and standard deviation over hours."""
    frame = table.select(entity=entity, hour=pl.col("time") // HOUR).with_columns(n=pl.len().over("entity", "hour"))
    hours = frame.unique(["entity", "hour"]).group_by("entity").agg(mean=pl.col("n").mean(), std=pl.col("n").std())
    joined = frame.join(hours, on="entity", how="left", nulls_equal=True, maintain_order="left")
    return (
        joined.select(((pl.col("n") - pl.col("mean")) / (pl.col("std").fill_null(0) + 1)).fill_null(0))
        .to_series()
        .to_numpy()
    )
