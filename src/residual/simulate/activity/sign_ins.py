"""Authentication (3002): people at portals and in the domain, service accounts, and the internet knocking.

A decision says who signs in to which service, in which session (-1 for the one that the user has open then), on which
machine (-1 for a strange one), from which place (-1 for the internal network), with which outcome, and whether a second
factor was used.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.calendar import DAY, MINUTE, SECOND, START, times, workers
from residual.simulate.organization import (
    BASTION,
    CONSOLE,
    DOMAIN,
    FILES,
    GATEWAY,
    HOSTING,
    SERVICE,
    SINGLE_SIGN_ON,
    Ints,
    Organization,
)
from residual.simulate.sessions import REMOTE, STRANGE, TUNNEL, open_session, whereabouts
from residual.simulate.workflows import CALL, INSIDE, SIGN_IN, VISIT

OUTCOMES = ("success", "bad password", "second factor needed", "session expired", "pre-authentication needed", "locked")
SUCCESS, BAD_PASSWORD, SECOND_FACTOR, EXPIRED, PREAUTHENTICATION, LOCKED = range(6)


def normal(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A day's sign-ins. About half fail, as they do where a gateway faces the internet."""
    return pl.concat([_people(org, day, work, rng), _accounts(org, day, work, rng), _knocking(org, day, rng)])


def _people(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """People open their sessions, and sign in again to what their work needs."""
    steps = work.filter(pl.col("user") < org.users).sort("time", maintain_order=True)
    user, time, phone, kind, what = (steps[c].to_numpy() for c in ("user", "time", "phone", "kind", "what"))
    session = open_session(org, user, time, phone=phone == 1)
    way = whereabouts(org, session)[1]
    dice = rng.random(len(time))
    opening = np.isin(np.arange(len(time)), np.unique(session, return_index=True)[1])
    inside = (way != REMOTE) & (phone == 0)
    again = (kind == VISIT) & (dice < 0.05)
    needs = [  # which steps, which kind of service, ms before the step
        (opening & (way == TUNNEL), np.full(len(time), GATEWAY), 120 * SECOND),
        (opening & inside, np.full(len(time), DOMAIN), 60 * SECOND),
        (opening | again, np.where(dice < 0.004, GATEWAY, SINGLE_SIGN_ON), 30 * SECOND),
        (kind == SIGN_IN, what, 2 * SECOND),
        (inside & (kind == INSIDE) & (dice < 0.35), np.where(what == 445, FILES, DOMAIN), 2 * SECOND),
        ((kind == CALL) & (dice < 0.02), np.full(len(time), CONSOLE), 5 * SECOND),
    ]
    row = np.concatenate([np.flatnonzero(where) for where, _, _ in needs])
    wanted = np.concatenate([service[where] for where, service, _ in needs])
    early = np.concatenate([np.full(int(where.sum()), before) for where, _, before in needs])
    device = np.where(phone == 1, org.people.phone[user], org.people.machine[user])
    return _attempts(org, day, time[row] - early, user[row], device[row], wanted, rng)


def _accounts(org: Organization, day: int, work: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Service accounts sign in where their task says, and renew their tickets."""
    steps = work.filter((pl.col("user") >= org.users) & (pl.col("kind") == SIGN_IN))
    renewed = workers(org, day, np.where(org.people.role == SERVICE, 12.0, 0.0), rng)
    user = np.concatenate([steps["user"].to_numpy(), renewed])
    time = np.concatenate([steps["time"].to_numpy(), times(org, day, renewed, rng)])
    kind = np.concatenate([steps["what"].to_numpy(), np.full(len(renewed), DOMAIN)])
    return _attempts(org, day, time, user, org.people.machine[user], kind, rng)


def _attempts(
    org: Organization, day: int, time: Ints, user: Ints, machine: Ints, kind: Ints, rng: np.random.Generator
) -> pl.DataFrame:
    """Sign-ins to a service of each kind: some fail first, and are tried again until it works or one gives up."""
    fails = np.minimum(rng.geometric(0.6, len(time)) - 1, 3)
    given_up = (fails > 0) & (rng.random(len(time)) < 0.15)
    tries = fails + ~given_up
    which = np.repeat(np.arange(len(time)), tries)
    n = len(which)
    nth = np.arange(n) - np.repeat(np.cumsum(tries) - tries, tries)
    user, machine, kind = user[which], machine[which], kind[which]
    when = np.clip(time[which] + nth * rng.integers(4, 50, len(time))[which] * SECOND, START + day * DAY, None)
    when = np.minimum(when, START + (day + 1) * DAY - 1)
    place, _, outside = whereabouts(org, open_session(org, user, when, phone=machine == org.people.phone[user]))
    place = np.where(kind == GATEWAY, outside, place)
    failed = rng.choice(6, n, p=[0, 0.26, 0.33, 0.22, 0.16, 0.03])
    domain = np.isin(kind, (DOMAIN, FILES))
    failed = np.where(domain & (failed == SECOND_FACTOR) & (rng.random(n) < 0.85), PREAUTHENTICATION, failed)
    return decisions(
        time=when,
        user=user,
        session=-1,
        machine=machine,
        place=np.where(domain, -1, place),
        service=_of_kind(org, kind, rng),
        outcome=np.where(nth < fails[which], failed, SUCCESS),
        mfa=(rng.random(n) < 0.55 * ~domain).astype(np.int64),
    )


def _of_kind(org: Organization, kind: Ints, rng: np.random.Generator) -> Ints:
    """One of the services of each kind."""
    n, first = np.bincount(org.services), np.searchsorted(org.services, np.arange(FILES + 1))
    return first[kind] + rng.integers(0, 2, len(kind)) % n[kind]


def _knocking(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """The internet tries leaked names: one to four attempts from an address (23 of the real ones try three times)."""
    visits = rng.poisson(4.2 * org.users)
    tries = np.repeat(np.arange(visits), rng.integers(1, 5, visits))
    n = len(tries)
    start = START + day * DAY + (rng.random(visits) * (DAY - 10 * MINUTE)).astype(np.int64)
    user = rng.choice(len(org.people), visits, p=org.people.volume / org.people.volume.sum())
    return decisions(
        time=start[tries] + np.sort(rng.integers(0, 90 * SECOND, n)) % (90 * SECOND),
        user=user[tries],
        session=STRANGE + (day + 1) * STRANGE // 4096 + tries,
        machine=-1,
        place=rng.choice(org.places.of(HOSTING), visits)[tries],
        service=_of_kind(org, rng.choice([SINGLE_SIGN_ON, GATEWAY, BASTION, CONSOLE], visits), rng)[tries],
        outcome=rng.choice(6, n, p=[0.04, 0.74, 0.12, 0.02, 0.03, 0.05]),
        mfa=(rng.random(n) < 0.3).astype(np.int64),
    )
