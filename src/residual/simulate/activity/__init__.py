"""A normal day, as small tables of decisions: who, from where, to what, when, with which result.

One module per group of classes. `records` turns decisions into OCSF events, those of attacks and of normal work alike.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from residual.simulate.activity import applications, calls, lookups, processes, sign_ins, traffic
from residual.simulate.activity.work import work
from residual.simulate.organization import Organization
from residual.simulate.seeds import Purpose, generator

GROUPS: dict[str, Callable[[Organization, int, pl.DataFrame, np.random.Generator], pl.DataFrame]] = {
    "sign_ins": sign_ins.normal,
    "traffic": traffic.normal,
    "lookups": lookups.normal,
    "calls": calls.normal,
    "processes": processes.normal,
    "applications": applications.normal,
}


def normal_day(org: Organization, day: int, *, purpose: Purpose = "activity") -> dict[str, pl.DataFrame]:
    """What happens on `day` without any episode, by group."""
    steps = work(org, day, generator(org.seed, purpose, day, len(GROUPS)))
    return {
        name: normal(org, day, steps, generator(org.seed, purpose, day, part))
        for part, (name, normal) in enumerate(GROUPS.items())
    }
