"""Guards 5 and 6: what classifiers reach that are told the labels, and what trivial detectors do.

A classifier that sees one event must fail where one that sees its window succeeds. What trivial detectors reach is
always printed. Told in `book/part3/simulator.md`.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.metrics import average_precision_score

from residual.simulate.calendar import HOUR
from residual_book.organizations import Array, Mask, Tables, of_attack, raw_columns
from residual_book.part3.simulator.columns import placements, scores
from residual_book.part3.simulator.values import ENTITIES
from residual_book.part3.simulator.windows import WINDOWS

# Where the events of each type are that is in the company of events, and the entity that train and test must not share.
WHERE: dict[str, tuple[str, str | None]] = {
    "brute_force": ("authentication", "user.name"),
    "spraying": ("authentication", "src_endpoint.ip"),
    "dns_tunnel": ("dns_activity", "src_endpoint.ip"),
    "beacon": ("network_activity", "src_endpoint.ip"),
    "exfiltration": ("network_activity", "src_endpoint.ip"),
    "scan": ("network_activity", "src_endpoint.ip"),
    "mining": ("network_activity", "src_endpoint.ip"),
    "persistence": ("api_activity", "actor.user.name"),
    "cascade": ("application_error", None),
}
NORMAL = 6000  # normal events to train and test on, for each type
Precision = dict[str, dict[str, float]]  # average precision by type of attack or class of events, and by detector


def compare(tables: Tables, *, seed: int, types: Sequence[str] = tuple(WHERE)) -> Precision:
    """Train classifiers of one event and of its window on early episodes of each type, and test them on later ones."""
    views = {}
    for name in {WHERE[kind][0] for kind in types}:
        window = np.column_stack(list(WINDOWS[name](tables[name]).values()))
        views[name] = {"sees one event": one_event(tables[name]), "sees its window": window}
    return {kind: _compared(tables[WHERE[kind][0]], views[WHERE[kind][0]], kind, seed) for kind in types}


def _compared(table: pl.DataFrame, views: dict[str, Array], kind: str, seed: int) -> dict[str, float]:
    label, (train, test, weight) = of_attack(table, kind), split(table, kind, seed=seed)
    truth, weight = label[test], weight[test]
    precision = {}
    for name, view in views.items():
        model = HistGradientBoostingClassifier(max_iter=25, learning_rate=0.2, max_leaf_nodes=15, random_state=seed)
        score = model.fit(view[train], label[train]).predict_proba(view[test])[:, 1]
        precision[name] = float(average_precision_score(truth, score, sample_weight=weight))
    return precision | {"guesses": float((truth * weight).sum() / weight.sum())}


def one_event(table: pl.DataFrame) -> Array:
    """Every raw column as ordinal and frequency, lengths of strings, hour and weekday: (events, features)."""
    features: list[NDArray[np.generic]] = []
    for name in raw_columns(table):
        if f"{name}_id" in table.columns:  # the caption of an enumeration that is there as a number
            continue
        ranks = scores(table[name])
        features += [kind for kind in (ranks["value"], ranks["frequency"]) if kind.min() < kind.max()]
        if table[name].dtype == pl.String:
            features.append(table[name].str.len_bytes().fill_null(0).to_numpy())
    moment = table["time"].cast(pl.Datetime("ms"))
    return np.column_stack([*features, moment.dt.hour().to_numpy(), moment.dt.weekday().to_numpy()]).astype(np.float64)


def split(table: pl.DataFrame, kind: str, *, seed: int) -> tuple[Mask, Mask, Array]:
    """Rows to train on, rows to test on, and how many normal events each row stands for: (events,) each.

    Those to test on are later episodes, without those whose entity an earlier one had. All events of the type's
    episodes and twins are there, a sample of the other benign ones, and no other attack.
    """
    attack, own = table["label.attack"].to_numpy(), (table["label.type"] == kind).fill_null(False).to_numpy()
    episode = pl.coalesce("label.episode", "metadata.uid")
    late = table.select(pl.col("time").min().over(episode) >= np.quantile(table["time"], 0.55)).to_series().to_numpy()
    shared, (_, entity) = pl.Series(np.zeros(len(late), bool)), WHERE[kind]
    if entity is not None:
        known = table[entity].filter(attack & own & ~late)
        shared = table[entity].is_in(known.to_list(), nulls_equal=True)
    if kind != "spraying":  # comes from many addresses: those that are shared go, and the rest of it stays
        shared = table.with_columns(shared=shared).select(pl.col("shared").any().over(episode)).to_series()
    rest, sampled = np.flatnonzero(~attack & ~own), np.zeros(len(late), bool)
    sampled[np.random.default_rng(seed).choice(rest, min(NORMAL, len(rest)), replace=False)] = True
    usable = own | sampled
    weight = np.where(sampled, len(rest) / max(int(sampled.sum()), 1), 1.0)
    return usable & ~late, usable & late & ~(attack & shared.to_numpy()), weight


def baselines(tables: Tables, *, seed: int) -> Precision:
    """Four trivial detectors, and guessing, on every class with attacks."""
    return {
        name: {
            detector: float(average_precision_score(attack, score))
            for detector, score in _trivial_scores(name, table, attack, seed).items()
        }
        for name, table in tables.items()
        if (attack := table["label.attack"].to_numpy()).any()
    }


def _trivial_scores(name: str, table: pl.DataFrame, attack: Mask, seed: int) -> dict[str, Array]:
    columns = [scores(table[column]) for column in raw_columns(table)]
    frequency = np.column_stack([column["frequency"] for column in columns]).astype(np.float64)
    values = np.column_stack([column["value"] for column in columns])
    # The column with the highest AUC, in its better direction: chosen with the labels, as no user could.
    auc = np.array([placements(column, ~attack)[attack].mean() for column in values.T])
    best = int(np.argmax(np.abs(auc - 0.5)))
    forest = IsolationForest(n_estimators=50, max_samples=256, random_state=seed).fit(values.astype(np.float32))
    return {
        "one column": np.sign(auc[best] - 0.5) * values[:, best],
        "count z-score": _count(table, ENTITIES[name][0]),
        "rarity": -np.log(np.maximum(frequency, 1)).mean(axis=1),
        "isolation forest": -forest.score_samples(values.astype(np.float32)).astype(np.float64),
        "guessing": np.zeros(len(attack)),
    }


def _count(table: pl.DataFrame, entity: str) -> Array:
    """Events of an entity in the hour, against its own mean and standard deviation over hours."""
    frame = table.select(entity=entity, hour=pl.col("time") // HOUR).with_columns(n=pl.len().over("entity", "hour"))
    once = frame.unique(["entity", "hour"], maintain_order=True)  # the order of a sum decides its last digits
    hours = once.group_by("entity").agg(mean=pl.col("n").mean(), std=pl.col("n").std())
    joined = frame.join(hours, on="entity", how="left", nulls_equal=True, maintain_order="left")
    z_score = (pl.col("n") - pl.col("mean")) / (pl.col("std").fill_null(0) + 1)
    return joined.select(z_score.fill_null(0)).to_series().to_numpy()
