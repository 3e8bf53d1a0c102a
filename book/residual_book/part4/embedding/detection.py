"""The uses that end in alerts: odd events, odd hours, a classifier that was told episodes; and how alarms drift."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from residual.simulate import TYPES
from residual.simulate.calendar import DAY, HOUR, START
from residual.tabular.quality import nearest
from residual_book.evaluation.alerts import SCORED, ranked
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.outcome import hits
from residual_book.evaluation.watched import BUDGET, FIRST_WEEK, SECOND_WEEK, TEST, Truth, day_of
from residual_book.part4.embedding.events import NAMED, Events, Organization, sample
from residual_book.part4.embedding.protocol import Score
from residual_book.part4.embedding.representations import Points, Represent

NEIGHBOR, REFERENCES = 5, 1000
CHUNK = 8192
LABELS, MAIN = (10, 30, 100), 30  # episodes and twins that are told; the number that the verdict is about
NORMAL = 5000  # hours that pass for normal, beside those of the episodes
LEARNING = 3 * DAY  # nothing is said about an entity that is new
LAST_WEEK = range(TEST.stop - 7, TEST.stop)
RARE = 1000  # events of which one exceeds the alarm whose drift is measured
PASTS = {FIRST_WEEK: SECOND_WEEK, range(TEST.start): TEST}  # the days looked at, and those that are scored by them
KINDS = ("point", "contextual", "collective")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hours:
    """The hours of the entities of one class.

    Attributes:
        name: of the class.
        table: `value` of the entity and `time`, the middle of the hour.
        points: sums over the events, signed logarithms, float16 (hours, d).
        day: of each, from 0.
    """

    name: str
    table: pl.DataFrame
    points: NDArray[np.float16]
    day: NDArray[np.int64]


@dataclass(frozen=True)
class Detected:
    """What one representation says: scored hours, `alerts.SCORED`, by their oddest event and by their sum.

    Attributes:
        single, sum: the scored hours.
        hours: of each class.
        drift: of the alarms, mean of its absolute values over classes.
    """

    single: pl.DataFrame
    sum: pl.DataFrame
    hours: tuple[Hours, ...]
    drift: float


def detect(org: Organization, represent: Represent, *, seed: int = 0) -> Detected:
    """Go once through all events; `seed` says which earlier ones they are compared with."""
    single, sums, all_hours, drifts = [], [], [], []
    for number, (name, events) in enumerate(org.events.items()):
        rng = np.random.default_rng([seed, number])
        distance, hours = _of_class(name, events, represent, rng)
        times = events.table.select("time", value=pl.Series(events.entity), score=distance)
        single.append(calibrated(windows(name, times)))
        sums.append(calibrated(windows(name, hours.table.with_columns(score=odd_hours(hours, rng)))))
        all_hours.append(hours)
        drifts.append(drift(distance, events.day))
    return Detected(pl.concat(single), pl.concat(sums), tuple(all_hours), float(np.mean(np.abs(drifts))))


def _of_class(name: str, events: Events, represent: Represent, rng: np.random.Generator) -> tuple[Floats, Hours]:
    """The distance of each event to earlier ones, NaN in the first week; and the hours."""
    table, inverse = _hours(events)
    known = {past: _known(events, past, represent, rng) for past in PASTS}
    distance = np.full(len(events.day), np.nan)
    sums = torch.zeros(table.height, next(iter(known.values())).shape[1])
    for at in range(0, len(events.day), CHUNK):
        rows = slice(at, at + CHUNK)
        points = represent(*events.rows(rows))
        sums.index_add_(0, inverse[rows], torch.from_numpy(points))
        for past, days in PASTS.items():
            new = np.flatnonzero(np.isin(events.day[rows], days))
            if len(new) and len(known[past]):
                distance[at + new] = _fifth(points[new], known[past])
    logarithms = (sums.sign() * sums.abs().log1p()).half().numpy()
    return distance, Hours(name, table, logarithms, ((table["time"] - START) // DAY).to_numpy().astype(np.int64))


def _known(events: Events, past: range, represent: Represent, rng: np.random.Generator) -> Points:
    """Some earlier events, as points."""
    return represent(*events.rows(sample(events.day, past, REFERENCES, rng)))


def _fifth(points: Points, known: Points) -> Floats:
    k = min(NEIGHBOR, len(known))
    return nearest(points, known, k).distances[:, -1].astype(np.float64)


def _hours(events: Events) -> tuple[pl.DataFrame, Tensor]:
    """Each entity's hours, and which of them an event is in: int64 (n,)."""
    both = pl.DataFrame({"value": events.entity, "hour": (events.table["time"] - START) // HOUR})
    hours = both.unique().sort("hour", "value").with_row_index("number")
    inverse = both.join(hours, on=["value", "hour"], how="left", maintain_order="left")["number"]
    middle = hours.select("value", time=START + pl.col("hour") * HOUR + HOUR // 2)
    return middle, torch.from_numpy(inverse.to_numpy().astype(np.int64))


def odd_hours(hours: Hours, rng: np.random.Generator) -> Floats:
    """Distance of each hour's sum to those of earlier hours; NaN in the first week."""
    odd = np.full(len(hours.day), np.nan)
    for past, days in PASTS.items():
        known, new = sample(hours.day, past, REFERENCES, rng), np.isin(hours.day, days)
        if len(known) and new.any():
            odd[new] = _fifth(hours.points[new].astype(np.float32), hours.points[known].astype(np.float32))
    return odd


def windows(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Events of a class with `time`, `value` of their entity and `score` as scored hours, from the second week on."""
    table = table.with_columns(known=pl.col("time") - pl.col("time").min().over("value") >= LEARNING)
    table = table.filter(
        pl.col("known") & pl.col("score").is_not_nan() & (pl.col("value") != "") & (day_of(pl.col("time")) >= 7)
    )
    end = START + ((pl.col("time") - START) // HOUR + 1) * HOUR
    hours = table.group_by("value", end=end).agg(pl.col("score").max())
    none = pl.lit(None, pl.String)
    hours = hours.with_columns(begin=pl.col("end") - HOUR, kind=pl.lit(NAMED[name]), other_kind=none, other_value=none)
    return hours.select(SCORED.keys()).cast(pl.Schema(SCORED)).sort("end", "value")


def drift(distance: Floats, day: NDArray[np.int64]) -> float:
    """log10 of how many times as often the last week exceeds what one in `RARE` events of the second week do."""
    before, after = (distance[np.isin(day, days)] for days in (SECOND_WEEK, LAST_WEEK))
    alarm = np.nanquantile(before, 1 - 1 / RARE)
    # Half an event more on both sides, so that none is no infinity.
    rates = [((part > alarm).sum() + 0.5) / (len(part) + 0.5 * RARE) for part in (before, after)]
    return float(np.log10(rates[1] / rates[0]))


def found(scored: pl.DataFrame, truth: Truth, kind: str | None = None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Types of the episodes of a kind in the test days, all for None, and which the alerts of a budget find."""
    last = truth.touches.group_by("episode").agg(end=day_of(pl.col("time")).max())
    episodes = truth.episodes.filter(~pl.col("twin")).join(last, on="episode").filter(pl.col("end") >= TEST.start)
    own = [name for name, of in TYPES.items() if kind in (None, of.kind)]
    episodes = episodes.filter(pl.col("type").is_in(own)).sort("episode")
    hit = set(hits(ranked(scored, BUDGET), truth)["episode"])
    return tuple(episodes["type"]), tuple(int(name in hit) for name in episodes["episode"])


def recalled(org: Organization, use: str, arm: str, scored: pl.DataFrame, kind: str | None = None) -> Score:
    """The score of a use that is measured by recall, of a kind of episodes or all."""
    types, hit = found(scored, org.watched.truth, kind)
    return Score(org.seed, use, arm, float(np.mean(hit)) if hit else 0.0, types, hit)


def lesson(org: Organization, count: int, rng: np.random.Generator) -> dict[str, bool]:
    """Which episodes of the first two weeks a classifier is told, and whether each is an attack or fault, not a twin.

    Half of them are, as far as there are so many.
    """
    early = org.watched.truth.episodes.filter(day_of(pl.col("last")) < TEST.start).sort("episode")
    sides = {
        twin: rng.permutation(early.filter(pl.col("twin") == twin)["episode"].to_numpy()) for twin in (False, True)
    }
    return {str(name): not twin for twin, names in sides.items() for name in names[: count // 2]}


def told(org: Organization, detected: Detected, episodes: dict[str, bool], *, trees: bool = False) -> pl.DataFrame:
    """Scored hours by a classifier that was told some episodes: logistic regression, or boosted trees."""
    points, attack = [], []
    total = sum((hours.day < TEST.start).sum() for hours in detected.hours)
    rng = np.random.default_rng(len(episodes))
    for hours in detected.hours:
        known = _episodes(org, hours, episodes)
        past = np.flatnonzero(hours.day < TEST.start)
        others = rng.permutation(past[known[past] < 0])[: round(NORMAL * len(past) / total)]
        which = np.concatenate([np.flatnonzero(known >= 0), others])
        points.append(hours.points[which].astype(np.float32))
        attack.append(known[which] > 0)
    if trees:
        model = HistGradientBoostingClassifier(max_iter=50, class_weight="balanced", random_state=0)
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=300))
    model.fit(np.concatenate(points), np.concatenate(attack))
    tables = []
    for hours in detected.hours:
        later = np.flatnonzero(hours.day >= TEST.start)
        score = np.full(len(hours.day), np.nan)
        score[later] = model.decision_function(hours.points[later].astype(np.float32))
        tables.append(windows(hours.name, hours.table.with_columns(score=score)))
    return pl.concat(tables)


def _episodes(org: Organization, hours: Hours, episodes: dict[str, bool]) -> NDArray[np.int64]:
    """Of each hour, whether one of some episodes is in it: 1 for an attack or fault, 0 for a twin, -1 for none."""
    events = org.events[hours.name]
    own = pl.DataFrame({
        "value": events.entity,
        "hour": (events.table["time"] - START) // HOUR,
        "attack": [episodes.get(name) if name else None for name in events.episode.tolist()],
    })  # fmt: skip
    own = own.drop_nulls("attack").group_by("value", "hour").agg(pl.col("attack").cast(pl.Int64).max())
    table = hours.table.select("value", hour=(pl.col("time") - START) // HOUR)
    return table.join(own, on=["value", "hour"], how="left", maintain_order="left")["attack"].fill_null(-1).to_numpy()


def labels(count: int) -> str:
    """The use that learns from so many episodes."""
    return "labels" if count == MAIN else f"labels {count}"


def scores(org: Organization, arm: str, detected: Detected) -> Iterator[Score]:
    """What the alerts of one representation find, and how its alarms drift; beside "both", trees learn from labels."""
    for use in KINDS:
        yield recalled(org, use, arm, detected.sum if use == "collective" else detected.single, use)
    for count in LABELS:
        episodes = lesson(org, count, np.random.default_rng([count, org.seed]))
        for name, trees in ((arm, False), ("trees", True))[: 1 + (arm == "both" and count == MAIN)]:
            yield recalled(org, labels(count), name, told(org, detected, episodes, trees=trees))
    yield Score(org.seed, "drift", arm, -detected.drift)
