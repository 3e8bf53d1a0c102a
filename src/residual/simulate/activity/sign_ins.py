"""Authentication (3002): people at portals and in the domain, service accounts, and the internet knocking.

A decision says who signs in to which service, on which machine (-1 where the service saw none), from which place (-1
for the internal network), with which outcome, and whether a second factor was used.
"""

import numpy as np
import polars as pl

from residual.simulate.activity.decisions import decisions
from residual.simulate.activity.whereabouts import mobile, places
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

OUTCOMES = ("success", "bad password", "second factor needed", "session expired", "pre-authentication needed", "locked")
SUCCESS, BAD_PASSWORD, SECOND_FACTOR, EXPIRED, PREAUTHENTICATION, LOCKED = range(6)


def _of_kind(org: Organization, rng: np.random.Generator, n: int, *kinds: int) -> Ints:
    return rng.choice(np.flatnonzero(np.isin(org.services, kinds)), n)


def normal(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """A day's sign-ins. About half fail, as they do where a gateway faces the internet."""
    return pl.concat([_portals(org, day, rng), _domain(org, day, rng), _knocking(org, day, rng)])


def _portals(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    user = workers(org, day, np.where(org.people.role == SERVICE, 0.0, 7.0), rng)
    n = len(user)
    by_phone = (org.people.phone[user] >= 0) & (rng.random(n) < 0.2)
    machine = np.where(by_phone, org.people.phone[user], org.people.machine[user])
    place = np.where(by_phone & (rng.random(n) < 0.6), mobile(org, user), places(org, day)[user])
    known = org.machines.managed[machine] & (rng.random(n) < 0.75)
    outcome = rng.choice(6, n, p=[0.66, 0.09, 0.13, 0.08, 0.03, 0.01])
    return decisions(
        time=times(org, day, user, rng),
        user=user,
        machine=np.where(known, machine, -1),
        place=place,
        service=_of_kind(org, rng, n, SINGLE_SIGN_ON, CONSOLE, GATEWAY, BASTION),
        outcome=outcome,
        mfa=(rng.random(n) < 0.55).astype(np.int64),
    )


def _domain(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    user = workers(org, day, np.where(org.people.role == SERVICE, 26.0, 7.0), rng)
    n = len(user)
    return decisions(
        time=times(org, day, user, rng),
        user=user,
        machine=org.people.machine[user],
        place=-1,
        service=_of_kind(org, rng, n, DOMAIN, FILES),
        outcome=rng.choice(6, n, p=[0.64, 0.09, 0.02, 0.07, 0.17, 0.01]),
        mfa=0,
    )


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
        machine=-1,
        place=rng.choice(org.places.of(HOSTING), visits)[tries],
        service=_of_kind(org, rng, visits, SINGLE_SIGN_ON, GATEWAY, BASTION, CONSOLE)[tries],
        outcome=rng.choice(6, n, p=[0.04, 0.74, 0.12, 0.02, 0.03, 0.05]),
        mfa=(rng.random(n) < 0.3).astype(np.int64),
    )
