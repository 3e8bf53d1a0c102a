"""What each encoding of an event does to real columns of the simulator. Told in `book/part3/encoding.md`."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from residual.ocsf.schema import features
from residual.simulate.calendar import DAY, HOUR
from residual.tabular import TableEncoder
from residual.tabular.hashing import collision_rate, hash_values
from residual_book.organizations import Array, Mask, Tables, day_of, of_attack

TRAIN = 5  # days to learn from, where the others are tested on
BUCKETS = (256, 1024, 4096, 16384)
LAST = 3  # days at the end that vocabularies are tried on
OFFICE = "user.ldap_person.office_location"
MANY = {  # columns of many values, by class
    "authentication": ("session.uid", "src_endpoint.ip"),
    "network_activity": ("dst_endpoint.hostname", "tls.ja3_hash.value", "connection_info.community_uid"),
    "dns_activity": ("query.hostname",),
}
SIZES = {
    "bytes sent": ("network_activity", "traffic.bytes_out"),
    "bytes received": ("network_activity", "traffic.bytes_in"),
    "connection, ms": ("network_activity", "duration"),
    "cloud call, ms": ("api_activity", "duration"),
}
CODES = {
    "authentication": ("user.name", "src_endpoint.ip", "src_endpoint.ip:subnet"),
    "network_activity": ("dst_endpoint.hostname",),
    "dns_activity": ("query.hostname",),
    "api_activity": ("api.operation",),
    "process_activity": ("process.cmd_line",),
}


def encoder(*paths: str) -> TableEncoder:
    """An encoder of these columns, with a vocabulary so large that nothing is hashed."""
    known = features(depth=3)
    return TableEncoder({path: known[path] for path in paths}, vocabulary=1_000_000)


def encoded(table: pl.DataFrame, path: str, *outputs: str) -> NDArray[np.float32]:
    """Numeric features of a column, from an encoder that is fitted on the same table: (events, outputs)."""
    fitted = encoder(path).fit(table)
    wanted = [fitted.numeric_names_.index(output) for output in outputs]
    return fitted.transform(table).numeric[:, wanted]


@dataclass(frozen=True)
class Clock:
    """How well a linear model tells events from the others by the time of day alone: AUC on later days."""

    hours: Array  # share of the events in each hour, UTC: (24,)
    line: float  # AUC from the hour as one number
    circle: float  # AUC from the hour as a point on a circle


def offices(data: Tables) -> dict[str, Clock]:
    """When each office signs in."""
    table = data["authentication"]
    home = table.select("user.name", OFFICE).drop_nulls().unique(subset="user.name", maintain_order=True)
    table = table.drop(OFFICE).join(home, on="user.name", maintain_order="left")
    names = sorted(home[OFFICE].unique().to_list())
    return {name: _clock(table, (table[OFFICE] == name).fill_null(False).to_numpy()) for name in names}


def night(data: Tables) -> Clock:
    """Sign-ins between 22 and 6 o'clock UTC, told from those by day."""
    hour = data["authentication"]["time"].to_numpy() % DAY // HOUR
    return _clock(data["authentication"], (hour >= 22) | (hour < 6))


