"""How often is a sight as odd as this? Scores of every detector become rates, and rates can be compared.

An alert is about an entity and a day, so what is counted is the oddest sight of each. Days that are over are the null:
each was scored by days before it alone. They have no labels, and attacks and their twins are among them. So the tail is
an exponential, fitted to what came less often than `BODY` times per day, and what came less often than `CENSORED` only
counts as above (a sample censored on the right); a detector that found an attack last week is not the duller for it.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BODY, CENSORED = 5.0, 0.5  # entities per day
PAST = 14  # days of the null
LEAST = 7  # of them, before anything can be said
RAREST = 1e-9  # entities per day: no past tells what is rarer apart
TOP = 100  # entities of each day that are kept: more alerts than that nobody asks for


def highest(sights: pl.DataFrame) -> pl.DataFrame:
    """The highest `score` of each entity of a day, the `TOP` of them."""
    return sights.group_by("kind", "entity").agg(pl.col("score").max()).select("score").top_k(TOP, by="score")


def rates(score: Floats, null: Floats, days: int) -> Floats:
    """How many entities per day reach each score.

    Args:
        score: (n,).
        null: the highest scores of entities on `days` days, `TOP` of each, in any order.
        days: how many there were; on some there may have been none.

    Raises:
        ValueError: for less than `LEAST` days, or scores that are not finite.
    """
    if days < LEAST:
        raise ValueError(f"days of the null must be at least {LEAST}, got {days}")
    if not (np.isfinite(score).all() and np.isfinite(null).all()):
        raise ValueError("scores must be finite")
    null = np.sort(null)
    n, often, seldom = len(null), round(BODY * days), round(CENSORED * days)
    reached = np.maximum(n - np.searchsorted(null, score, side="left"), 0.5)  # of the null, at least half a one
    body = null[max(n - often, 0)] if n else np.inf
    tail = null[null > body]
    if len(tail) <= seldom:  # too few to tell how they thin out
        return np.asarray(reached / days)
    top = tail[-seldom]
    inside = tail[tail <= top]
    # The exponential distribution's maximum of likelihood with censoring: what is at risk by number of events.
    at_risk = (inside - body).sum() + (len(tail) - len(inside)) * (top - body)
    scale = max(at_risk / max(len(inside), 1), 1e-3)
    above = len(tail) / days * np.exp(-(score - body) / scale)
    return np.asarray(np.where(score > body, np.maximum(above, RAREST), reached / days))
