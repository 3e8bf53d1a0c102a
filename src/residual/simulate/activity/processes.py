"""Process activity (1007): programs that start and stop on laptops and hosts.

A decision says who runs which program on which machine, whether it starts or ends, and how many seconds it ran.
"""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, SECOND, START, times, workers
from residual.simulate.organization import SERVICE, Organization
from residual.simulate.workflows import PROGRAM

LAUNCH, TERMINATE = 1, 2  # activity_id of OCSF
_NAMES = [row[0] for row in words.PROGRAMS]


def _for_tool(tool: str, system: int) -> list[int]:
    """Two programs that people or jobs on a system use for something, or twice one."""
    fitting = [k for k, row in enumerate(words.PROGRAMS) if tool in row[5].split() and system in row[4]]
    return (2 * (fitting or list(RUNS_ON[system])))[:2]


RUNS_ON = [[k for k, row in enumerate(words.PROGRAMS) if system in row[4]] or [0] for system in range(7)]
_FOR_TOOL = np.array([[_for_tool(tool, system) for system in range(7)] for tool in words.TOOLS])
# What runs on a system whether or not anybody works.
_DAEMONS = [
    [k for k in runs if words.PROGRAMS[k][1] in ("services.exe", "systemd", "cron")] or [_NAMES.index("mdworker")]
    for runs in RUNS_ON
]


def normal(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The programs of a day's work, some with their end, and those that run by themselves: each machine has habits."""
    steps = work.filter(pl.col("kind") == PROGRAM)
    by_hand = steps["user"].to_numpy()
    idle = workers(org, day, np.where(org.people.role == SERVICE, 45.0, 7.0), rng)
    user = np.concatenate([by_hand, idle])
    machine = org.people.machine[user]
    system, n = org.machines.system[machine], len(by_hand)
    way = (by_hand + (rng.random(n) < 0.2)) % 2
    program = np.concatenate(
        [_FOR_TOOL[steps["what"].to_numpy(), system[:n], way], np.zeros(len(idle), dtype=np.int64)]
    )
    for kind, pool in enumerate(_DAEMONS):
        here = n + np.flatnonzero(system[n:] == kind)
        program[here] = np.array(pool)[(machine[here] + rng.geometric(0.4, len(here))) % len(pool)]
    time = np.concatenate([steps["time"].to_numpy(), times(org, day, idle, rng)])
    seconds = rng.lognormal(4, 2, len(time))
    table = decisions(time=time, user=user, machine=machine, program=program, action=LAUNCH, seconds=seconds)
    ended = table.filter(rng.random(len(time)) < 0.42).with_columns(pl.col("time") + pl.col("seconds") * SECOND)
    ended = ended.filter(pl.col("time") < START + (day + 1) * DAY).with_columns(action=pl.lit(TERMINATE, pl.Int64))
    return pl.concat([table, ended])
