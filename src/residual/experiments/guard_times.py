"""Guards 4, 7 and 8: when attacks begin, where labels come from, and how contaminated training data are.

Told in `book/part3/simulator.md`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from residual.experiments.guard_data import Tables
from residual.ocsf.simulate.calendar import DAY, HOUR, START, times, workers
from residual.ocsf.simulate.seeds import generator
from residual.ocsf.simulate.simulation import Simulation


@dataclass(frozen=True)
class Density:
    """Whether attacks begin when people work: two-sample Kolmogorov-Smirnov tests of hour and of day.

    Attributes:
        hour: largest distance between the distributions of the hour of the day.
        p_hour: chance of as large a distance if they are the same.
        day, p_day: the same for the day.
        episodes: how many starts.
    """

    hour: float
    p_hour: float
    day: float
    p_day: float
    episodes: int


def density(simulation: Simulation) -> Density:
    """Compare the starts of attacks with the times of people's work."""
    org = simulation.org
    starts = simulation.plan.episodes.filter(~pl.col("twin"))["start"].to_numpy() - START
    rng = generator(org.seed, "reference", org.days)
    rate = np.where(np.arange(len(org.people)) < org.users, 20.0, 0.0)
    work = np.concatenate([times(org, day, workers(org, day, rate, rng), rng) for day in range(org.days)]) - START
    hour = stats.ks_2samp(starts % DAY / HOUR, work % DAY / HOUR)
    day = stats.ks_2samp(starts // DAY, work // DAY)
    return Density(float(hour.statistic), float(hour.pvalue), float(day.statistic), float(day.pvalue), len(starts))


def unseen(tables: Tables, types: set[str], *, before: int) -> Tables:
    """Training tables up to a time (ms), without any attack of `types`: they are met later for the first time.

    Raises:
        ValueError: for a type that no event has.
    """
    known = {name for table in tables.values() for name in table["label.type"].drop_nulls().unique()}
    if types - known:
        raise ValueError(f"types must be among {', '.join(sorted(known))}; got {', '.join(sorted(types - known))}")
    hidden = pl.col("label.type").is_in(sorted(types)).fill_null(False) & pl.col("label.attack")
    return {name: table.filter((pl.col("time") < before) & ~hidden) for name, table in tables.items()}


@dataclass(frozen=True)
class Contamination:
    """Share of events that belong to attacks or faults, in the first 60 % of the time and in the rest."""

    train: float
    test: float


def contamination(tables: Tables) -> Contamination:
    """How much of what a detector would train on is attack."""
    both = pl.concat([table.select("time", "label.attack") for table in tables.values()])
    middle = both["time"].min() + 0.6 * (both["time"].max() - both["time"].min())  # type: ignore[operator]  # polars types a minimum for any column
    early = both["time"] < middle
    train, test = both.filter(early)["label.attack"].mean(), both.filter(~early)["label.attack"].mean()
    return Contamination(float(train or 0.0), float(test or 0.0))  # type: ignore[arg-type]  # polars, as above


@dataclass(frozen=True)
class Origin:
    """Where labels come from.

    Attributes:
        injected: events that the injector decided, within the days of the simulation.
        labeled: events that carry a label. The two are equal when labels are the injector's word.
        shared: of the attacks' events, the share whose combination of a class's small columns benign events have too;
            a rule on the inputs that made the labels would leave none.
    """

    injected: int
    labeled: int
    shared: float


SMALL = 12  # a column with at most so many values takes part in the combination


def origin(simulation: Simulation, tables: Tables) -> Origin:
    """Count what was injected and what is labeled, and look for rules that tell the two apart."""
    end = START + simulation.org.days * DAY
    decisions = simulation.plan.decisions.values()
    injected = sum(int(frame["time"].is_between(START, end, closed="left").sum()) for frame in decisions)
    labeled = sum(int(table["label.episode"].is_not_null().sum()) for table in tables.values())
    met, attacks = 0, 0
    for table in tables.values():
        ids = [name for name in table.columns if name.endswith("_id") and table[name].n_unique() <= SMALL]
        benign = table.filter(~pl.col("label.attack")).select(ids).unique()
        own = table.filter("label.attack").select(ids)
        attacks += own.height
        met += own.join(benign, on=ids, how="semi", nulls_equal=True).height
    return Origin(injected, labeled, met / max(attacks, 1))
