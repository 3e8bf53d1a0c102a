"""Process activity (1007): programs that start and stop on laptops and hosts.

A decision says who runs which program on which machine, whether it starts or ends, and how many seconds it ran.
"""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import times, workers
from residual.simulate.organization import SERVICE, Organization

LAUNCH, TERMINATE = 1, 2  # activity_id of OCSF
RUNS_ON = tuple(
    np.array([k for k, row in enumerate(words.PROGRAMS) if system in row[4]] or [0])
    for system in range(len(words.SYSTEMS))
)


def normal(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """A day's processes. Which programs a machine runs most is its own habit; administrators run some elsewhere."""
    rate = np.where(org.people.role == SERVICE, 90.0, 38.0)
    user = workers(org, day, rate, rng)
    n = len(user)
    machine = org.people.machine[user]
    system = org.machines.system[machine]
    program = np.zeros(n, dtype=np.int64)
    for kind, pool in enumerate(RUNS_ON):
        here = np.flatnonzero(system == kind)
        habit = pool[(machine[here] + rng.geometric(0.4, len(here))) % len(pool)]
        program[here] = np.where(rng.random(len(here)) < 0.6, habit, rng.choice(pool, len(here)))
    action = rng.choice([LAUNCH, TERMINATE], n, p=[0.7, 0.3])
    time, seconds = times(org, day, user, rng), rng.lognormal(4, 2, n)
    return decisions(time=time, user=user, machine=machine, program=program, action=action, seconds=seconds)
