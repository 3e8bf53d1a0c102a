"""Guard 1: no single column, by value, frequency or absence, gives a type of attack away. Told in
`book/part3/simulator.md`.

A column is compared within the class of its events, for the class itself says only what kind of record one looks at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from residual.experiments.guard_data import Tables, raw_columns

Score = Literal["value", "frequency", "null"]
LIMIT = 0.75


@dataclass(frozen=True)
class ColumnAudit:
    """How well one score of one column separates a type's events from all benign events of the class.

    Attributes:
        auc: of the better direction, so from 0.5 to 1. It is the mean over episodes of the share of benign events that
            the episode's events exceed, so that long episodes do not outvote short ones.
        low: end of the interval (99 %, Student's t over episodes) that is nearer to 0.5; 0.5 if the interval holds it.
        episodes: how many, over all seeds.
    """

    type: str
    table: str
    column: str
    score: Score
    auc: float
    low: float
    episodes: int

    @property
    def passes(self) -> bool:
        """Whether the data leave it possible that the AUC is at most 0.75: few episodes make a noisy AUC."""
        return self.low <= LIMIT


def scores(column: pl.Series) -> dict[Score, NDArray[np.int64]]:
    """Ranks of each value: by value (nulls lowest; a list by its length), by how often it occurs, by being null."""
    if isinstance(column.dtype, pl.List):
        column = column.list.len()
    value = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    counts = np.bincount(value)
    found: dict[Score, NDArray[np.int64]] = {"value": value, "frequency": counts[value]}
    if 0 < column.null_count() < len(column):
        found["null"] = (value > 0).astype(np.int64)
    return found


def placements(score: NDArray[np.int64], benign: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each event, the share of benign events that its score exceeds, ties counted half."""
    counts = np.bincount(score[benign], minlength=int(score.max()) + 1)
    below = np.cumsum(counts) - counts
    return ((below + counts / 2) / max(int(benign.sum()), 1))[score]


def audit(seeds: Iterable[Tables]) -> list[ColumnAudit]:
    """Audit every column of every table, with the episodes of all seeds together; the worst come first."""
    means: dict[tuple[str, str, str, Score], list[float]] = {}
    for tables in seeds:
        for name, table in tables.items():
            attack = table["label.attack"].to_numpy()
            if attack.any():
                _episode_means(name, table, attack, means)
    audits = [_audited(key, values) for key, values in means.items()]
    return sorted(audits, key=lambda one: -one.low)


def _episode_means(
    name: str, table: pl.DataFrame, attack: NDArray[np.bool_], means: dict[tuple[str, str, str, Score], list[float]]
) -> None:
    types = table["label.type"].to_numpy()[attack]
    _, first, episode = np.unique(table["label.episode"].to_numpy()[attack], return_index=True, return_inverse=True)
    size = np.bincount(episode)
    for column in raw_columns(table):
        for kind, score in scores(table[column]).items():
            mean = np.bincount(episode, placements(score, ~attack)[attack]) / size
            for one, value in zip(types[first], mean, strict=True):
                means.setdefault((one, name, column, kind), []).append(float(value))


def _audited(key: tuple[str, str, str, Score], values: list[float]) -> ColumnAudit:
    array = np.array(values)
    mean, n = float(array.mean()), len(array)
    error = float(array.std(ddof=1)) / n**0.5 if n > 1 else np.inf
    half = float(stats.t.ppf(0.995, max(n - 1, 1))) * error
    distance = abs(mean - 0.5)
    return ColumnAudit(*key, auc=0.5 + distance, low=0.5 + max(0.0, distance - half), episodes=n)


def worst_by_type(audits: Iterable[ColumnAudit]) -> Mapping[str, ColumnAudit]:
    """The column that gives each type away most, by the lower end of its interval."""
    worst: dict[str, ColumnAudit] = {}
    for one in audits:
        if one.type not in worst or one.low > worst[one.type].low:
            worst[one.type] = one
    return worst
