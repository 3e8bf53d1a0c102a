"""Where people are on a day: in the office, at home, on the VPN, travelling."""

import numpy as np

from residual.simulate.organization import MOBILE, SERVICE, VPN, Ints, Organization
from residual.simulate.seeds import generator


def places(org: Organization, day: int) -> Ints:
    """The place whose address each person shows to the world on `day`."""
    people, rng = org.people, generator(org.seed, "activity", day, 99)
    at_home = rng.random(len(people)) < people.remote
    vpn = org.places.of(VPN)[people.office % 2]
    place = np.where(at_home, np.where(people.vpn, vpn, people.home), people.office)
    place = np.where(people.role == SERVICE, people.office, place)
    away = (people.trip >= 0) & (people.trip_begin <= day) & (day < people.trip_end)
    return np.where(away, people.trip, place)


def mobile(org: Organization, person: Ints) -> Ints:
    """The mobile network that each person's phone is in."""
    networks = org.places.of(MOBILE)
    return networks[person % len(networks)]
