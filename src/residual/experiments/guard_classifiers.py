"""Guard 5: a supervised classifier that sees one event must fail where one that sees its window succeeds.

Told in `book/part3/simulator.md`. It is trained with the labels of some episodes and tested on later ones, of other
entities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

from residual.experiments.guard_columns import scores
from residual.experiments.guard_data import Tables, raw_columns
from residual.experiments.guard_windows import windowed

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Where the events of each collective type are, and the entity that train and test must not share.
WHERE = {
    "brute_force": ("authentication", "user.name"),
    "spraying": ("authentication", "src_endpoint.ip"),
    "dns_tunnel": ("dns_activity", "src_endpoint.ip"),
    "beacon": ("network_activity", "src_endpoint.ip"),
    "exfiltration": ("network_activity", "src_endpoint.ip"),
    "scan": ("network_activity", "src_endpoint.ip"),
    "mining": ("network_activity", "src_endpoint.ip"),
    "persistence": ("api_activity", "actor.user.name"),
    "cascade": ("application_error", "time"),
}


@dataclass(frozen=True)
class Split:
    """Rows to train on and to test on, and how many normal events each test row stands for."""

    train: Mask
    test: Mask
    weight: Array


@dataclass(frozen=True)
class Comparison:
    """Average precision on later episodes of other entities: of one event, of its window, and of guessing."""

    type: str
    one_event: float
    window: float
    chance: float
    episodes: int


def one_event(table: pl.DataFrame) -> Array:
    """Every raw column as ordinal and frequency, lengths of strings, hour and weekday: float [events, features]."""
    found: list[NDArray[np.generic]] = []
    for name in raw_columns(table):
        column = table[name]
        if f"{name}_id" in table.columns:  # the caption of an enumeration that is there as a number
            continue
        ranked = scores(column)
        found += [kind for kind in (ranked["value"], ranked["frequency"]) if kind.min() < kind.max()]
        if column.dtype == pl.String:
            found.append(column.str.len_bytes().fill_null(0).to_numpy())
    moment = table["time"].cast(pl.Datetime("ms"))
    return np.column_stack([*found, moment.dt.hour().to_numpy(), moment.dt.weekday().to_numpy()]).astype(np.float64)


def split(table: pl.DataFrame, kind: str, entity: str, rng: np.random.Generator, *, normal: int = 3000) -> Split:
    """Split by time and by entity: later episodes, without those whose entity an earlier one had.

    All events of the type's episodes and twins are there, a sample of the other benign ones, and no other attack.
    """
    attack, own = table["label.attack"].to_numpy(), (table["label.type"] == kind).fill_null(False).to_numpy()
    start = table.select(pl.col("time").min().over(pl.coalesce("label.episode", "metadata.uid"))).to_series().to_numpy()
    late = start >= np.quantile(table["time"].to_numpy(), 0.55)
    values = table[entity].to_numpy()
    known = set(values[attack & own & ~late].tolist())
    shared = np.array([value in known for value in values.tolist()]) if entity != "time" else np.zeros(len(late), bool)
    if kind != "spraying":
        shared = _any_by_episode(table, shared)
    sampled = np.zeros(len(late), bool)
    rest = np.flatnonzero(~attack & ~own)
    sampled[rng.choice(rest, min(2 * normal, len(rest)), replace=False)] = True
    usable = own | sampled
    weight = np.where(sampled, len(rest) / max(int(sampled.sum()), 1), 1.0)
    return Split(usable & ~late, usable & late & ~(attack & shared), weight)


def _any_by_episode(table: pl.DataFrame, mask: Mask) -> Mask:
    frame = pl.DataFrame({"m": mask, "e": table["label.episode"]})
    return (
        frame.select(pl.when(pl.col("e").is_null()).then("m").otherwise(pl.col("m").any().over("e")))
        .to_series()
        .to_numpy()
    )


def compare(tables: Tables, *, seed: int, types: Sequence[str] = tuple(WHERE)) -> list[Comparison]:
    """Train and test both classifiers on each of `types` of one simulation."""
    found = []
    for name in dict.fromkeys(WHERE[kind][0] for kind in types):
        table = tables[name]
        views = (one_event(table), windowed(name, table))
        for kind in types:
            where, entity = WHERE[kind]
            if where == name:
                found.append(_compared(table, views, kind, entity, seed))
    return found


def _compared(table: pl.DataFrame, views: tuple[Array, Array], kind: str, entity: str, seed: int) -> Comparison:
    label = (table["label.attack"] & (table["label.type"] == kind).fill_null(False)).to_numpy()
    rows = split(table, kind, entity, np.random.default_rng(seed))
    truth, weight = label[rows.test], rows.weight[rows.test]
    precision = []
    for view in views:
        model = HistGradientBoostingClassifier(max_iter=25, learning_rate=0.2, max_leaf_nodes=15, random_state=seed)
        model.fit(view[rows.train], label[rows.train])
        score = model.predict_proba(view[rows.test])[:, 1]
        precision.append(float(average_precision_score(truth, score, sample_weight=weight)))
    episodes = table["label.episode"].filter(rows.test & label).n_unique()
    chance = float((truth * weight).sum() / weight.sum())
    return Comparison(kind, precision[0], precision[1], chance, episodes)
