"""What alerts are worth, told by labels: episodes found, alerts that are true, hours until somebody knew.

Labels are those of `residual simulate`, or of your own in the same form: one row per event of an episode, with
`metadata.uid`, `time`, `episode`, `type` and `twin` (a twin is harmless, and looks like the attack it is the twin of).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.detect.alert import Alert
from residual.detect.stream import DAY, HOUR

DRAWS, CONFIDENCE = 4000, 0.95
LABELS = {"metadata.uid": pl.String, "time": pl.Int64, "episode": pl.String, "type": pl.String, "twin": pl.Boolean}
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """What some alerts found.

    Attributes:
        episodes: one row for each attack or fault with an event on a day with alerts: `episode`, `type`, whether it was
            `found`, and `hours` from its first event until an alert told of one of its events.
        alerts: how many there were.
        true: those among them that found an episode.
        twins: those that found only a harmless twin.
    """

    episodes: pl.DataFrame
    alerts: int
    true: int
    twins: int

    @property
    def recall(self) -> float:
        """Share of episodes found."""
        return float(np.mean(self.episodes["found"].to_numpy())) if self.episodes.height else float("nan")

    @property
    def precision(self) -> float:
        """Share of alerts that found an episode."""
        return self.true / self.alerts if self.alerts else float("nan")

    @property
    def hours(self) -> float:
        """Median hours from the first event of an episode that was found until it was raised."""
        hours = self.episodes["hours"].drop_nulls().to_numpy()
        return float(np.median(hours)) if len(hours) else float("nan")


def evaluate(alerts: Sequence[Alert], labels: pl.DataFrame, days: Sequence[int]) -> Evaluation:
    """Compare alerts with labels. An alert finds an episode if one of the episode's events is among its own.

    Args:
        alerts: of some days.
        labels: as `LABELS`; other columns do not matter.
        days: all days that were scored, in days since 1970, also those without alerts.

    Raises:
        ValueError: for labels that lack a column or have one of another type.
    """
    for name, kind in LABELS.items():
        if labels.schema.get(name) != kind:
            raise ValueError(f"labels: column {name!r} has type {labels.schema.get(name)}, expected {kind}")
    events = pl.DataFrame(
        [(number, uid, alert.raised) for number, alert in enumerate(alerts) for uid in alert.events],
        schema={"alert": pl.Int64, "metadata.uid": pl.String, "raised": pl.Int64}, orient="row",
    )  # fmt: skip
    hits = events.join(labels.select(list(LABELS)), on="metadata.uid")
    true = set(hits.filter(~pl.col("twin"))["alert"].to_list())
    twins = set(hits.filter("twin")["alert"].to_list()) - true
    first = labels.filter(~pl.col("twin")).group_by("episode", "type").agg(
        first=pl.col("time").min(), there=(pl.col("time") // DAY).is_in(list(days)).any()
    )  # fmt: skip
    # What came after an alert was raised is on it by the end of the day.
    midnight = ((pl.col("raised") - 1) // DAY + 1) * DAY
    known_at = pl.when(pl.col("time") < pl.col("raised")).then("raised").otherwise(midnight)
    raised = hits.group_by("episode").agg(raised=known_at.min())
    known = first.filter("there").join(raised, on="episode", how="left").sort("episode")
    episodes = known.select(
        "episode", "type", found=pl.col("raised").is_not_null(), hours=(pl.col("raised") - pl.col("first")) / HOUR
    )
    return Evaluation(episodes, len(alerts), len(true), len(twins))


def bootstrap(values: Sequence[Mapping[str, Ints]]) -> tuple[float, float, float]:
    """Mean of values -1, 0 and 1 over the episodes of all organizations, with the ends of its 95 % interval.

    Organizations are drawn again with replacement, then episodes within each type of each of them. With few
    organizations, and where nearly all episodes are found or missed, such an interval is somewhat too short. For two
    rivals give the differences of what they found of the same episodes.

    Args:
        values: for each organization, by type, one value per episode.
    """
    kinds = sorted({kind for of in values for kind in of})
    none = np.zeros(0, dtype=np.int64)
    counts = np.array([[[np.sum(of.get(kind, none) == v) for v in (-1, 0, 1)] for kind in kinds] for of in values])
    n = counts.sum(axis=-1)
    shares = counts / np.maximum(n, 1)[..., None]
    shares[n == 0] = [0, 1, 0]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(values), size=(DRAWS, len(values)))
    again = rng.multinomial(n[drawn], shares[drawn]).sum(axis=(1, 2))
    means = (again[:, 2] - again[:, 0]) / np.maximum(again.sum(axis=1), 1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    total = counts.sum(axis=(0, 1))
    return float((total[2] - total[0]) / total.sum()), float(low), float(high)
