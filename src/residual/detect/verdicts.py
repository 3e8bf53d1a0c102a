"""Learning from verdicts: an alert ranks higher or lower by how often what looked like it was right before.

Only answers to the same detector count, each by how alike its window was and by its age; where nothing is alike,
nothing changes. The change is at most a factor of ten in rate, so a window that is ten times rarer passes any verdict,
and every verdict wears off. The profiles of all candidates are kept, raised or not. So a change is a function of the
answers in force, and an answer that is taken back leaves nothing. Told in `book/part5/verdicts.md`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.detect.alert import Alike, Answer, Entity
from residual.detect.episodes import uid_of
from residual.detect.firsts import WATCHED
from residual.detect.stream import NUMBERS, VALUES

RARE = 10.0  # entities per day: what is as rare is a candidate
NEAR = 0.5  # the kernel's width, in mean spreads per column
UNMOVED = 0.5  # how many verdicts the share of true ones in all verdicts counts for
GAIN, MOST = 1.5, 1.0  # powers of ten
HALVED = 14  # days after which a verdict counts half
ALIKE, TOLD = 0.05, 10  # the least likeness that counts, and how many alerts are named
KEYS = ["detector", "kind", "entity", "other"]
Answers = Mapping[str, tuple[Answer, int]]
Floats = NDArray[np.float64]
_FIELDS = (*VALUES, "query")
_NEWS = tuple(dict.fromkeys(field for fields in WATCHED.values() for field in fields))
# Of the events in a window how many (as a logarithm, as are all amounts), over how many minutes, how uneven their gaps,
# what share did not succeed, sums and spreads; of each field how many different values, what share of events has one
# that is new for the entity, and whether any has.
COLUMNS = (
    "events", "minutes", "gaps", "failed", *NUMBERS, *(f"{name} spread" for name in NUMBERS),
    *(f"different {field}" for field in _FIELDS), *(f"new {field}" for field in _NEWS),
    *(f"any new {field}" for field in _NEWS),
)  # fmt: skip
PROFILES = {
    "day": pl.Int32, "uid": pl.String, **dict.fromkeys(KEYS, pl.String), "begin": pl.Int64,
    **dict.fromkeys(COLUMNS, pl.Float64),
}  # fmt: skip


class Moved(NamedTuple):
    """By how many powers of ten verdicts move a candidate (down if negative), and the alerts that it is like."""

    shift: float
    alike: tuple[Alike, ...]


def profiles(sights: pl.DataFrame, around: pl.DataFrame, seen: pl.DataFrame, day: int) -> pl.DataFrame:
    """The candidates of a day, the oddest window of each entity or pair and detector, as `PROFILES`.

    Args:
        sights: of the day, as `score.look` has them.
        around: events of the day and of the hours before.
        seen: what was seen of entities before the day, as `firsts.remember` has it.
        day: in days since 1970.
    """
    some = sights.filter(pl.col("rate") < RARE).sort("rate", "end", *KEYS)
    some = some.unique(KEYS, keep="first", maintain_order=True).with_row_index("candidate")
    uids = [uid_of(day, sight) for sight in some.iter_rows(named=True)]
    some = some.with_columns(day=pl.lit(day, pl.Int32), uid=pl.Series(uids, dtype=pl.String))
    groups = some.partition_by("class_uid", "kind", "other_kind", maintain_order=True)
    parts = [_profiles(group, around, seen) for group in groups]
    every = pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"candidate": pl.UInt32})
    every = every.with_columns(pl.lit(None, pl.Float64).alias(name) for name in COLUMNS if name not in every.columns)
    every = some.join(every, on="candidate", how="left", maintain_order="left")
    return every.select(list(PROFILES)).cast(pl.Schema(PROFILES))


def moves(profiles: pl.DataFrame, answers: Answers, day: int) -> dict[str, Moved]:
    """What verdicts do to the candidates of a day, by uid; nothing to those that are not there.

    Args:
        profiles: those of the day, and of the days before as far as they are kept.
        answers: by the alert's uid the answer, and the day at whose end it was given: it counts from the next day on.
        day: in days since 1970.
    """
    told = {uid: answer == "true" for uid, (answer, at) in answers.items() if answer != "unsure" and at < day}
    judged = profiles.filter((pl.col("day") < day) & pl.col("uid").is_in(list(told)))
    right = (sum(told[uid] for uid in judged["uid"]) + 2) / (judged.height + 5)
    moved = {}
    for detector in judged["detector"].unique(maintain_order=True):
        own = profiles.filter((pl.col("detector") == detector) & (pl.col("day") <= day))
        places = _places(own.select(COLUMNS).to_numpy())
        now = (own["day"] == day).to_numpy()
        then = ((own["day"] < day) & own["uid"].is_in(list(told))).to_numpy()
        alerts = own.filter(then)
        verdict = np.array([told[uid] for uid in alerts["uid"]], dtype=np.float64)
        distance = ((places[now][:, None] - places[then][None]) ** 2).sum(axis=-1)
        weight = np.exp(-distance / (2 * NEAR**2)) * 0.5 ** ((day - alerts["day"].to_numpy()) / HALVED)
        weight[weight < ALIKE] = 0
        share = (weight @ verdict + UNMOVED * right) / (weight.sum(axis=1) + UNMOVED)
        shift = np.clip(GAIN * np.log10(share / right), -MOST, MOST).round(3)
        for uid, by, near in zip(own.filter(now)["uid"], shift, weight, strict=True):
            if by:
                nearest = [n for n in np.argsort(-near, kind="stable")[:TOLD].tolist() if near[n]]
                alike = tuple(_alike(alerts.row(n, named=True), bool(verdict[n]), near[n]) for n in nearest)
                moved[uid] = Moved(float(by), alike)
    return moved


def _alike(alert: dict[str, Any], is_true: bool, likeness: float) -> Alike:
    about = Entity(alert["kind"], alert["entity"])
    return Alike(alert["uid"], "true" if is_true else "benign", round(float(likeness), 3), about, alert["begin"])


def _places(table: Floats) -> Floats:
    """Rows such that a distance of one is one standard deviation in each column; what is not known is in the middle."""
    known = np.isfinite(table)
    n = known.sum(axis=0)
    mean = np.where(known, table, 0).sum(axis=0) / np.maximum(n, 1)
    away = np.where(known, table - mean, 0)
    spread = np.sqrt((away**2).sum(axis=0) / np.maximum(n, 1))
    varies = spread > 1e-6
    return np.asarray(np.clip(away[:, varies] / spread[varies], -4, 4) / np.sqrt(max(varies.sum(), 1)))


def _profiles(group: pl.DataFrame, around: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The profiles of candidates of one class of events and the same kinds of entities."""
    class_uid, kind, other = group.select("class_uid", "kind", "other_kind").row(0)
    names = {kind: "entity"} | ({} if other is None else {other: "other"})
    windows = group.select("candidate", "begin", "end", **{name: pl.col(column) for name, column in names.items()})
    events = around.filter(pl.col("class_uid") == class_uid).drop("class_uid")
    inside = windows.join(events, on=list(names), maintain_order="left_right")
    inside = inside.filter(pl.col("time").is_between("begin", "end", closed="left"))
    gaps = pl.col("time").diff()
    sums = {name: pl.col(name).sum().clip(0).log1p() for name in NUMBERS}
    spreads = {f"{name} spread": pl.col(name).std() / (pl.col(name).mean() + 1) for name in NUMBERS}
    numbers = inside.group_by("candidate", maintain_order=True).agg(
        events=pl.len().log1p(), minutes=((pl.col("time").max() - pl.col("time").min()) / 60_000).log1p(),
        gaps=gaps.std() / gaps.mean(), failed=(pl.col("status_id") != 1).mean(), **sums, **spreads,
    )  # fmt: skip
    values = pl.concat(
        inside.select("candidate", entity=kind, field=pl.lit(field), value=field).drop_nulls() for field in _FIELDS
    )
    values = values.group_by("candidate", "entity", "field", "value", maintain_order=True).agg(n=pl.len())
    before = seen.filter(pl.col("kind") == kind).drop("kind").with_columns(old=True)
    values = values.join(before, on=["entity", "field", "value"], how="left", maintain_order="left")
    n, new = pl.col("n"), pl.col("old").is_null()
    each = values.group_by("candidate", "field", maintain_order=True).agg(
        (n * new).sum().truediv(n.sum()).alias("new"),
        new.any().cast(pl.Float64).alias("any new"),
        pl.len().log().alias("different"),
    )
    wide = each.pivot("field", index="candidate", values=["different", "new", "any new"], separator=" ")
    return numbers.join(wide, on="candidate", how="left")
