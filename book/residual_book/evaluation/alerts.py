"""From scored windows to alerts within a budget. A window's alert is raised when it ends, so its end says its day."""

from collections.abc import Sequence

import polars as pl

from residual_book.evaluation.watched import TEST, day_of

# What a rival hands in: one row per window that could become an alert. `begin` (included) and `end` (not included) are
# in ms; the entity has a kind and a value, and so has the second one of a pair (null where there is none). `score` is
# comparable over all rows. The rows are those of days 7 to 34: the second week sets the first thresholds.
SCORED = {
    "begin": pl.Int64(),
    "end": pl.Int64(),
    "kind": pl.String(),
    "value": pl.String(),
    "other_kind": pl.String(),
    "other_value": pl.String(),
    "score": pl.Float64(),
}
PAST = 7  # days that set the threshold of the next
_ENTITY = ["day", "kind", "value"]


def checked(scored: pl.DataFrame) -> pl.DataFrame:
    """The table with the `day` of each window.

    Raises:
        ValueError: for columns other than `SCORED`, windows that end before they begin, or scores that are not finite.
    """
    if dict(scored.schema) != SCORED:
        raise ValueError(f"scored must have the columns {SCORED}, got {dict(scored.schema)}")
    if not scored["score"].is_finite().all() or scored["score"].has_nulls():
        raise ValueError("score must be finite in every row")
    if (scored["begin"] >= scored["end"]).any():
        raise ValueError("begin must be before end in every row")
    return scored.with_columns(day=day_of(pl.col("end") - 1))


def ranked(scored: pl.DataFrame, most: int) -> pl.DataFrame:
    """The `most` highest windows of each test day with their `rank` from 1, one per entity and day.

    A pair counts for its first entity. With a budget of k alerts, those of rank k and less are raised. This presumes
    that the day is over.
    """
    test = _once(checked(scored).filter(pl.col("day").is_in(TEST)))
    return test.with_columns(rank=pl.int_range(1, pl.len() + 1).over("day")).filter(pl.col("rank") <= most)


def in_time(scored: pl.DataFrame, budget: int, days: Sequence[int] = TEST) -> pl.DataFrame:
    """The alerts that are raised as the day goes, with a threshold from the past only, renewed each midnight.

    It is the score that was exceeded `budget` times a day on average in the seven days before, where an entity counts
    once per day. An entity's first window above it is its alert of that day. A day before which nothing was scored has
    no alerts.
    """
    scored = checked(scored)
    highest = _once(scored).select("day", "score")
    alerts = []
    for day in days:
        past = highest.filter(pl.col("day").is_between(day - PAST, day - 1))
        before, ordered = past["day"].n_unique(), past["score"].sort(descending=True)
        threshold = ordered[before * budget] if len(ordered) > before * budget else float("-inf")
        above = scored.filter((pl.col("day") == day) & (pl.col("score") > threshold) & (before > 0))
        alerts.append(above.sort("end", "score", descending=[False, True]).unique(_ENTITY, keep="first"))
    return pl.concat(alerts)


def _once(scored: pl.DataFrame) -> pl.DataFrame:
    """The highest window of each entity and day, from the highest of all on."""
    best = scored.sort("score", "end", "kind", "value", "other_value", descending=[True, *[False] * 4])
    return best.unique(_ENTITY, keep="first", maintain_order=True)
