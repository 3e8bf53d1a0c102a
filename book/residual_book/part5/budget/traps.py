"""Four ways to promise a rate and not to keep it, measured on one organization. Told in `book/part5/budget.md`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.detect.alert import Alert
from residual.detect.calibrate import BODY, TOP, rates
from residual.detect.conformal import Conformal, discoveries
from residual.detect.detectors import DETECTORS
from residual.detect.metrics import Evaluation, evaluate
from residual.detect.sights import Detector, Frames
from residual.detect.stream import DAY, KINDS, with_machines
from residual.detect.windows import Volume
from residual.simulate.simulation import episodes_of
from residual_book.evaluation.live import FIRST, Live
from residual_book.evaluation.outcome import hits
from residual_book.evaluation.watched import BUDGET, SECOND_WEEK, TEST, Truth

SEED = 0  # of the organization that the page runs
PROMISED = np.geomspace(0.1, 10, 13)  # entities per day
PAIRS = tuple(d.name for d in DETECTORS if isinstance(d, Volume) and len(d.kinds) > 1)
MOVED = range(21, 24)  # days on which half of the users and machines have new names
ENOUGH = 3  # sights of episodes, to speak of their median
Floats = NDArray[np.float64]
Days = dict[int, pl.DataFrame]


@dataclass(frozen=True)
class Seen:
    """The oddest sight of each entity, day and detector from the second week on.

    Each table has `detector`, `day` from 0, `kind`, `entity`, `begin`, `end`, `other_kind`, `other`, `score`, and what
    it is `about`: "episode", "twin" or "nothing".

    Attributes:
        honest: each day scored by the days before it.
        in_sample: the second week scored by statistics of both weeks, itself among them; of detectors of volume.
        moved: the days `MOVED` without a learning state; `moved` says whether the names are new.
    """

    honest: pl.DataFrame
    in_sample: pl.DataFrame
    moved: pl.DataFrame


def see(live: Live) -> Seen:
    """Let all detectors look at the days of an organization, in the three ways."""
    days = filled(live)
    renamed = with_new_names(days)
    honest, in_sample, moved = [], [], []
    for detector in DETECTORS:
        states, sights = followed(detector, days)
        honest += sights
        if isinstance(detector, Volume):
            for day in (FIRST + d for d in SECOND_WEEK):
                state = states[FIRST + TEST.start] | {"came": states[day]["came"]}
                in_sample.append(highest(detector, day, detector.advance(day, days[day], state)[0]))
        for is_new, events in ((False, days), (True, renamed)):
            state = states[FIRST + MOVED.start]
            for day in (FIRST + d for d in MOVED):
                found, state = detector.advance(day, events[day], known_for_long(detector, events[day], state))
                moved.append(highest(detector, day, found).with_columns(moved=pl.lit(is_new)))
    truth = truth_of(live, days)
    return Seen(*(about(pl.concat(tables), truth) for tables in (honest, in_sample, moved)))


def filled(live: Live) -> Days:
    """The events of each day, with the machines that used their addresses."""
    known = pl.DataFrame(schema={"time": pl.Int64, "address": pl.String, "machine": pl.String})
    days = {}
    for day, events in live.events.items():
        days[day], known = with_machines(events, known)
    return days


def with_new_names(days: Days) -> Days:
    """The events of the days `MOVED`, in which every second user and machine is called otherwise."""
    names = {kind: pl.concat(days.values())[kind].drop_nulls().unique().sort()[::2] for kind in ("user", "machine")}
    new = {
        kind: pl.when(pl.col(kind).is_in(some.implode())).then(pl.col(kind) + " (new)").otherwise(kind)
        for kind, some in names.items()
    }
    return {FIRST + day: days[FIRST + day].with_columns(**new) for day in MOVED}


def known_for_long(detector: Detector, events: pl.DataFrame, state: Frames) -> Frames:
    """The state in which nothing is held back about whoever has an event: all are known from the beginning."""
    kind = detector.kinds[0]
    ever = pl.concat([state["first"].select(kind), events.select(kind)]).drop_nulls().unique()
    return state | {"first": ever.with_columns(since=pl.lit(0, pl.Int64))}


def followed(detector: Detector, days: Days) -> tuple[dict[int, Frames], list[pl.DataFrame]]:
    """A detector's state before each day, and the highest sights of each day."""
    states: dict[int, Frames] = {}
    state: Frames = {}
    found = []
    for day, events in days.items():
        states[day] = state
        sights, state = detector.advance(day, events, state)
        found.append(highest(detector, day, sights))
    return states, found


def highest(detector: Detector, day: int, sights: pl.DataFrame) -> pl.DataFrame:
    """The oddest sight of each entity of a day, the `TOP` of them."""
    most = sights.sort("score", "end", descending=[True, False])
    return most.unique(["kind", "entity"], keep="first", maintain_order=True).head(TOP).select(
        pl.lit(detector.name).alias("detector"), pl.lit(day - FIRST, pl.Int64).alias("day"),
        "kind", "entity", "begin", "end", "other_kind", "other", "score",
    )  # fmt: skip


def truth_of(live: Live, days: Days) -> Truth:
    """What the labels of an organization say, in the form in which alerts are judged."""
    labeled = live.labels.select("episode", uid="metadata.uid").join(pl.concat(days.values()), on="uid")
    touches = [labeled.select("episode", event="uid", time="time", kind=pl.lit(kind), value=kind) for kind in KINDS]
    return Truth(episodes_of(live.labels), pl.concat(touches).drop_nulls())


