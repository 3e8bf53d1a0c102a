"""Scores of different detectors made comparable: how many entities per day are expected to reach a score.

An alert is about an entity and a day, so what is compared with is the highest window of each entity and day of the
second week. That week has no labels, and attacks and their twins are in it. The tail is an exponential, fitted from the
90th to the 97.5th percentile; what lies above only counts as above (a sample censored on the right).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual_book.evaluation.watched import SECOND_WEEK, day_of

Floats = NDArray[np.float64]
BODY, CENSORED = 0.9, 0.975
ENTITY = ("kind", "value")


def calibrated(scored: pl.DataFrame) -> pl.DataFrame:
    """Put in place of each `score` minus log10 of the number of entities per day that normally reach it.

    Args:
        scored: windows of one detector from the second week on, as `alerts.SCORED`, with scores of any scale.
    """
    week = scored.select(day_of(pl.col("end") - 1).alias("day"), *ENTITY, "score").filter(
        pl.col("day").is_in(SECOND_WEEK)
    )
    null = np.sort(week.group_by("day", *ENTITY).agg(pl.col("score").max())["score"].to_numpy())
    per_day = len(null) / len(SECOND_WEEK)
    score = log_rate(scored["score"].to_numpy(), null) - np.log10(per_day)
    return scored.with_columns(score=pl.Series(score))


def log_rate(score: Floats, null: Floats) -> Floats:
    """Minus log10 of the share of `null`, which is sorted, that is at least as high as each score."""
    n = len(null)
    body, top = np.quantile(null, [BODY, CENSORED])
    tail = null[null > body]
    inside = tail[tail <= top]
    # The exponential distribution's maximum of likelihood with censoring: time at risk by number of events.
    at_risk = (inside - body).sum() + (len(tail) - len(inside)) * (top - body)
    scale = max(at_risk / max(len(inside), 1), 1e-6)
    share = 1 - np.searchsorted(null, score, side="left") / n
    above = np.log10(max(len(tail), 1) / n) - (score - body) / scale / np.log(10)
    return -np.where(score > body, above, np.log10(np.maximum(share, 1 / n)))
