"""Guards 4 and 8: when attacks begin, and how contaminated training data are.

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
