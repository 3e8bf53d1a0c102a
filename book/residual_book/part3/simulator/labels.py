"""Guard 7: where labels come from, and whether they name who did what. Told in `book/part3/simulator.md`."""

from dataclasses import dataclass

import polars as pl

from residual.simulate.calendar import DAY, START
from residual.simulate.simulation import NAMED, Simulation
from residual_book.evaluation.watched import entity
from residual_book.organizations import Labeled, Tables

SMALL = 12  # a column with at most so many values takes part in a combination
ENTITY = ["episode", "role", "kind", "value"]


@dataclass(frozen=True)
class Labels:
    """Where labels come from: the injector alone if `injected` and `labeled` are equal, no rule if much is `shared`.

    Attributes:
        injected: events that the injector decided, within the days of the simulation.
        labeled: events that carry a label.
        shared: share of the attacks' events whose combination of a class's small columns benign events have too.
        named: users, machines, and others that the labels name for some episode.
        wrong: those that no event of their episode has in that role, and those of events that no label names.
        campaigns: chains of attacks, and among them those whose steps do not follow each other.
        causes: faults, and among them those without exactly one application that is the cause.
    """

    injected: int
    labeled: int
    shared: float
    named: int
    wrong: int
    campaigns: tuple[int, int]
    causes: tuple[int, int]


def labels(simulation: Simulation, made: Labeled) -> Labels:
    """Count what was injected and what is labeled, and compare what the labels name with what the records say."""
    end = START + simulation.org.days * DAY
    decisions = simulation.plan.decisions.values()
    injected = sum(int(frame["time"].is_between(START, end, closed="left").sum()) for frame in decisions)
    ours = {name: table.filter(pl.col("label.episode").is_not_null()) for name, table in made.events.items()}
    seen = pl.concat(
        table.select(episode="label.episode", role="label.role", kind=pl.lit(kind), value=entity(kind, column))
        for name, table in ours.items()
        for kind, column in NAMED[name].items()
    ).drop_nulls()
    named = made.entities.select(ENTITY).unique()
    wrong = named.join(seen, on=ENTITY, how="anti").height + seen.unique().join(named, on=ENTITY, how="anti").height
    events = pl.concat(t.select("time", "label.episode", "label.campaign") for t in ours.values())
    return Labels(
        injected=injected,
        labeled=events.height,
        shared=_shared(made.events),
        named=named.height,
        wrong=wrong,
        campaigns=_campaigns(events),
        causes=_causes(ours["application_error"].filter("label.attack")),
    )


def _shared(tables: Tables) -> float:
    met, attacks = 0, 0
    for table in tables.values():
        ids = [name for name in table.columns if name.endswith("_id") and table[name].n_unique() <= SMALL]
        benign = table.filter(~pl.col("label.attack")).select(ids).unique()
        own = table.filter("label.attack").select(ids)
        attacks += own.height
        met += own.join(benign, on=ids, how="semi", nulls_equal=True).height
    return met / max(attacks, 1)


def _campaigns(events: pl.DataFrame) -> tuple[int, int]:
    steps = events.filter(pl.col("label.campaign") != "").group_by("label.campaign", "label.episode")
    begun = steps.agg(first=pl.col("time").min()).sort("first").group_by("label.campaign").agg("first")
    follow = begun.select(ok=(pl.col("first").list.len() > 1) & (pl.col("first").list.n_unique() > 1))["ok"]
    return len(follow), int((~follow).sum())


def _causes(errors: pl.DataFrame) -> tuple[int, int]:
    apps = errors.select("label.episode", "label.role", "actor.app_name").unique()
    found = apps.group_by("label.episode").agg(causes=(pl.col("label.role") == "cause").sum())
    return found.height, found.filter(pl.col("causes") != 1).height
