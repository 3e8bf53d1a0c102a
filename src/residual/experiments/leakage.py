"""What an encoding that looks into the future gains, by mistake, on paper. Told in `book/part3/encoding.md`.

One detector, trained with the labels of the first days and tested on the later ones, with one thing at a time taken
from all days. The detector is a plain one; what counts is how far its figures move.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from residual.experiments.encodings import TRAIN, day_of
from residual.experiments.guard_data import Tables
from residual.experiments.histories import ENTITIES, context, foreseen
from residual.ocsf.schema import Feature, features
from residual.tabular import ContextFeatures, TableEncoder

NORMAL = 8000  # normal events to learn from and test on, of each class
FARTHEST = 10.0  # a number goes no farther from 0: a linear model would lean on the outliers
ARMS = ("past only", "scaling", "vocabulary", "context")
COLUMNS = {
    "authentication": (
        "time", "user.name", "src_endpoint.ip", "src_endpoint.location.country", "service.name", "status_id",
        "status_code", "auth_protocol_id", "is_mfa", "duration", "device.hostname",
    ),
    "network_activity": (
        "time", "src_endpoint.ip", "dst_endpoint.ip", "dst_endpoint.port", "activity_id", "status_id", "duration",
        "traffic.bytes_out", "traffic.bytes_in", "traffic.packets_out", "dst_endpoint.hostname",
    ),
    "dns_activity": (
        "time", "src_endpoint.ip", "query.hostname", "query.type", "rcode_id", "duration", "traffic.bytes_in",
    ),
}  # fmt: skip
FORESIGHT = {  # the feature that shows each type of attack best
    "brute_force": ("authentication", "context.user.count_1h"),
    "spraying": ("authentication", "context.source.distinct_1h.user.name"),
    "dns_tunnel": ("dns_activity", "context.source.count_1h"),
    "scan": ("network_activity", "context.source.distinct_1h.dst_endpoint.ip"),
    "exfiltration": ("network_activity", "context.source.count_1h"),
    "mining": ("network_activity", "context.source.count_1h"),
}

TYPES = {  # attacks of several events
    "authentication": ("brute_force", "spraying", "valid_account"),
    "network_activity": ("beacon", "exfiltration", "mining", "scan"),
    "dns_activity": ("dns_tunnel",),
}

Mask = NDArray[np.bool_]


Contexts = dict[str, tuple[pl.DataFrame, pl.DataFrame]]


def contexts(data: Tables) -> Contexts:
    """Features of the past, and those that see the future, of each class in `COLUMNS`."""
    return {name: (context(name, data[name]), foreseen(name, data[name])) for name in COLUMNS}


@dataclass(frozen=True)
class Foresight:
    """AUC of one feature for one type of attack, from the past alone and over the whole table.

    Attributes:
        type: of the attack.
        past: over all events of its episodes.
        whole: the same, of the feature that sees the future.
        first_past: over the first event of each episode only.
        first_whole: the same, of the feature that sees the future.
    """

    type: str
    past: float
    whole: float
    first_past: float
    first_whole: float


def foresight(data: Tables, views: Contexts) -> list[Foresight]:
    """One for each type in `FORESIGHT`, on events from the third day on, when counts of a day have filled up."""
    found = []
    for name in dict.fromkeys(name for name, _ in FORESIGHT.values()):
        table = data[name]
        settled = day_of(table) >= 2
        nth = table.select(pl.col("time").cum_count().over("label.episode")).to_series().to_numpy()
        for kind, (where, feature) in FORESIGHT.items():
            if where == name:
                past, whole = (view[feature].fill_null(0).to_numpy() for view in views[name])
                own, benign = _attack(table, kind), ~table["label.attack"].to_numpy()
                every, first = (own | benign) & settled, ((own & (nth == 1)) | benign) & settled
                found.append(
                    Foresight(kind, *(_auc(own, score, rows) for rows in (every, first) for score in (past, whole)))
                )
    return found


@dataclass(frozen=True)
class Leak:
    """AUC of the detector for attacks of one class on later days, the mean over their types; by arm of `ARMS`."""

    name: str
    auc: dict[str, float]

    def gain(self, arm: str) -> float:
        """What the arm gains over one that sees the past only."""
        return self.auc[arm] - self.auc["past only"]


def leaks(data: Tables, views: Contexts, *, seed: int) -> list[Leak]:
    """One for each class in `COLUMNS`.

    Raises:
        ValueError: where a class has no attack after the first `TRAIN` days to test on.
    """
    return [_leak(name, data[name], views[name], seed) for name in COLUMNS]


def _leak(name: str, table: pl.DataFrame, sides: tuple[pl.DataFrame, pl.DataFrame], seed: int) -> Leak:
    attack, early = table["label.attack"].to_numpy(), day_of(table) < TRAIN
    used = attack | (np.random.default_rng(seed).random(len(table)) < NORMAL / len(table))
    train, test = early[used], ~early[used]
    own = {kind: _attack(table, kind)[used] for kind in TYPES[name]}
    if not any(mine[test].any() for mine in own.values()):
        raise ValueError(f"data must have attacks in {name} after day {TRAIN}, got none")
    auc = {}
    for arm, view in _views(name, table, sides, early, used):
        model = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced").fit(view[train], attack[used][train])
        score = model.decision_function(view)
        each = [_auc(mine, score, test & (mine | ~attack[used])) for mine in own.values() if mine[test].any()]
        auc[arm] = float(np.mean(each))
    return Leak(name, auc)


def _views(
    name: str, table: pl.DataFrame, sides: tuple[pl.DataFrame, pl.DataFrame], early: Mask, used: Mask
) -> Iterator[tuple[str, sparse.csr_matrix]]:
    known, always = features(depth=3), np.ones(len(early), bool)
    of_events = {path: known[path] for path in COLUMNS[name]}
    of_context = ContextFeatures(ENTITIES[name]).features()
    before, after = sides
    past, whole = (_encoded(of_events, table.select(COLUMNS[name]), fitted, used) for fitted in (early, always))
    history, rescaled = (_encoded(of_context, before, fitted, used).numbers for fitted in (early, always))
    yield "past only", _matrix(past.numbers, history, past)
    yield "scaling", _matrix(whole.numbers, rescaled, past)
    yield "vocabulary", _matrix(past.numbers, history, whole)
    yield "context", _matrix(past.numbers, _encoded(of_context, after, early, used).numbers, past)


@dataclass(frozen=True)
class _Parts:
    """Encoded events: scaled numbers (n, f), how frequent values are (n, h), and one column a code (n, codes)."""

    numbers: NDArray[np.float32]
    frequencies: NDArray[np.float32]
    codes: sparse.csr_matrix


def _encoded(dictionary: dict[str, Feature], table: pl.DataFrame, fitted: Mask, used: Mask) -> _Parts:
    encoder = TableEncoder(dictionary, buckets=512).fit(table.filter(pl.Series(fitted)))
    encoded = encoder.transform(table.filter(pl.Series(used)))
    counted = np.array([output.endswith(":frequency") for output in encoder.numeric_names_])
    numbers = np.clip(encoded.numeric, -FARTHEST, FARTHEST)
    rows, width = encoded.categorical.shape
    column = encoded.categorical + np.cumsum(encoded.cardinalities) - encoded.cardinalities
    entries = (np.ones(rows * width, np.float32), (np.repeat(np.arange(rows), width), column.ravel()))
    codes = sparse.csr_matrix(entries, shape=(rows, int(encoded.cardinalities.sum())))
    return _Parts(numbers[:, ~counted], numbers[:, counted], codes)


def _matrix(events: NDArray[np.float32], history: NDArray[np.float32], codes: _Parts) -> sparse.csr_matrix:
    return sparse.hstack([sparse.csr_matrix(np.hstack([events, history, codes.frequencies])), codes.codes]).tocsr()


def _attack(table: pl.DataFrame, kind: str) -> Mask:
    return ((table["label.type"] == kind).fill_null(False) & table["label.attack"]).to_numpy()


def _auc(truth: Mask, score: NDArray[np.float64], rows: Mask) -> float:
    return float(roc_auc_score(truth[rows], score[rows]))