def about(sights: pl.DataFrame, truth: Truth) -> pl.DataFrame:
    """The sights from the second week on, with what each is `about`."""
    sights = sights.filter(pl.col("day") >= SECOND_WEEK.start)
    found = hits(sights.rename({"entity": "value", "other": "other_value"}), truth).with_columns(row="alert")
    what = found.group_by("row").agg(
        about=pl.when(pl.col("twin").all()).then(pl.lit("twin")).otherwise(pl.lit("episode"))
    )
    known = sights.with_row_index("row").join(what, on="row", how="left", maintain_order="left").drop("row")
    return known.with_columns(pl.col("about").fill_null("nothing"))


def null(table: pl.DataFrame, detector: str) -> Floats:
    """The scores of a detector in the second week."""
    own = table.filter((pl.col("detector") == detector) & pl.col("day").is_in(SECOND_WEEK))
    return own["score"].to_numpy()


def rated(table: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """The sights after the second week with their `rate`, by the second week of another table."""
    parts = []
    for detector in table["detector"].unique(maintain_order=True):
        own = table.filter((pl.col("detector") == detector) & (pl.col("day") >= TEST.start))
        rate = rates(own["score"].to_numpy(), null(past, detector), len(SECOND_WEEK))
        parts.append(own.with_columns(rate=pl.Series(rate)))
    return pl.concat(parts)


def came(seen: Seen) -> Mapping[str, list[float]]:
    """Entities per day that reach each of the rates `PROMISED`, on average over detectors of pairs and test days."""
    pairs = seen.honest.filter(pl.col("detector").is_in(PAIRS))
    days = pairs.filter(pl.col("day") >= TEST.start)["day"].n_unique() * len(PAIRS)
    nulls = {"by the days before": seen.honest, "by all days, itself too": seen.in_sample}
    tables = {name: rated(pairs, past)["rate"] for name, past in nulls.items()}
    return {name: [int((rate <= promised).sum()) / days for promised in PROMISED] for name, rate in tables.items()}


def tails(seen: Seen) -> dict[str, tuple[float, float, float]]:
    """By detector, the median rate of sights of episodes: by a tail fitted whole, a censored one, and a clean one."""
    found = {}
    clean = seen.honest.filter(pl.col("about") == "nothing")
    for detector, own in seen.honest.group_by("detector", maintain_order=True):
        name = str(detector[0])
        score = own.filter((pl.col("about") == "episode") & (pl.col("day") >= TEST.start))["score"].to_numpy()
        if len(score) >= ENOUGH:
            past, days = null(seen.honest, name), len(SECOND_WEEK)
            censored, without = (rates(score, n, days) for n in (past, null(clean, name)))
            uncensored = whole(score, past, days)
            found[name] = float(np.median(uncensored)), float(np.median(censored)), float(np.median(without))
    return found


def whole(score: Floats, past: Floats, days: int) -> Floats:
    """The rates that an exponential gives which is fitted to all of the tail, as if no attack were in it."""
    past = np.sort(past)
    body = past[max(len(past) - round(BODY * days), 0)]
    tail = past[past > body]
    reached = (len(past) - np.searchsorted(past, score)) / days
    return np.where(score > body, len(tail) / days * np.exp(-(score - body) / (tail - body).mean()), reached)


def newcomers(seen: Seen) -> dict[str, int]:
    """The alerts on the days `MOVED`, and how many of them are about users and machines with new names."""
    best = rated(seen.moved, seen.honest).sort("rate", "end", "kind", "entity", "detector")
    best = best.unique(["moved", "day", "kind", "entity"], keep="first", maintain_order=True)
    best = best.with_columns(rank=pl.int_range(pl.len()).over("moved", "day")).filter(pl.col("rank") < BUDGET)
    new = pl.col("entity").str.ends_with(" (new)")
    return {"alerts": BUDGET * len(MOVED), "new": best.filter(new).height}


def told_at_midnight(live: Live) -> Evaluation:
    """What the alerts of an organization found, had each been raised when its day was over."""
    late = [replace(alert, raised=(day + 1) * DAY) for day, alerts in live.alerts.items() for alert in alerts]
    return evaluate(late, live.labels, list(live.alerts))


def in_the_day(alerts: list[Alert]) -> int:
    """How many alerts were raised before their day was over."""
    return sum(alert.raised % DAY != 0 for alert in alerts)


def discovered(seen: Seen, alpha: float, *, clean: bool) -> dict[str, int]:
    """What Benjamini and Hochberg's procedure reports day by day at `alpha`, by what it is about.

    With `clean` the p-values come from a second week without episodes and twins, which takes labels.
    """
    week = seen.honest.filter(pl.col("day").is_in(SECOND_WEEK) & (pl.lit(not clean) | (pl.col("about") == "nothing")))
    past = Conformal().fit(week["score"], week["detector"])
    test = seen.honest.filter(pl.col("day") >= TEST.start)
    reported = [day.filter(pl.Series(discoveries(past.p_values(day["score"], day["detector"]), alpha)))
                for day in test.partition_by("day")]  # fmt: skip
    about = pl.concat(reported)["about"]
    return {what: int((about == what).sum()) for what in ("episode", "twin", "nothing")}