def _clock(table: pl.DataFrame, own: Mask) -> Clock:
    early, time = day_of(table) < TRAIN, table["time"].to_numpy() % DAY
    circle = encoded(table, "time", "time:hour_sin", "time:hour_cos")
    auc = []
    for view in (time[:, None] / DAY, circle):
        model = LogisticRegression(C=100.0).fit(view[early], own[early])
        auc.append(float(roc_auc_score(own[~early], model.decision_function(view[~early]))))
    return Clock(np.bincount(time[own] // HOUR, minlength=24) / own.sum(), *auc)


@dataclass(frozen=True)
class Collision:
    """How many of a column's different values share their bucket with another: counted, and by the formula."""

    distinct: int
    buckets: int
    measured: float
    expected: float


def collisions(data: Tables) -> list[Collision]:
    """One for each column of many values and each number of buckets."""
    measured = []
    for name, path in ((name, path) for name, paths in MANY.items() for path in paths):
        hashes = hash_values(data[name][path].drop_nulls().unique())
        for buckets in BUCKETS:
            bucket = (hashes % np.uint64(buckets)).astype(np.int64)
            shared = float((np.bincount(bucket)[bucket] > 1).mean())
            measured.append(Collision(len(hashes), buckets, shared, collision_rate(len(hashes), buckets)))
    return measured


def beside_formula(collisions: list[Collision]) -> float:
    """Values that share their bucket, for each one that the formula expects, over all columns."""
    shared = sum(collision.measured * collision.distinct for collision in collisions)
    return shared / sum(collision.expected * collision.distinct for collision in collisions)


def sizes(data: Tables) -> dict[str, tuple[Array, Array]]:
    """The numbers of each column in `SIZES` as they are, and as the encoder has them, by label: (events,) each."""
    measured = {}
    for label, (name, path) in SIZES.items():
        table = data[name].drop_nulls(path)
        raw, scaled = table[path].to_numpy(), encoded(table, path, path)[:, 0]
        measured[label] = raw.astype(np.float64), scaled.astype(np.float64)
    return measured


@dataclass(frozen=True)
class Vocabulary:
    """How far a vocabulary goes for a code of a column."""

    values: int  # different ones, over all days
    unknown: Array  # share of the filled cells of the last days that a vocabulary of the first 1, 2, ... days lacks


def vocabularies(data: Tables) -> dict[str, Vocabulary]:
    """One for each code in `CODES`. The encoder learns a day more at a time and is tried on the last days."""
    measured = {}
    for name, codes in CODES.items():
        table, day = data[name], day_of(data[name])
        days = int(day.max()) + 1
        late = table.filter(day >= days - LAST)
        fitted, shares = encoder(*sorted({code.partition(":")[0] for code in codes})), []
        for known in range(days - LAST):
            fitted.partial_fit(table.filter(day == known))
            columns = [fitted.categorical_names_.index(code) for code in codes]
            seen = fitted.transform(late).categorical[:, columns]
            shares.append((seen == 1).sum(axis=0) / (seen > 0).sum(axis=0))
        whole = fitted.fit(table).transform(table).categorical[:, columns]
        for code, own, unknown in zip(codes, whole.T, np.transpose(shares), strict=True):
            measured[code] = Vocabulary(len(np.unique(own[own > 0])), unknown)
    return measured


Looks = dict[str, Array]  # length in bytes and entropy in bits per byte of different names, by group: (names, 2)


def looks(data: Tables) -> Looks:
    """The names that are looked up: of a tunnel, of its twin, of hosts that connections also go to, and others."""
    table = data["dns_activity"].unique(subset="query.hostname", keep="first", maintain_order=True)
    scaled = encoded(table, "query.hostname", "query.hostname:length", "query.hostname:entropy").astype(np.float64)
    views = np.column_stack([2 ** (8 * scaled[:, 0]) - 1, 8 * scaled[:, 1]])  # back to bytes, and bits per byte
    own = (table["label.type"] == "dns_tunnel").fill_null(False).to_numpy()
    tunnel = of_attack(table, "dns_tunnel")
    hosts = data["network_activity"]["dst_endpoint.hostname"].drop_nulls().unique()
    host = table["query.hostname"].is_in(hosts.to_list()).to_numpy() & ~own
    groups = {"other names": ~own & ~host, "names of hosts": host, "antivirus (the twin)": own & ~tunnel}
    return {group: views[rows] for group, rows in (groups | {"tunnel": tunnel}).items()}


def entropy_auc(looks: Looks, group: str, *others: str) -> float:
    """AUC of the entropy for names of a group among those of others."""
    own, rest = looks[group], np.concatenate([looks[other] for other in others])
    truth = np.repeat([1, 0], [len(own), len(rest)])
    return float(roc_auc_score(truth, np.concatenate([own, rest])[:, 1]))
