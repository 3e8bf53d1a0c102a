"""When people work: the hours of one day, and the density that attacks and their twins follow too."""

import numpy as np

from residual.simulate.organization import SERVICE, Floats, Ints, Organization

START = 1_740_960_000_000  # Monday 3 March 2025, 00:00 UTC, in ms
DAY, HOUR, MINUTE, SECOND = 86_400_000, 3_600_000, 60_000, 1_000


def presence(org: Organization, day: int) -> Floats:
    """How much of a normal day's work each person does on `day`: 1, or the little of a weekend, or 0 before hire."""
    people = org.people
    weekend = day % 7 >= 5
    share = np.where(people.role == SERVICE, 1.0, people.weekend if weekend else 1.0)
    return np.where(people.hired <= day, share, 0.0)


def workers(org: Organization, day: int, rate: Floats, rng: np.random.Generator) -> Ints:
    """One entry an action: each person `rate` times on a normal day, more or less with `presence` and their volume."""
    n = rng.poisson(rate * presence(org, day) * org.people.volume)
    return np.repeat(np.arange(len(n)), n)


def times(org: Organization, day: int, person: Ints, rng: np.random.Generator) -> Ints:
    """Milliseconds at which each of `person` acts on `day`: two humps with a lunch between, and some late work.

    Service accounts act around the clock. Times stay within the day in UTC.
    """
    people, n = org.people, len(person)
    afternoon = rng.random(n) < 0.52
    within = np.where(afternoon, 0.56 + 0.44 * rng.beta(1.6, 2.0, n), 0.46 * rng.beta(2.0, 1.6, n))
    begin = people.begin[person] + np.where(people.moved[person] <= day, people.shift[person], 0)
    hour = begin + within * people.hours[person] - people.zone[person]
    anytime = (people.role[person] == SERVICE) | (rng.random(n) < 0.06)
    hour = np.where(anytime, rng.random(n) * 24, hour % 24)
    return START + day * DAY + (hour * HOUR).astype(np.int64)


def working_starts(org: Organization, n: int, rng: np.random.Generator, *, last: int) -> Ints:
    """Times of `n` starts, with the density of people's work over days up to `last`; and spread over them.

    Each start is the moment of one action of one person, so that days, weekends and hours weigh as they do in work.
    """
    weight = np.array([(presence(org, day) * org.people.volume)[: org.users].sum() for day in range(last)])
    # Evenly spaced quantiles with one random offset: few episodes still cover the period.
    level = (rng.permutation(n) + rng.random(n)) / max(n, 1)
    day = np.minimum(np.searchsorted(np.cumsum(weight) / weight.sum(), level), last - 1)
    who = rng.choice(org.users, n, p=org.people.volume[: org.users] / org.people.volume[: org.users].sum())
    return np.array([times(org, int(d), np.array([w]), rng)[0] for d, w in zip(day, who, strict=True)], dtype=np.int64)
