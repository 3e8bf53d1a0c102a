"""Who is where, in which session, behind which address: pure functions of the seed, a person and a time.

So every event of a person can be followed, whichever part of the simulation makes it, and no day waits for another.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.organization import LAPTOP, MOBILE, PHONE, SERVICE, VPN, Floats, Ints, Organization

# Sessions on a day: a person's before and after lunch, at other times, and on the phone; an account's, by hour.
SLOTS = 24
OTHER, ON_PHONE = 2, 3
STRANGE = 1 << 40  # sessions from here on are attempts, or somebody else's
WIRED, TUNNEL, REMOTE = range(3)  # ways into the network: a lease in the office, the VPN, or none
WEB, HOST_LOGON, NETWORK = range(3)  # who gives ids to sessions
RENEWED = 7  # days that a lease lasts
HOMES = 16  # addresses of machines behind routers at home: many have the same
BEHIND = 3  # people behind each address of the VPN, on average


def mixed(*parts: Any) -> NDArray[np.uint64]:
    """A random number for each combination of whole numbers, arrays or not (SplitMix64)."""
    value: NDArray[np.uint64] = np.zeros(1, np.uint64)
    for part in parts:
        value = value + np.asarray(part).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value = value ^ (value >> np.uint64(31))
    return value


def chance(*parts: Any) -> Floats:
    """A number from 0 to 1 for each combination of whole numbers."""
    return (mixed(*parts) >> np.uint64(11)).astype(np.float64) / 2**53


def open_session(org: Organization, person: Ints, time: Ints, *, phone: Any = False) -> Ints:
    """The number of the session that each person's events at `time` (ms) belong to."""
    people, day = org.people, (time - START) // DAY
    begin = people.begin[person] + np.where(people.moved[person] <= day, people.shift[person], 0)
    # The day of a person begins four hours before work, wherever they are.
    since = (time - START) / HOUR + people.zone[person] - begin + 4
    own_day = np.floor(since / 24)
    share = (since - 24 * own_day - 4) / people.hours[person]
    slot = np.select([share < 0, share < 0.51, share < 1.1], [OTHER, 0, 1], OTHER)
    service = people.role[person] == SERVICE
    slot = np.where(service, (time - START) % DAY // (DAY // SLOTS), np.where(phone, ON_PHONE, slot))
    return (((np.where(service, day, own_day) + 1) * len(people) + person) * SLOTS + slot).astype(np.int64)


def whereabouts(org: Organization, session: Ints) -> tuple[Ints, Ints, Ints]:
    """In each session: the place whose address the world sees, the way into the network, and where the VPN is reached.

    The last is home, or a hotel.
    """
    people = org.people
    slot, which = session % SLOTS, session // SLOTS
    person, day = which % len(people), which // len(people) - 1
    away = (people.trip[person] >= 0) & (people.trip_begin[person] <= day) & (day < people.trip_end[person])
    at_home = chance(org.seed, 1, which) < np.where(slot == OTHER, 0.9, people.remote[person])
    office = ~away & ((people.role[person] == SERVICE) | ~at_home)
    way = np.where(office, WIRED, np.where(people.vpn[person] & (slot != ON_PHONE), TUNNEL, REMOTE))
    outside = np.where(away, people.trip[person], people.home[person])
    gateway, networks = org.places.of(VPN)[people.office[person] % 2], org.places.of(MOBILE)
    mobile = (slot == ON_PHONE) & (chance(org.seed, 2, session) < 0.6)
    place = np.where(office, people.office[person], np.where(way == TUNNEL, gateway, outside))
    return np.where(mobile, networks[person % len(networks)], place), way, outside


def _pool(n: int) -> int:
    """A prime, somewhat above `n`: so `a * k + b` modulo it gives each `k` below `n` an address of its own."""
    size = n + n // 4 + 11
    while any(size % k == 0 for k in range(2, int(size**0.5) + 1)):
        size += 1
    return size


def pools(org: Organization) -> tuple[int, int, int]:
    """How many addresses there are: of the machines' own, for leases (in each of `RENEWED` groups), in the VPN."""
    owned = int((org.machines.owner >= 0).sum())
    return len(org.machines.kind), _pool(owned // RENEWED + 1), len(org.people) // BEHIND


def address(org: Organization, machine: Ints, time: Ints, *, inside: bool = False) -> Ints:
    """The address of each machine at `time`, as a number: its own, or of a lease, the VPN, or a router at home.

    Whoever reaches something `inside` is on the VPN, where not in the office.
    """
    fixed, leases, tunnels = pools(org)
    owner, kind = np.maximum(org.machines.owner[machine], 0), org.machines.kind[machine]
    session = open_session(org, owner, time, phone=kind == PHONE)
    way = whereabouts(org, session)[1]
    day = session // SLOTS // len(org.people)
    group, number = machine % RENEWED, machine // RENEWED
    epoch = (day + group) // RENEWED
    slope, shift, size = mixed(org.seed, 3, group, epoch), mixed(org.seed, 4, group, epoch), np.uint64(leases)
    slot = ((slope % (size - np.uint64(1)) + np.uint64(1)) * number.astype(np.uint64) + shift % size) % size
    lease = fixed + group * leases + slot.astype(np.int64)
    tunnel = (mixed(org.seed, 5, day // RENEWED, owner) % np.uint64(tunnels)).astype(np.int64)
    home = (mixed(org.seed, 7, owner) % np.uint64(HOMES)).astype(np.int64)
    first = fixed + RENEWED * leases
    moving = np.select([way == WIRED, (way == TUNNEL) | inside], [lease, first + tunnel], first + tunnels + home)
    return np.where(np.isin(kind, (LAPTOP, PHONE)), moving, machine)


def session_uid(org: Organization, session: Ints, issuer: Any) -> pl.Series:
    """The id of each session, as its issuer gave it; nothing but the session and the issuer decides it."""
    raw = mixed(org.seed, 8, issuer, session).astype(">u8").tobytes()
    return pl.Series(raw.hex("-", -8).split("-") if raw else [], dtype=pl.String)
