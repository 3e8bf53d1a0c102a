"""What each encoding of an event does to real columns of the simulator. Told in `book/part3/encoding.md`."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from residual.experiments.guard_data import Tables, tables
from residual.ocsf.schema import features
from residual.ocsf.simulate import simulation
from residual.ocsf.simulate.calendar import DAY, START
from residual.tabular import TableEncoder
from residual.tabular.hashing import collision_rate, hash_values

SEEDS = (0, 1, 2)
DAYS = 10  # a week from Monday to Sunday, and three days of the next
TRAIN = 5  # days to learn from, where the others are tested on
BUCKETS = (256, 1024, 4096, 16384)
LAST = 3  # days at the end that vocabularies are tried on
OFFICE = "user.ldap_person.office_location"
MANY = {  # columns of many values, by class
    "authentication": ("session.uid", "src_endpoint.ip"),
    "network_activity": ("dst_endpoint.hostname", "tls.ja3_hash.value", "connection_info.community_uid"),
    "dns_activity": ("query.hostname",),
}
SIZES = {"network_activity": ("traffic.bytes_out", "traffic.bytes_in", "duration"), "api_activity": ("duration",)}
CODES = {
    "authentication": ("user.name", "src_endpoint.ip", "src_endpoint.ip:subnet"),
    "network_activity": ("dst_endpoint.hostname",),
    "dns_activity": ("query.hostname",),
    "api_activity": ("api.operation",),
    "process_activity": ("process.cmd_line",),
}
NIGHT = (22, 6)  # from when to when, UTC

Array = NDArray[np.float64]


def organization(seed: int, *, users: int = 40, days: int = DAYS, episodes: float = 15.0) -> Tables:
    """All events of a small organization by class, labels beside them; more episodes than normal, to measure on."""
    return tables(simulation(users=users, days=days, seed=seed, episodes=episodes))


def day_of(table: pl.DataFrame) -> NDArray[np.int64]:
    """The day of each event, from 0."""
    return ((table["time"] - START) // DAY).to_numpy().astype(np.int64)


def encoder(*paths: str, vocabulary: int = 1_000_000) -> TableEncoder:
    """An encoder of these columns, with a vocabulary so large that nothing is hashed."""
    known = features(depth=3)
    return TableEncoder({path: known[path] for path in paths}, vocabulary=vocabulary)


@dataclass(frozen=True)
class Clock:
    """When one office signs in, and how well a linear model tells it from the others by the time of day alone.

    Attributes:
        office: its city.
        hours: (24,), share of its sign-ins in each hour, UTC.
        line: AUC on later days, of the hour as one number.
        circle: the same of the hour as a point on a circle.
    """

    office: str
    hours: Array
    line: float
    circle: float


def clocks(data: Tables) -> list[Clock]:
    """One for each office. The first `TRAIN` days are learned from, the others tested on."""
    table = data["authentication"]
    home = table.select("user.name", OFFICE).drop_nulls().unique(subset="user.name", maintain_order=True)
    table = table.drop(OFFICE).join(home, on="user.name", maintain_order="left")
    hour = table["time"].to_numpy() % DAY / (DAY / 24)
    found = []
    for office in sorted(home[OFFICE].unique().to_list()):
        own = (table[OFFICE] == office).fill_null(False).to_numpy()
        hours = np.bincount(hour[own].astype(int), minlength=24) / own.sum()
        found.append(Clock(office, hours, *_by_the_clock(table, own)))
    return found


def night(data: Tables) -> tuple[float, float]:
    """AUC of a linear model that tells sign-ins at night from those by day: of the hour as a number, on the circle."""
    table = data["authentication"]
    hour = table["time"].to_numpy() % DAY / (DAY / 24)
    return _by_the_clock(table, (hour >= NIGHT[0]) | (hour < NIGHT[1]))


def _by_the_clock(table: pl.DataFrame, own: NDArray[np.bool_]) -> tuple[float, float]:
    """AUC on later days of a linear model that sees the hour of an event as one number, and as a point on a circle."""
    early = day_of(table) < TRAIN
    made = encoder("time").fit(table)
    circle = made.transform(table).numeric[:, [made.numeric_names_.index(f"time:hour_{f}") for f in ("sin", "cos")]]
    line = (table["time"].to_numpy() % DAY / DAY)[:, None]
    line_auc, circle_auc = (
        float(
            roc_auc_score(
                own[~early], LogisticRegression(C=100.0).fit(v[early], own[early]).decision_function(v[~early])
            )
        )
        for v in (line, circle)
    )
    return line_auc, circle_auc


@dataclass(frozen=True)
class Collision:
    """How many of a column's different values share their bucket with another: counted, and by the formula."""

    column: str
    distinct: int
    buckets: int
    measured: float
    expected: float


