"""Guard 6: what detectors find that anyone could write in an afternoon, within one budget of alerts.

Their statistics come from the first days, and they are judged on the later ones. Told in `book/part3/simulator.md`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.simulation import NAMED
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.alerts import ranked as highest
from residual_book.evaluation.outcome import hits
from residual_book.evaluation.watched import BUDGET, TEST, Truth, entity
from residual_book.organizations import Mask, Tables, day_of
from residual_book.part3.simulator.columns import Ints, Ranks
from residual_book.part3.simulator.values import is_drawn

LEARNED = 4  # days; the first half of them scores the second, which says what is usual
LATER = (TEST.start - LEARNED) * DAY  # the evaluation's test begins so much later than ours
DETECTORS = ("count z-score", "rarity", "isolation forest", "chance")


@dataclass(frozen=True)
class Found:
    """What a detector's alerts find, `BUDGET` a day over all classes of events: shares of attacks, and of alerts."""

    recall: float
    precision: float


def afternoon(tables: Tables, ranked: Mapping[str, Ranks], *, seed: int) -> dict[str, Found]:
    """Three trivial detectors, and chance, in one organization."""
    windows: dict[str, list[pl.DataFrame]] = {name: [] for name in DETECTORS}
    for name in NAMED:
        day = day_of(tables[name])
        usual = _windows(tables, ranked[name], name, day < LEARNED // 2, (day >= LEARNED // 2) & (day < LEARNED), seed)
        tested = _windows(tables, ranked[name], name, day < LEARNED, day >= LEARNED, seed)
        for (kind, before), (_, now) in zip(usual, tested, strict=True):
            for detector in DETECTORS:
                middle, high = (before[detector].quantile(share) or 0.0 for share in (0.5, 0.99))
                score = (pl.col(detector) - middle) / max(high - middle, 1e-6)
                windows[detector].append(_rows(now.select("hour", "value", score=score), kind))
    truth = _truth(tables)
    attacks = truth.episodes.filter(~pl.col("twin")).height
    found = {}
    for detector, rows in windows.items():
        alerts = highest(pl.concat(rows), BUDGET)
        hit = hits(alerts, truth).filter(~pl.col("twin"))
        found[detector] = Found(hit["episode"].n_unique() / attacks, hit["alert"].n_unique() / alerts.height)
    return found


def _windows(
    tables: Tables, ranks: Ranks, name: str, past: Mask, judged: Mask, seed: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """For each kind of entity, its hours in the judged days, with the score of every detector."""
    table = tables[name]
    columns = [rank for column, rank in ranks.items() if not is_drawn(column) and rank.min() < rank.max()]
    rare = [_rarity(rank, past) for rank in columns]
    known, now = (
        np.column_stack([value[rank[rows]] for rank, value in zip(columns, rare, strict=True)])
        for rows in (past, judged)
    )
    forest = IsolationForest(n_estimators=30, max_samples=min(256, len(known)), random_state=seed).fit(known)
    scores = {
        "rarity": now.mean(axis=1).astype(np.float64),
        "isolation forest": -forest.score_samples(now),
        "chance": np.random.default_rng(seed).random(len(now)),
    }
    hours = 24 * len(np.unique(day_of(table)[past]))
    for kind, column in NAMED[name].items():
        events = table.select(hour=pl.col("time") // HOUR, value=entity(kind, column))
        each = events.filter(past).drop_nulls().group_by("value", "hour").len("n").group_by("value")
        usual = each.agg(mean=pl.col("n").sum() / hours, square=(pl.col("n").cast(pl.Float64) ** 2).sum() / hours)
        tested = events.filter(judged).with_columns(**{name: pl.Series(score) for name, score in scores.items()})
        tested = (
            tested.drop_nulls("value").group_by("hour", "value").agg(pl.len().alias("n"), pl.col(list(scores)).max())
        )
        spread = (pl.col("square") - pl.col("mean") ** 2).clip(0).sqrt()
        z_score = (pl.col("n") - pl.col("mean")) / (spread + 1)
        joined = tested.join(usual, on="value", how="left").with_columns(pl.col("mean", "square").fill_null(0))
        yield kind, joined.with_columns(z_score.alias("count z-score")).sort("hour", "value")


def _rarity(rank: Ints, past: Mask) -> NDArray[np.float32]:
    """Minus the logarithm of how often each value was there in the past; what is new counts as half an event."""
    return -np.log(np.maximum(np.bincount(rank[past], minlength=int(rank.max()) + 1), 0.5)).astype(np.float32)


def _rows(windows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """As the evaluation takes them."""
    begin, nothing = pl.col("hour") * HOUR + LATER, pl.lit(None, pl.String)
    entities = {"kind": pl.lit(kind), "value": pl.col("value"), "other_kind": nothing, "other_value": nothing}
    return windows.select(begin=begin, end=begin + HOUR, **entities, score="score").select(list(SCORED))


def _truth(tables: Tables) -> Truth:
    """What the labels say of the later days."""
    columns = {"episode": "label.episode", "twin": "label.twin", "event": "metadata.uid"}
    touches = []
    for name, table in tables.items():
        late = table.filter(pl.col("label.episode").is_not_null() & (pl.col("time") >= START + LEARNED * DAY))
        for kind, column in NAMED[name].items():
            touches.append(
                late.select(**columns, time=pl.col("time") + LATER, kind=pl.lit(kind), value=entity(kind, column))
            )
    every = pl.concat(touches).drop_nulls("value")
    return Truth(every.group_by("episode", "twin").agg(first=pl.col("time").min()), every.drop("twin"))
