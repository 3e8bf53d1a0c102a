"""Sup: gradient boosting with the labels of other organizations, on windows, sequences and entities. No fair rival.

Nobody has such labels. What Sup finds says that the records hold what it takes to find an attack of that type at all.
Each view of the organization has a classifier of its own, which learns to tell the attacks that show there; the
logarithm of its odds is the score, so that the views compete for the same alerts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from residual.simulate.calendar import DAY, START
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.outcome import hits
from residual_book.evaluation.watched import Truth, with_machines
from residual_book.rivals import network, views
from residual_book.rivals.views import Events

# Each view, and the types of attack that are looked for in it.
VIEWS: dict[str, tuple[Callable[[Events], pl.DataFrame], tuple[str, ...]]] = {
    "accounts": (views.accounts, ("brute_force", "valid_account")),
    "sources": (views.sources, ("spraying",)),
    "callers": (views.callers, ("persistence",)),
    "connections": (network.connections, ("beacon", "exfiltration", "mining")),
    "lookers": (network.lookers, ("scan",)),
    "names": (network.names, ("dns_tunnel",)),
    "applications": (views.applications, ("cascade",)),
    "combinations": (views.combinations, ("impossible",)),
}
COLUMNS = views.COLUMNS  # what the events must have, by class, besides time and entities
SETTLED = 5  # days after which rows are learned from: before, everything is new
JUDGED = 7  # the first day of which rows are scored
NEGATIVES = 15_000  # rows of each view and organization that are learned as no attack, at random
MOST = 300  # rows of each view and day that could be alerts
_NAMED = list(SCORED)[:-1]
Views = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Lesson:
    """Rows of a view to learn from: their features, whether each is an attack, and how many rows it stands for."""

    rows: pl.DataFrame
    attack: NDArray[np.bool_]
    weight: NDArray[np.float64]


@dataclass(frozen=True)
class Learned:
    """A classifier and the names of its features."""

    model: HistGradientBoostingClassifier
    features: list[str]


def look(events: dict[str, pl.DataFrame]) -> Views:
    """All views of an organization: events by class as `Watched.events`, with `COLUMNS`."""
    events = with_machines(events)
    return {name: view(events) for name, (view, _) in VIEWS.items()}


def lessons(seen: Views, truth: Truth, seed: int = 0) -> dict[str, Lesson]:
    """What an organization with labels teaches: of each view all rows of attacks, and some of the others."""
    rng, taught = np.random.default_rng(seed), {}
    for name, rows in seen.items():
        rows = rows.filter(pl.col("end") > START + SETTLED * DAY)
        attack = attacks(rows, truth, VIEWS[name][1])
        others = np.flatnonzero(~attack)
        some = rng.permutation(others)[:NEGATIVES]
        index = np.concatenate([np.flatnonzero(attack), some])
        weight = np.where(attack[index], 1.0, len(others) / max(len(some), 1))
        taught[name] = Lesson(rows[index].drop(_NAMED), attack[index], weight)
    return taught


def attacks(rows: pl.DataFrame, truth: Truth, types: Sequence[str]) -> NDArray[np.bool_]:
    """Which windows would find an attack of these types, were they alerts."""
    wanted = truth.episodes.filter(~pl.col("twin") & pl.col("type").is_in(types))
    touches = truth.touches.join(wanted, on="episode", how="semi")
    found = np.zeros(rows.height, bool)
    found[hits(rows.select(_NAMED), Truth(wanted, touches))["alert"].to_numpy()] = True
    return found


def learn(others: Sequence[Mapping[str, Lesson]], seed: int = 0) -> dict[str, Learned]:
    """A classifier for each view, from the lessons of other organizations."""
    learned = {}
    for name in VIEWS:
        parts = [lesson[name] for lesson in others]
        table = pl.concat([part.rows for part in parts], how="diagonal")
        model = HistGradientBoostingClassifier(
            learning_rate=0.1, max_iter=80, max_leaf_nodes=8, l2_regularization=1.0, max_features=0.3,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
        attack, weight = (np.concatenate([getattr(part, of) for part in parts]) for of in ("attack", "weight"))
        learned[name] = Learned(model.fit(_numbers(table), attack, weight), table.columns)
    return learned


def score(learned: Mapping[str, Learned], seen: Views) -> pl.DataFrame:
    """A scored table of an organization: from `JUDGED` on, the `MOST` highest rows of each view and day."""
    tables = []
    for name, known in learned.items():
        rows = seen[name].filter(pl.col("end") > START + JUDGED * DAY)
        lacking = {c: pl.lit(0.0) for c in known.features if c not in rows.columns}  # an operation that nobody calls
        odds = known.model.decision_function(_numbers(rows.with_columns(**lacking).select(known.features)))
        table = rows.select(_NAMED).with_columns(score=pl.Series(odds, dtype=pl.Float64))
        rank = pl.col("score").rank("ordinal", descending=True).over((pl.col("end") - 1 - START) // DAY)
        tables.append(table.filter(rank <= MOST))
    return pl.concat(tables).cast(pl.Schema(SCORED)).sort("end", "kind", "value", "other_value", "score")


def _numbers(features: pl.DataFrame) -> NDArray[np.float32]:
    return features.cast(pl.Float32).fill_null(float("nan")).to_numpy()
