"""What an encoding that looks into the future gains, by mistake, on paper. Told in `book/part3/encoding.md`.

One detector, trained with the labels of the first days and tested on the later ones, with one thing at a time taken
from all days. The detector is a plain one; what counts is how far its figures move.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from residual.ocsf.schema import Feature, features
from residual.tabular import ContextFeatures, Entity, TableEncoder
from residual_book.organizations import Array, Mask, Tables, day_of, of_attack
from residual_book.part3.encoding.encodings import TRAIN

PARENT = "query.parent"  # of a name that is looked up: the name without its first label
ENTITIES = {
    "authentication": (
        Entity("user", ("user.name",), distinct=("src_endpoint.ip",), first=("src_endpoint.ip",)),
        Entity("source", ("src_endpoint.ip",), distinct=("user.name",), first=("user.name",)),
    ),
    "network_activity": (
        Entity("source", ("src_endpoint.ip",), distinct=("dst_endpoint.ip",), first=("dst_endpoint.ip",)),
    ),
    "dns_activity": (Entity("source", ("src_endpoint.ip",), distinct=("query.hostname",), first=(PARENT,)),),
}
NORMAL = 8000  # normal events to learn from and test on, of each class
FARTHEST = 10.0  # a number goes no farther from 0: a linear model would lean on the outliers
ARMS = ("scaling", "vocabulary", "context")  # what is taken from all days, beside "past only"
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

Contexts = dict[str, tuple[pl.DataFrame, pl.DataFrame]]


def context(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The features of the past for events of a class in `ENTITIES`, in order of time: one row per event."""
    if "query.hostname" in table.columns:
        table = table.with_columns(pl.col("query.hostname").str.replace(r"^[^.]+\.", "").alias(PARENT))
    return ContextFeatures(ENTITIES[name]).advance(table)


def foreseen(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The same features over a table taken as a whole, as a join or a rolling mean about each event would have them.

    Counts hold what comes before and after (a value that is there on both sides counts twice among the distinct ones),
    the time is to the nearest event on either side, and a first time is the only time.
    """
    past = context(name, table)
    mirrored = table.reverse().with_columns(-pl.col("time"))  # in a mirror the future comes before
    future = context(name, mirrored).reverse().select(pl.all().name.suffix(" after"))
    sides = past.hstack(future)
    return sides.select(_joined(column, pl.col(column), pl.col(f"{column} after")) for column in past.columns)


def _joined(column: str, before: pl.Expr, after: pl.Expr) -> pl.Expr:
    if ".first." in column:
        return (before & after).alias(column)
    return (pl.min_horizontal(before, after) if column.endswith(".since") else before + after).alias(column)


def contexts(data: Tables) -> Contexts:
    """Features of the past, and those that see the future, of each class in `COLUMNS`."""
    return {name: (context(name, data[name]), foreseen(name, data[name])) for name in COLUMNS}


@dataclass(frozen=True)
class Foresight:
    """AUC of one feature for one type of attack, from the past alone and over the whole table."""

    past: float  # over all events of its episodes
    whole: float
    first_past: float  # over the first event of each episode only
    first_whole: float


def foresight(data: Tables, views: Contexts) -> dict[str, Foresight]:
    """Each type in `FORESIGHT`, on events from the third day on, when counts of a day have filled up."""
    measured = {}
    for kind, (name, feature) in FORESIGHT.items():
        own, benign = of_attack(data[name], kind), ~data[name]["label.attack"].to_numpy()
        nth = data[name].select(pl.col("time").cum_count().over("label.episode")).to_series().to_numpy()
        settled = day_of(data[name]) >= 2
        scores = [view[feature].fill_null(0).to_numpy() for view in views[name]]
        every, first = (own | benign) & settled, ((own & (nth == 1)) | benign) & settled
        measured[kind] = Foresight(*(_auc(own, score, rows) for rows in (every, first) for score in scores))
    return measured


def leaks(name: str, data: Tables, views: Contexts, *, seed: int) -> dict[str, float]:
    """AUC of the detector for a class of events on later days, the mean over its types of attack: arm -> AUC."""
    table, (before, after) = data[name], views[name]
    attack, early = table["label.attack"].to_numpy(), day_of(table) < TRAIN
    used = attack | (np.random.default_rng(seed).random(len(table)) < NORMAL / len(table))
    known, always = features(depth=3), np.ones(len(early), bool)
    of_events = {path: known[path] for path in COLUMNS[name]}
    of_context = ContextFeatures(ENTITIES[name]).features()
    (past, past_codes), (whole, whole_codes) = (_encoded(of_events, table, days, used) for days in (early, always))
    history, rescaled = (_encoded(of_context, before, days, used)[0] for days in (early, always))
    foretold, _ = _encoded(of_context, after, early, used)
    attack, train, test = attack[used], early[used], ~early[used]
    types = [own for own in (of_attack(table, kind)[used] for kind in TYPES[name]) if own[test].any()]
    auc = {}
    for arm, events, beside, codes in (
        ("past only", past, history, past_codes),
        ("scaling", whole, rescaled, past_codes),
        ("vocabulary", past, history, whole_codes),
        ("context", past, foretold, past_codes),
    ):
        view = sparse.hstack([sparse.csr_matrix(np.hstack([events, beside])), codes]).tocsr()
        model = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced").fit(view[train], attack[train])
        score = model.decision_function(view)
        auc[arm] = float(np.mean([_auc(own, score, test & (own | ~attack)) for own in types]))
    return auc


def _encoded(
    dictionary: dict[str, Feature], table: pl.DataFrame, fitted: Mask, used: Mask
) -> tuple[NDArray[np.float32], sparse.csr_matrix]:
    """Scaled numbers of the events, and how frequent their values are beside one column per code."""
    encoder = TableEncoder(dictionary, buckets=512).fit(table.filter(pl.Series(fitted)))
    encoded = encoder.transform(table.filter(pl.Series(used)))
    counted = np.array([output.endswith(":frequency") for output in encoder.numeric_names_])
    numbers = np.clip(encoded.numeric, -FARTHEST, FARTHEST)
    column = encoded.categorical + np.cumsum(encoded.cardinalities) - encoded.cardinalities
    entries = np.ones(column.size, np.float32), column.ravel(), np.arange(len(column) + 1) * column.shape[1]
    codes = sparse.csr_matrix(entries, shape=(len(column), int(encoded.cardinalities.sum())))
    return numbers[:, ~counted], sparse.hstack([sparse.csr_matrix(numbers[:, counted]), codes])


def _auc(truth: Mask, score: Array, rows: Mask) -> float:
    return float(roc_auc_score(truth[rows], score[rows]))
