"""Guards 4, 7 and 8: when attacks begin, where labels come from, and how contaminated training data are.

Told in `book/part3/simulator.md`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from residual.simulate.calendar import DAY, HOUR, START, times, workers
from residual.simulate.seeds import generator
from residual.simulate.simulation import Simulation
from residual_book.organizations import Tables

SMALL = 12  # a column with at most so many values takes part in a combination


@dataclass(frozen=True)
class Density:
    """Whether attacks begin when people work: two-sample Kolmogorov-Smirnov distances of hour and of day."""

    hour: float  # largest distance between the distributions of the hour of the day
    day: float  # the same distance for the day
    episodes: int  # how many attacks began


def density(simulation: Simulation) -> Density:
    """Compare the starts of attacks with the times of people's work."""
    org = simulation.org
    starts = simulation.plan.episodes.filter(~pl.col("twin"))["start"].to_numpy() - START
    rng = generator(org.seed, "reference", org.days)
    rate = np.where(np.arange(len(org.people)) < org.users, 20.0, 0.0)
    work = np.concatenate([times(org, day, workers(org, day, rate, rng), rng) for day in range(org.days)]) - START
    hour = stats.ks_2samp(starts % DAY / HOUR, work % DAY / HOUR)
    day = stats.ks_2samp(starts // DAY, work // DAY)
    return Density(float(hour.statistic), float(day.statistic), len(starts))


def contamination(tables: Tables) -> tuple[float, float]:
    """Share of events that belong to attacks or faults, in the first 60% of the time (to train on) and in the rest."""
    time, attack = (np.concatenate([t[name].to_numpy() for t in tables.values()]) for name in ("time", "label.attack"))
    early = time < time.min() + 0.6 * np.ptp(time)
    return float(attack[early].mean()), float(attack[~early].mean())


@dataclass(frozen=True)
class Origin:
    """Where labels come from: the injector alone if `injected` and `labeled` are equal, no rule if much is `shared`."""

    injected: int  # events that the injector decided, within the days of the simulation
    labeled: int  # events that carry a label
    shared: float  # share of the attacks' events whose combination of a class's small columns benign events have too


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
