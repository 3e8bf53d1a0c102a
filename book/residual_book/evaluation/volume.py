"""Rivals B and V: how far the volume of a window is from what its entity usually has. Told in `book/part3/bar.md`."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.simulate.calendar import HOUR, START
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.watched import FIRST_WEEK, SECOND_WEEK, TEST
from residual_book.evaluation.windows import LEARNING, Feature, windows

PRIOR = 96.0  # windows of the population that an entity's own past is mixed with
Expected = Callable[[pl.DataFrame, pl.DataFrame, list[str]], NDArray[np.float64]]
FLOOR = -2.0  # a score that a hundred entities per day have can be no alert
# Chosen on organizations 0 and 1, one after the other, as long as recall rose: B's among the features of one entity in
# one hour, V's among all, of which there were 110.
B = (
    Feature("authentication", "address", "failed", 1),
    Feature("authentication", "address", "user", 1),
    Feature("network_activity", "machine", "failed", 1),
    Feature("dns_activity", "machine", "events", 1),
    Feature("api_activity", "address", "api.operation", 1),
    Feature("process_activity", "user", "events", 1),
    Feature("application_error", "application", "errors", 1),
)
V = (
    Feature("authentication", "address", "events", 4),
    Feature("authentication", "user", "machine", 1),
    Feature("network_activity", "machine", "dst_endpoint.port", 1),
    Feature("network_activity", "machine", "failed", 4, "destination"),
    Feature("network_activity", "machine", "events", 4, "destination"),
    Feature("network_activity", "machine", "events", 12, "destination"),
    Feature("dns_activity", "machine", "events", 4),
    Feature("dns_activity", "machine", "events", 4, "domain"),
    Feature("api_activity", "address", "user", 4),
)


def volume(events: dict[str, pl.DataFrame], features: Sequence[Feature]) -> pl.DataFrame:
    """Rivals B and V: scored windows. The highest of an entity's calibrated deviations speaks for it."""
    return pl.concat(scored(deviations(windows(events, feature), feature), feature) for feature in features)


def scored(table: pl.DataFrame, feature: Feature) -> pl.DataFrame:
    """Windows with `hour` and `score` as a rival hands them in, calibrated."""
    end = START + (pl.col("hour") + 1) * HOUR
    named = table.select(
        begin=end - feature.hours * HOUR,
        end=end,
        kind=pl.lit(feature.entity),
        value=feature.entity,
        other_kind=pl.lit(feature.other or None),
        other_value=feature.other or pl.lit(None),
        score="score",
    )
    return calibrated(named.cast(pl.Schema(SCORED))).filter(pl.col("score") > FLOOR)


def deviations(table: pl.DataFrame, feature: Feature, *, expected: Expected | None = None) -> pl.DataFrame:
    """Windows from day 7 on, with the `score` how many standard deviations the value is above the mean.

    Days 0 to 6 speak about days 7 to 13, days 0 to 13 about the test days. The mean is what is usual, or what is
    `expected` where that is given: a function of the past, of the windows to be judged, and of the entities' names.
    """
    names, parts = feature.entities, []
    for past, now in periods(table, feature.entity):
        judged = beside_usual(now, past, names)
        if expected is not None:
            judged = judged.with_columns(mean=pl.Series(expected(beside_usual(past, past, names), judged, names)))
        deviation = (pl.col("value") - pl.col("mean")) / (pl.col("variance") + 1e-9).sqrt()
        parts.append(judged.select(*names, "hour", score=deviation))
    return pl.concat(parts)


def beside_usual(now: pl.DataFrame, past: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Windows with the `mean` and `variance` that are usual for their entities.

    They are the entities' own in the past, mixed with those of everybody: the
    less there is of the past, the more. An entity without one is like everybody.
    """
    value, n = pl.col("value"), pl.col("n")
    own = past.group_by(names).agg(n=pl.len(), mean=value.mean(), variance=value.var(ddof=0))
    mean = float(past["value"].to_numpy().mean())
    variance = float((own["variance"] * own["n"]).to_numpy().sum() / past.height)
    known = now.join(own, on=names, how="left", maintain_order="left").fill_null(0)
    return known.with_columns(
        mean=(n * pl.col("mean") + PRIOR * mean) / (n + PRIOR),
        variance=(n * pl.col("variance") + PRIOR * variance) / (n + PRIOR),
    )


def periods(table: pl.DataFrame, entity: str) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The windows to learn from, and those to score, without the first three days of each entity."""
    settled = table.filter(pl.col("hour") >= pl.col("hour").min().over(entity) + LEARNING)
    day = pl.col("hour") // 24
    yield table.filter(day.is_in(FIRST_WEEK)), settled.filter(day.is_in(SECOND_WEEK))
    yield table.filter(day < TEST.start), settled.filter(day.is_in(TEST))
