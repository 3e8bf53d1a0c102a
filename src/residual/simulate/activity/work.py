"""A day's work in steps: tasks of people, several at a time, and the runs of service accounts. All else follows.

A step says who does what at which time, in which run of a task, and whether on the phone.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, MINUTE, SECOND, START, presence, times, workers
from residual.simulate.organization import SERVICE, Floats, Ints, Organization
from residual.simulate.workflows import INSIDE, RUNS, VARIANTS, VISIT

PROVISIONED = 0.08  # runs a day of each who provisions accounts


def work(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """All steps of a normal day, in runs: `time`, `user`, `run`, `kind`, `what`, `target`, `phone`."""
    user = workers(org, day, np.array(RUNS)[org.people.role], rng)
    rotation, days = org.workflows.rotation, np.arange(len(org.people)) + day
    today = org.habits * ((rotation < 0) | (rotation == days[:, None] % 2))
    task = chosen(today / today.sum(axis=1, keepdims=True), user, rng)
    start = times(org, day, user, rng)
    few = np.flatnonzero(rng.random(len(org.provisioners)) < PROVISIONED * presence(org, day)[org.provisioners])
    extra = org.provisioners[few]
    account, due, begin = _scheduled(org, day, rng)
    return steps(
        org,
        np.concatenate([user, extra, account]),
        np.concatenate([task, np.full(len(extra), org.workflows.provision), due]),
        np.concatenate([start, times(org, day, extra, rng), begin]),
        rng,
    )


def chosen(weights: Floats, row: Ints, rng: np.random.Generator) -> Ints:
    """A column for each entry of `row`, by that row's weights."""
    cumulative = np.cumsum(weights, axis=1) + np.arange(len(weights))[:, None]
    column = np.searchsorted(cumulative.ravel(), row + rng.random(len(row)) * 0.999999) - row * weights.shape[1]
    return np.clip(column, 0, weights.shape[1] - 1)


def _scheduled(org: Organization, day: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Account, task and start of each run on schedule: with jitter, some late, and some that start again."""
    plan = org.schedule
    count = ((DAY / MINUTE - plan.phase) / plan.period).astype(np.int64) + 1
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    late = np.where(rng.random(len(which)) < 0.04, rng.exponential(25.0, len(which)), 0)
    minute = plan.phase[which] + nth * plan.period[which] + late + rng.normal(0, 0.3, len(which))
    again = np.flatnonzero(rng.random(len(which)) < 0.03)
    which, minute = np.append(which, which[again]), np.append(minute, minute[again] + rng.uniform(2, 10, len(again)))
    inside = (minute >= 0) & (minute < DAY / MINUTE)
    which, start = which[inside], START + day * DAY + (minute[inside] * MINUTE).astype(np.int64)
    return plan.account[which], plan.task[which], start


def steps(org: Organization, user: Ints, task: Ints, start: Ints, rng: np.random.Generator) -> pl.DataFrame:
    """The steps of runs of tasks: each person has own ways to do a task, is interrupted, swaps and forgets steps."""
    flow, n = org.workflows, len(user)
    variant = (user * 31 + task * 17 + rng.geometric(0.5, n)) % VARIANTS
    length = flow.length[task, variant]
    run = np.repeat(np.arange(n), length)
    begins = np.cumsum(length) - length
    row = flow.first[task, variant][run] + np.arange(len(run)) - begins[run]
    gap = flow.gap[row] * rng.lognormal(-0.3, 0.8, len(row))
    interrupted = (rng.random(len(row)) < 0.02) & (org.people.role[user[run]] != SERVICE)
    gap += np.where(interrupted, rng.exponential(1800.0, len(row)), 0)
    elapsed = np.cumsum(gap)
    elapsed = ((elapsed - elapsed[begins[run]]) * SECOND).astype(np.int64)
    # A run that would end after midnight began earlier; the last step of each run is the latest.
    end = START + ((start - START) // DAY + 1) * DAY
    over = np.maximum(start + elapsed[begins + length - 1] - end + 1, 0)
    time = np.maximum((start - over)[run] + elapsed, (end - DAY)[run])
    swapped = np.flatnonzero((rng.random(len(row)) < 0.03) & (np.append(run[1:], -1) == run))
    row[swapped], row[swapped + 1] = row[swapped + 1], row[swapped]
    left = length * rng.uniform(0.2, 1.0, n)  # of a run that is given up, or fails
    kept = (rng.random(len(row)) > 0.03) & (
        (rng.random(n) > 0.05)[run] | (np.arange(len(row)) - begins[run] < left[run])
    )
    by_phone = (org.people.phone[user] >= 0) & (rng.random(n) < 0.12)
    kind, what = flow.kind[row], flow.what[row]
    kept &= ~by_phone[run] | (kind == VISIT)
    target = _destinations(org, int((start[0] - START) // DAY) if n else 0, user[run], kind, what, rng)
    return decisions(
        time=time, user=user[run], run=run, kind=kind, what=what, target=target, phone=by_phone[run].astype(np.int64)
    ).filter(kept)


def own(org: Organization) -> Ints:
    """Targets that are hosts of the organization."""
    return np.flatnonzero(org.targets.machine >= 0)


def saas(org: Organization, day: int) -> Ints:
    """Targets outside that are in use on `day`."""
    return np.flatnonzero((org.targets.machine < 0) & (org.targets.since <= day))


def choose(org: Organization, who: Ints, pool: Ints, rng: np.random.Generator) -> Ints:
    """A target from `pool` for each of `who`: half by what all like, half from the few that this one uses."""
    weight = org.targets.popularity[pool]
    liked = rng.choice(pool, len(who), p=weight / weight.sum())
    favorite = pool[(who * 37 + rng.geometric(0.25, len(who)) * 11) % len(pool)]
    return np.where(rng.random(len(who)) < 0.5, liked, favorite)


def _destinations(org: Organization, day: int, user: Ints, kind: Ints, what: Ints, rng: np.random.Generator) -> Ints:
    """The host that each step connects to: of a category outside, or with a port inside; -1 for other steps."""
    target, known = np.full(len(user), -1), org.targets
    for step, inside, values in ((VISIT, False, known.category), (INSIDE, True, known.port)):
        pool = own(org) if inside else saas(org, day)
        for value in np.unique(what[kind == step]):
            here = np.flatnonzero((kind == step) & (what == value))
            fitting = pool[values[pool] == value]
            target[here] = choose(org, user[here], fitting if len(fitting) else pool, rng)
    return target
