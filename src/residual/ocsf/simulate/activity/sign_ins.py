"""Authentication (3002): people at portals and in the domain, service accounts, and the internet knocking."""

import numpy as np
import polars as pl

from residual.ocsf.simulate.activity.whereabouts import mobile, places
from residual.ocsf.simulate.calendar import DAY, MINUTE, SECOND, START, times, workers
from residual.ocsf.simulate.organization import (
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


def frame(time: Ints, user: Ints, machine: Ints, place: Ints, service: Ints, outcome: Ints, mfa: Ints) -> pl.DataFrame:
    """Decisions of sign-ins. `machine` is -1 where the service saw none, `place` -1 for the internal network."""
    return pl.DataFrame(
        {
            "time": time,
            "user": user,
            "machine": machine,
            "place": place,
            "service": service,
            "outcome": outcome,
            "mfa": mfa,
        }
    ).cast(pl.Int64)


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
    return frame(
        times(org, day, user, rng),
        user,
        np.where(known, machine, -1),
        place,
        _of_kind(org, rng, n, SINGLE_SIGN_ON, CONSOLE, GATEWAY, BASTION),
        outcome,
        (rng.random(n) < 0.55).astype(np.int64),
    )


def _domain(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    user = workers(org, day, np.where(org.people.role == SERVICE, 26.0, 7.0), rng)
    n = len(user)
    return frame(
        times(org, day, user, rng),
        user,
        org.people.machine[user],
        np.full(n, -1),
        _of_kind(org, rng, n, DOMAIN, FILES),
        rng.choice(6, n, p=[0.64, 0.09, 0.02, 0.07, 0.17, 0.01]),
        np.zeros(n, dtype=np.int64),
    )


def _knocking(org: Organization, day: int, rng: np.random.Generator) -> pl.DataFrame:
    """The internet tries leaked names: one to four attempts from an address (23 of the real ones try three times)."""
    visits = rng.poisson(4.2 * org.users)
    tries = np.repeat(np.arange(visits), rng.integers(1, 5, visits))
    n = len(tries)
    start = START + day * DAY + (rng.random(visits) * (DAY - 10 * MINUTE)).astype(np.int64)
    user = rng.choice(len(org.people), visits, p=org.people.volume / org.people.volume.sum())
    return frame(
        start[tries] + np.sort(rng.integers(0, 90 * SECOND, n)) % (90 * SECOND),
        user[tries],
        np.full(n, -1),
        rng.choice(org.places.of(HOSTING), visits)[tries],
        _of_kind(org, rng, visits, SINGLE_SIGN_ON, GATEWAY, BASTION, CONSOLE)[tries],
        rng.choice(6, n, p=[0.04, 0.74, 0.12, 0.02, 0.03, 0.05]),
        (rng.random(n) < 0.3).astype(np.int64),
    )
