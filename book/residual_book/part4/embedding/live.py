"""What the page makes while it is built: two small organizations, networks that learn there, a map and neighbors."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from residual.tabular.quality import effective_rank, nearest, overlap
from residual_book.part4.embedding.events import Organization, organization, rows_of, sample
from residual_book.part4.embedding.representations import Network, Plain, Points, Represent
from residual_book.part4.embedding.training import contrastive, network

SEEDS = (0, 1)  # of the organization that is shown, and of the other one
USERS, DAYS = 12, 4
TRAINED = range(DAYS - 1)  # days to learn from; the last one is shown
STEPS, SIZE, EVENTS = 150, 256, 400  # of training, of a batch; of each class that is shown
MADE = ("as they are", "untrained", "untrained again", "trained", "another seed", "another organization")
PAIRS = (("trained", "another seed"), ("trained", "another organization"), ("untrained", "untrained again"))
SHOWN = {  # fields to read an event by
    "authentication": ("user.name", "service.name", "status"),
    "network_activity": ("src_endpoint.ip", "dst_endpoint.hostname", "dst_endpoint.port"),
    "dns_activity": ("src_endpoint.ip", "query.hostname", "query.type"),
    "api_activity": ("actor.user.name", "api.operation", "status"),
    "process_activity": ("actor.user.name", "process.name", "device.hostname"),
}


@dataclass(frozen=True)
class Live:
    """Some events of the last day of an organization, and what representations make of them.

    Attributes:
        table: `class`, `entity`, `hour` and three fields as one text, `what`: n rows.
        points: by name in `MADE`, (n, d).
    """

    table: pl.DataFrame
    points: dict[str, Points]

    def flat(self, name: str) -> NDArray[np.float64]:
        """The two directions of most variance, (n, 2), with signs by which the first class lies to the lower left."""
        points = PCA(2, random_state=0).fit_transform(self.points[name])
        first = self.table["class"].to_numpy() == self.table["class"][0]
        return np.asarray(points * np.where(points[first].mean(0) > 0, -1, 1))

    def overlap(self, first: str, second: str) -> float:
        """The share of ten nearest events that two representations have in common."""
        return overlap(self.points[first], self.points[second])

    def rank(self, name: str) -> float:
        """The effective rank of a representation."""
        return effective_rank(self.points[name])

    def neighbors(self, name: str, row: int, count: int = 3) -> list[int]:
        """The nearest events of other users, machines or addresses."""
        others = np.flatnonzero(self.table["entity"].to_numpy() != self.table["entity"][row])
        points = self.points[name]
        return others[nearest(points[row : row + 1], points[others], count).indices[0]].tolist()


def measure(seeds: tuple[int, int] = SEEDS, *, steps: int = STEPS) -> Live:
    """One organization, and networks that learned on it and on another one, which the same encoder reads."""
    own = organization(seeds[0], users=USERS, days=DAYS)
    other = organization(seeds[1], users=USERS, days=DAYS, encoder=own.encoder)
    rng = np.random.default_rng(seeds[0])
    chosen = {name: sample(own.events[name].day, range(DAYS - 1, DAYS), EVENTS, rng) for name in SHOWN}
    rows = rows_of([own.events[name].rows(which) for name, which in chosen.items()])
    known = rows_of([own.events[name].rows(sample(own.events[name].day, TRAINED, EVENTS, rng)) for name in SHOWN])
    every = np.ones(known[0].shape[1], dtype=bool)
    learned = [
        contrastive(org, seed=seed, steps=steps, size=SIZE, days=TRAINED).net
        for org, seed in ((own, seeds[0]), (own, seeds[0] + 1), (other, seeds[0]))
    ]
    untrained = [network(own, seed=seed) for seed in (seeds[0], seeds[0] + 1)]
    made: list[Represent] = [Plain.fit(*known, every, codes=True), *map(Network, (*untrained, *learned))]
    points = {name: represent(*rows) for name, represent in zip(MADE, made, strict=True)}
    return Live(pl.concat(records(own, name, which) for name, which in chosen.items()), points)


def records(org: Organization, name: str, which: NDArray[np.int64]) -> pl.DataFrame:
    """Events of a class as somebody reads them."""
    events = org.events[name]
    what = pl.concat_str([pl.col(path).cast(pl.String).fill_null("-") for path in SHOWN[name][1:]], separator=", ")
    return events.table[which].select(
        pl.lit(name).alias("class"),
        pl.Series("entity", events.entity[which]),
        pl.from_epoch("time", "ms").dt.hour().alias("hour"),
        what.str.replace(r"\.corp\.\S+", "").alias("what"),  # a machine by its first name
    )
