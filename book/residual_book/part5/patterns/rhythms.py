"""RITA's beacon score of every pair of a machine and a host, day by day, as a rival of the detector of new contacts.

Told in `book/part5/patterns.md`.
"""

from dataclasses import dataclass

import polars as pl

from residual.detect.rhythm import FEWEST, beacon
from residual.simulate.calendar import DAY, START
from residual_book.evaluation.alerts import SCORED
from residual_book.evaluation.watched import SECOND_WEEK, TEST, Truth, day_of

PAIR = ["day", "machine", "destination"]
SENT = "traffic.bytes_out"


@dataclass(frozen=True)
class Place:
    """Where a pair with calls of a beacon, or of its twin, stands among all pairs of a day; 1 is the oddest.

    Attributes:
        seed: of the organization.
        day: from 0.
        twin: whether an updater makes the calls.
        pairs: how many pairs have enough calls on that day for RITA's score.
        rita: the place by that score; pairs with the same score share the mean of their places.
        new: the place by the same score among the pairs that never called on an earlier day; other pairs come last.
        contacts: the place by the detector of new contacts; those without a sight come last.
    """

    seed: int
    day: int
    twin: bool
    pairs: int
    rita: float
    new: float
    contacts: float


def scores(traffic: pl.DataFrame) -> pl.DataFrame:
    """RITA's `score` of each pair and day: `PAIR`, whether it is `new` on that day, and -1 for what is not judged.

    Args:
        traffic: connections with `time`, `machine`, `destination` and `SENT`.
    """
    known = traffic.drop_nulls(["machine", "destination"]).with_columns(day=day_of(pl.col("time")))
    first = known.group_by("machine", "destination").agg(first=pl.col("day").min())
    calls = known.group_by(PAIR).agg("time", pl.col(SENT).fill_null(0)).filter(pl.col("time").list.len() >= FEWEST)
    calls = calls.join(first, on=["machine", "destination"])
    judged = []
    for day, times, sizes in calls.select("day", "time", SENT).iter_rows():
        found = beacon(times, sizes, begin=START + day * DAY, end=START + (day + 1) * DAY)
        judged.append(-1.0 if found is None else found.score)
    new = pl.col("first") == pl.col("day")
    return calls.with_columns(score=pl.Series(judged, dtype=pl.Float64)).select(*PAIR, "score", new=new).sort(PAIR)


def as_scored(judged: pl.DataFrame) -> pl.DataFrame:
    """The scores of pairs in the form in which every rival hands in its windows, of a day each."""
    begin = START + pl.col("day") * DAY
    days = judged.filter(pl.col("day") >= SECOND_WEEK.start)
    return days.select(
        begin=begin, end=begin + DAY, kind=pl.lit("machine"), value="machine", other_kind=pl.lit("destination"),
        other_value="destination", score="score",
    ).cast(pl.Schema(SCORED))  # fmt: skip


def places(judged: pl.DataFrame, contacts: pl.DataFrame, truth: Truth, seed: int) -> list[Place]:
    """Where the pairs of beacons and updaters stand on the days on which they have enough calls.

    Args:
        judged: as of `scores`.
        contacts: sights of the detector of new contacts.
        truth: what the labels say.
        seed: of the organization.
    """
    highest = contacts.group_by(day=day_of(pl.col("end") - 1), machine="entity", destination="other").agg(
        contact=pl.col("score").max()
    )
    both = judged.filter(pl.col("day").is_in(TEST)).join(highest, on=PAIR, how="left")
    ways = {
        "rita": pl.col("score"),
        "new": pl.when("new").then("score").otherwise(-1),
        "contacts": pl.col("contact").fill_null(-1),
    }
    ranked = both.with_columns(
        pairs=pl.len().over("day"),
        **{name: way.rank("average", descending=True).over("day") for name, way in ways.items()},
    )
    own = truth.episodes.filter(pl.col("type") == "beacon").select("episode", "twin").join(truth.touches, on="episode")
    named = (
        own.filter(pl.col("kind") == kind).select("event", "time", "twin", pl.col("value").alias(kind))
        for kind in ("machine", "destination")
    )
    calls = next(named).join(next(named).select("event", "destination"), on="event")
    met = calls.group_by(day_of(pl.col("time")).alias("day"), "machine", "destination", "twin").agg(own=pl.len())
    there = ranked.join(met.filter(pl.col("own") >= FEWEST), on=PAIR).sort(PAIR)
    return [Place(seed, *row) for row in there.select("day", "twin", "pairs", *ways).iter_rows()]
