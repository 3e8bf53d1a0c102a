"""Guard 1: no single column, by value, frequency or absence, gives a type of attack away.

A column is compared within the class of its events, for the class itself says only what kind of record one looks at.
Told in `book/part3/simulator.md`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from residual.simulate.episodes import TYPES
from residual_book.organizations import Array, Mask, Tables, raw_columns

# Of the events of each episode, by type of attack, class of events, column and score ("value", "frequency" or "null").
Means = dict[tuple[str, str, str, str], list[float]]
Ints = NDArray[np.int64]
Ranks = dict[str, Ints]  # of the values of each column of a table, equal values alike
LIMIT = 0.8
HELD = tuple(name for name, kind in TYPES.items() if kind.kind in ("contextual", "collective"))  # to the limit


@dataclass(frozen=True)
class ColumnAudit:
    """How well one score of one column separates a type's events from all benign events of the class.

    Attributes:
        auc: of the better direction, so from 0.5 to 1. It is the mean over episodes of the share of benign events that
            the episode's events exceed, so that long episodes do not outvote short ones.
        low: end of the interval (99%, Student's t over episodes) that is nearer to 0.5; 0.5 if the interval holds it.
        high: the other end; few episodes make it high, so no column passes a limit for want of data.
        episodes: how many, over all seeds.
    """

    type: str
    table: str
    column: str
    score: str
    auc: float
    low: float
    high: float
    episodes: int


def ranks(table: pl.DataFrame) -> Ranks:
    """The rank of each value among those of its column: nulls lowest, as 0; a list by its length."""
    ranked = {}
    for name in raw_columns(table):
        column = table[name].list.len() if isinstance(table[name].dtype, pl.List) else table[name]
        ranked[name] = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    return ranked


def scores(value: Ints) -> Ranks:
    """Three scores of a column out of its `ranks`: by value, by how often a value occurs, by being null."""
    found = {"value": value, "frequency": np.bincount(value)[value]}
    if 0 < np.count_nonzero(value) < len(value):
        found["null"] = (value > 0).astype(np.int64)
    return found


def placements(rank: Ints, attack: Mask) -> Array:
    """For each event of an attack, the share of benign events that its rank exceeds, ties counted half."""
    counts = np.bincount(rank[~attack], minlength=int(rank.max()) + 1)
    below = np.cumsum(counts) - counts
    return ((below + counts / 2) / max(int(counts.sum()), 1))[rank[attack]]


def episode_means(tables: Tables, ranked: Mapping[str, Ranks]) -> Means:
    """The mean placement of each attack's events in one organization, by every score of every column that varies."""
    means: Means = defaultdict(list)
    for name, table in tables.items():
        attack = table["label.attack"].to_numpy()
        episodes, types = (table[f"label.{label}"].to_numpy()[attack] for label in ("episode", "type"))
        _, first, episode = np.unique(episodes, return_index=True, return_inverse=True)
        for column, value in ranked[name].items():
            if not attack.any() or value.min() == value.max():
                continue
            for score, found in scores(value).items():
                placed = np.bincount(episode, placements(found, attack)) / np.bincount(episode)
                for kind, mean in zip(types[first].tolist(), placed.tolist(), strict=True):
                    means[kind, name, column, score].append(mean)
    return means


def pooled(organizations: Iterable[Means]) -> list[ColumnAudit]:
    """Audits over the `episode_means` of several organizations together; the worst come first."""
    together: Means = defaultdict(list)
    for means in organizations:
        for key, values in means.items():
            together[key] += values
    audits = []
    for key, values in together.items():
        n, distance = len(values), abs(float(np.mean(values)) - 0.5)
        half = _quantile(n - 1) * float(np.std(values, ddof=1)) / n**0.5 if n > 1 else np.inf
        low, high = 0.5 + max(0.0, distance - half), min(1.0, 0.5 + distance + half)
        audits.append(ColumnAudit(*key, auc=0.5 + distance, low=low, high=high, episodes=n))
    return sorted(audits, key=lambda audit: -audit.low)


@cache
def _quantile(freedom: int) -> float:
    """Of Student's t, for an interval of 99%."""
    return float(stats.t.ppf(0.995, freedom))


def audit(organizations: Iterable[Tables]) -> list[ColumnAudit]:
    """Audit every column of every table, with the episodes of all organizations together; the worst come first."""
    return pooled(episode_means(made, {name: ranks(table) for name, table in made.items()}) for made in organizations)


def worst_by_type(audits: Iterable[ColumnAudit]) -> dict[str, ColumnAudit]:
    """The column that may give each type away most: the one whose interval reaches highest; of equals, the first."""
    worst: dict[str, ColumnAudit] = {}
    for audit in sorted(audits, key=lambda audit: -audit.high):
        worst.setdefault(audit.type, audit)
    return worst
