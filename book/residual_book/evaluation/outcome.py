"""What a rival's alerts found: episodes, benign twins, nothing. One `Outcome` holds enough to compute every table."""

from dataclasses import dataclass

import polars as pl

from residual.simulate.calendar import HOUR
from residual_book.evaluation.alerts import in_time, ranked
from residual_book.evaluation.watched import BUDGETS, TEST, Truth, day_of


@dataclass(frozen=True)
class Outcome:
    """A rival on one organization. Tuples over episodes have the same order, those over budgets that of `BUDGETS`.

    Attributes:
        rival: its name.
        seed: of the organization.
        rate: of episodes: "default" or "realistic".
        episode: attacks and faults with an event in the test days, without benign twins.
        type: of each episode.
        campaign: of each episode; "" for one that stands alone.
        rank: the least rank, within its day, of an alert that found the episode; None if no rank up to 50 did.
        hours: by budget, of each episode: from its first event to the end of the first window that found it, with
            thresholds from the past; None where none did.
        alerts: by budget, alerts in all test days.
        true: by budget, those among them that found an episode.
        at_twins: by budget, those that found only a benign twin.
        raised: by budget, alerts with thresholds from the past.
    """

    rival: str
    seed: int
    rate: str
    episode: tuple[str, ...]
    type: tuple[str, ...]
    campaign: tuple[str, ...]
    rank: tuple[int | None, ...]
    hours: tuple[tuple[float | None, ...], ...]
    alerts: tuple[int, ...]
    true: tuple[int, ...]
    at_twins: tuple[int, ...]
    raised: tuple[int, ...]


def hits(alerts: pl.DataFrame, truth: Truth) -> pl.DataFrame:
    """Each `alert` (its row) with each `episode` that it found, once.

    An alert finds an episode when it names one of its entities, and its window
    holds an event in which that entity took part. An alert about a pair needs
    an event in which both took part.
    """
    touches = truth.touches
    met = alerts.with_row_index("alert").join(touches, on=["kind", "value"])
    met = met.filter(pl.col("time").is_between("begin", "end", closed="left"))
    second = touches.select("event", other_kind="kind", other_value="value")
    both = met.join(second, on=["event", "other_kind", "other_value"], how="semi")
    single = met.filter(pl.col("other_kind").is_null())
    found = pl.concat([single, both]).unique(["alert", "episode"])
    known = truth.episodes.select("episode", "twin", "first")
    return found.join(known, on="episode")


def judge(scored: pl.DataFrame, truth: Truth, *, rival: str, seed: int, rate: str = "default") -> Outcome:
    """Turn a rival's scored windows (`alerts.SCORED`) into alerts, and say what they found.

    Raises:
        ValueError: for a table of another form.
    """
    last = truth.touches.group_by("episode").agg(end=day_of(pl.col("time")).max())
    episodes = truth.episodes.filter(~pl.col("twin")).join(last, on="episode").filter(pl.col("end") >= TEST.start)
    episodes = episodes.sort("episode")

    def of_each(found: pl.DataFrame, value: str) -> tuple[float | None, ...]:
        least = found.group_by("episode").agg(pl.col(value).min())
        return tuple(episodes.join(least, on="episode", how="left", maintain_order="left")[value])

    alerts = ranked(scored, max(BUDGETS))
    found = hits(alerts, truth)
    by_budget = [found.filter(pl.col("rank") <= budget) for budget in BUDGETS]
    true = [set(f.filter(~pl.col("twin"))["alert"]) for f in by_budget]
    twins = [set(f.filter("twin")["alert"]) - t for f, t in zip(by_budget, true, strict=True)]
    hours, raised = [], []
    for budget in BUDGETS:
        early = in_time(scored, budget)
        taken = (pl.col("end") - pl.col("first")) / HOUR
        hours.append(of_each(hits(early, truth).with_columns(hours=taken), "hours"))
        raised.append(early.height)
    return Outcome(
        rival=rival,
        seed=seed,
        rate=rate,
        episode=tuple(episodes["episode"]),
        type=tuple(episodes["type"]),
        campaign=tuple(episodes["campaign"]),
        rank=tuple(None if r is None else int(r) for r in of_each(found, "rank")),
        hours=tuple(hours),
        alerts=tuple(int((alerts["rank"] <= budget).sum()) for budget in BUDGETS),
        true=tuple(map(len, true)),
        at_twins=tuple(map(len, twins)),
        raised=tuple(raised),
    )