def collisions(data: Tables) -> list[Collision]:
    """One for each column of many values and each number of buckets."""
    found = []
    for name, columns in MANY.items():
        for column in columns:
            hashes = hash_values(data[name][column].drop_nulls().unique())
            for buckets in BUCKETS:
                bucket = (hashes % np.uint64(buckets)).astype(np.int64)
                shared = float((np.bincount(bucket)[bucket] > 1).mean())
                found.append(Collision(column, len(hashes), buckets, shared, collision_rate(len(hashes), buckets)))
    return found


@dataclass(frozen=True)
class Size:
    """A column of numbers before and after.

    Attributes:
        column: class and path.
        raw: the numbers.
        encoded: the same as the encoder has them.
        skewness: of both.
        crowded: share of the range, from the smallest number up, that holds 99 in 100 of them; of both.
    """

    column: str
    raw: Array
    encoded: Array

    @property
    def skewness(self) -> tuple[float, float]:
        return float(skew(self.raw)), float(skew(self.encoded))

    @property
    def crowded(self) -> tuple[float, float]:
        before, after = (
            float((np.quantile(values, 0.99) - values.min()) / np.ptp(values)) for values in (self.raw, self.encoded)
        )
        return before, after


def sizes(data: Tables) -> list[Size]:
    """One for each column of sizes and durations."""
    found = []
    for name, columns in SIZES.items():
        for column in columns:
            table = data[name].filter(pl.col(column).is_not_null())
            made = encoder(column).fit(table)
            encoded = made.transform(table).numeric[:, made.numeric_names_.index(column)].astype(np.float64)
            found.append(Size(f"{name} {column}", table[column].to_numpy().astype(np.float64), encoded))
    return found


@dataclass(frozen=True)
class Vocabulary:
    """A code of a column, and how far a vocabulary goes for it.

    Attributes:
        code: name of the encoder's output.
        values: different values over all days.
        null: share of empty cells.
        unknown: share of the filled cells of the last days that a vocabulary of the first 1, 2, ... days lacks.
    """

    code: str
    values: int
    null: float
    unknown: Array


def vocabularies(data: Tables) -> list[Vocabulary]:
    """One for each code in `CODES`. The encoder learns a day more at a time and is tried on the last days."""
    found = []
    for name, codes in CODES.items():
        table, day = data[name], day_of(data[name])
        days = int(day.max()) + 1
        late = table.filter(day >= days - LAST)
        made, shares = encoder(*sorted({code.partition(":")[0] for code in codes})), []
        for fitted in range(days - LAST):
            made.partial_fit(table.filter(day == fitted))
            places = [made.categorical_names_.index(code) for code in codes]
            seen = made.transform(late).categorical[:, places]
            shares.append((seen == 1).sum(axis=0) / (seen > 0).sum(axis=0))
        whole = made.fit(table).transform(table).categorical[:, places]
        for k, code in enumerate(codes):
            values = len(np.unique(whole[:, k][whole[:, k] > 0]))
            found.append(Vocabulary(code, values, float((whole[:, k] == 0).mean()), np.array(shares)[:, k]))
    return found


@dataclass(frozen=True)
class Looks:
    """Length in bytes and entropy in bits a byte of the different names that were looked up, (n, 2) a group.

    Attributes:
        groups: "tunnel"; "its twin"; "host" for names that connections also go to; "other" for the rest.
    """

    groups: dict[str, Array]

    def auc(self, measure: int, group: str, *others: str) -> float:
        """AUC of the length (0) or the entropy (1) for names of a group among those of others."""
        own, rest = self.groups[group], np.concatenate([self.groups[other] for other in others])
        truth = np.repeat([1, 0], [len(own), len(rest)])
        return float(roc_auc_score(truth, np.concatenate([own, rest])[:, measure]))


def looks(data: Tables) -> Looks:
    """What length and entropy tell of the names that are looked up."""
    table = data["dns_activity"].unique(subset="query.hostname", keep="first", maintain_order=True)
    made = encoder("query.hostname").fit(table)
    wanted = [made.numeric_names_.index(f"query.hostname:{what}") for what in ("length", "entropy")]
    scaled = made.transform(table).numeric[:, wanted].astype(np.float64)
    views = np.column_stack([2 ** (8 * scaled[:, 0]) - 1, 8 * scaled[:, 1]])  # back to bytes, and bits a byte
    own = (table["label.type"] == "dns_tunnel").fill_null(False).to_numpy()
    attack = table["label.attack"].to_numpy()
    hosts = data["network_activity"]["dst_endpoint.hostname"].drop_nulls().unique()
    host = table["query.hostname"].is_in(hosts.to_list()).to_numpy() & ~own
    groups = {"host": host, "other": ~own & ~host, "its twin": own & ~attack, "tunnel": own & attack}
    return Looks({group: views[rows] for group, rows in groups.items()})
