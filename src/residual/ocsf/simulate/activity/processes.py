"""Process activity (1007): programs that start and stop on laptops and hosts."""

import numpy as np
import polars as pl

from residual.ocsf.simulate import words
from residual.ocsf.simulate.calendar import times, workers
from residual.ocsf.simulate.organization import SERVICE, Floats, Ints, Organization

LAUNCH, TERMINATE = 1, 2  # activity_id of OCSF
RUNS_ON = tuple(
    np.array([k for k, row in enumerate(words.PROGRAMS) if system in row[4]] or [0])
    for system in range(len(words.SYSTEMS))
)


def frame(time: Ints, user: Ints, machine: Ints, program: Ints, action: Ints, seconds: Floats) -> pl.DataFrame:
    """Decisions of processes: who runs which program where, whether it starts or ends, and how long it ran."""
    columns = {"time": time, "user": user, "machine": machine, "program": program, "action": action, "seconds": seconds}
    return pl.DataFrame(columns).cast(pl.Int64)


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
    return frame(times(org, day, user, rng), user, machine, program, action, rng.lognormal(4, 2, n))
