"""Guard 1: no single column, by value, frequency or absence, gives a type of attack away.

A column is compared within the class of its events, for the class itself says only what kind of record one looks at.
Told in `book/part3/simulator.md`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from residual.simulate.episodes import TYPES
from residual_book.organizations import Array, Mask, Tables, raw_columns

# Of the events of each episode, by type of attack, class of events, column and score ("value", "frequency" or "null").
Means = dict[tuple[str, str, str, str], list[float]]
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


def scores(column: pl.Series) -> dict[str, NDArray[np.int64]]:
    """Ranks of each value: by value (nulls lowest; a list by its length), by how often it occurs, by being null."""
    if isinstance(column.dtype, pl.List):
        column = column.list.len()
    value = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    ranks: dict[str, NDArray[np.int64]] = {"value": value, "frequency": np.bincount(value)[value]}
    if 0 < column.null_count() < len(column):
        ranks["null"] = (value > 0).astype(np.int64)
    return ranks


def placements(ranks: NDArray[np.int64], benign: Mask) -> Array:
    """For each event, the share of benign events that its rank exceeds, ties counted half."""
    counts = np.bincount(ranks[benign], minlength=int(ranks.max()) + 1)
    below = np.cumsum(counts) - counts
    return ((below + counts / 2) / max(int(benign.sum()), 1))[ranks]


def episode_means(tables: Tables) -> Means:
    """The mean placement of each attack's events in one organization, by every score of every column."""
    means: Means = defaultdict(list)
    for name, table in tables.items():
        attack = table["label.attack"].to_numpy()
        episodes, types = (table[f"label.{label}"].to_numpy()[attack] for label in ("episode", "type"))
        _, first, episode = np.unique(episodes, return_index=True, return_inverse=True)
        for column in raw_columns(table) if attack.any() else ():
            for score, ranks in scores(table[column]).items():
                placed = np.bincount(episode, placements(ranks, ~attack)[attack]) / np.bincount(episode)
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
        half = float(stats.t.ppf(0.995, n - 1) * stats.sem(values)) if n > 1 else np.inf
        low, high = 0.5 + max(0.0, distance - half), min(1.0, 0.5 + distance + half)
        audits.append(ColumnAudit(*key, auc=0.5 + distance, low=low, high=high, episodes=n))
    return sorted(audits, key=lambda audit: -audit.low)


def audit(organizations: Iterable[Tables]) -> list[ColumnAudit]:
    """Audit every column of every table, with the episodes of all organizations together; the worst come first."""
    return pooled(map(episode_means, organizations))


def worst_by_type(audits: Iterable[ColumnAudit]) -> dict[str, ColumnAudit]:
    """The column that may give each type away most: the one whose interval reaches highest; of equals, the first."""
    worst: dict[str, ColumnAudit] = {}
    for audit in sorted(audits, key=lambda audit: -audit.high):
        worst.setdefault(audit.type, audit)
    return worst
