"""The state of the simulated organization: people, machines, places they come from, and what they talk to.

Everything is columns of numbers, one entry an entity; names and addresses are dressed on by `directory`. Told in
`book/part3/simulator.md`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.simulate import words
from residual.simulate.seeds import generator
from residual.simulate.workflows import OWN, ROLES, SERVICES, Workflows, workflows

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SERVICE = len(words.ROLES)  # the role of an account that no person uses
ENGINEER, ADMINISTRATOR = 0, 7
LAPTOP, PHONE, HOST, INSTANCE, SCANNER = range(5)  # kinds of machine; an instance is a host in the cloud
OFFICE, VPN, HOME, MOBILE, HOTEL, HOSTING = range(6)  # kinds of place
SINGLE_SIGN_ON, CONSOLE, GATEWAY, BASTION, DOMAIN, FILES = range(6)  # kinds of sign-in service


@dataclass(frozen=True)
class People:
    """Users, then service accounts. Hours are of the day at their office; days count from the simulation's first."""

    role: Ints
    office: Ints
    home: Ints
    machine: Ints
    phone: Ints  # -1 for none
    begin: Floats
    hours: Floats
    zone: Ints  # hours from UTC
    remote: Floats  # share of days at home
    weekend: Floats  # chance to work on a day of the weekend
    vpn: NDArray[np.bool_]
    volume: Floats
    hired: Ints
    trip: Ints  # a place, -1 for no travel
    trip_begin: Ints
    trip_end: Ints
    moved: Ints  # the day from which the hours shift (drift); after the end for most
    shift: Floats

    def __len__(self) -> int:
        return len(self.role)


@dataclass(frozen=True)
class Machines:
    kind: Ints
    system: Ints
    owner: Ints  # -1 for hosts
    site: Ints  # office, or region of the cloud
    managed: NDArray[np.bool_]

    def of(self, *kinds: int) -> Ints:
        """The machines of some kinds."""
        return np.flatnonzero(np.isin(self.kind, kinds))


@dataclass(frozen=True)
class Places:
    kind: Ints
    city: Ints
    provider: Ints

    def of(self, *kinds: int) -> Ints:
        """The places of some kinds."""
        return np.flatnonzero(np.isin(self.kind, kinds))


@dataclass(frozen=True)
class Targets:
    """Where connections go: first every host of the organization, then hosts of SaaS."""

    machine: Ints  # -1 for SaaS
    category: Ints  # -1 for the organization's own
    port: Ints
    popularity: Floats
    since: Ints  # the day from which anyone uses it (drift)


@dataclass(frozen=True)
class Names:
    """Names that are resolved: `fixed` popular ones, and parents under which labels are hashes."""

    fixed: Floats  # popularity
    parents: Floats
    shared: NDArray[np.bool_]  # whether everybody asks below this parent, or a handful of machines


@dataclass(frozen=True)
class Schedule:
    """Which service account does which task, every how many minutes, from which minute of the day on."""

    account: Ints
    task: Ints
    period: Floats
    phase: Floats


@dataclass(frozen=True)
class Organization:
    """A small organization over `days` days. The same arguments give the same organization."""

    seed: int
    days: int
    users: int
    people: People
    machines: Machines
    places: Places
    targets: Targets
    names: Names
    services: Ints  # kind of each sign-in service
    service_host: Ints  # the host it runs on
    applications: Ints  # the host of each application
    needs: Ints  # the application that each application depends on
    workflows: Workflows
    habits: Floats  # [people, tasks], chance that a task of a person is this one
    schedule: Schedule
    provisioners: Ints  # the few who provision accounts in the order that attacks have

    def callers(self, application: int) -> Ints:
        """The service accounts that call the cloud for an application."""
        accounts = np.flatnonzero(self.people.role == SERVICE)
        named = accounts[accounts % len(words.APPLICATIONS) == application]
        return named if len(named) else accounts[[application % len(accounts)]]


def organization(*, users: int, days: int, seed: int) -> Organization:
    """Set up an organization.

    Raises:
        ValueError: for fewer than ten users, or no day.
    """
    if users < 10:
        raise ValueError(f"users must be at least 10, got {users}")
    if days < 1:
        raise ValueError(f"days must be at least 1, got {days}")
    rng = generator(seed, "organization")
    accounts, hosts, instances = max(8, users // 6), max(24, users), max(12, users // 2)
    offices = rng.choice(len(words.CITIES), 3, replace=False)
    places = _places(rng, users, offices)
    people = _people(rng, users, accounts, hosts, days, offices, places)
    machines = _machines(rng, people, users, hosts, instances)
    ours = machines.of(HOST, INSTANCE)
    services = np.array([SINGLE_SIGN_ON, SINGLE_SIGN_ON, CONSOLE, GATEWAY, BASTION, BASTION, DOMAIN, DOMAIN, FILES])
    tasks = workflows(generator(seed, "organization", 1))
    habits = _habits(rng, people, tasks)
    return Organization(
        seed=seed,
        days=days,
        users=users,
        people=people,
        machines=machines,
        places=places,
        targets=_targets(rng, ours, days),
        names=_names(rng, users),
        services=services,
        service_host=rng.choice(ours, len(services)),
        applications=rng.choice(ours, len(words.APPLICATIONS)),
        needs=(np.arange(len(words.APPLICATIONS)) + rng.integers(1, 4, len(words.APPLICATIONS)))
        % len(words.APPLICATIONS),
        workflows=tasks,
        habits=habits,
        schedule=_schedule(rng, users, accounts, tasks),
        provisioners=np.concatenate(
            [rng.permutation(np.flatnonzero(people.role == role))[: max(1, users // 80)] for role in (7, SERVICE)]
        ),
    )


def _habits(rng: np.random.Generator, people: People, tasks: Workflows) -> Floats:
    """Each person likes some of the tasks of the role."""
    of_role = tasks.weight[:, np.minimum(people.role, len(ROLES) - 1)].T
    liked = of_role * rng.gamma(1.0, 1.0, of_role.shape)
    return liked / liked.sum(axis=1, keepdims=True)


def _schedule(rng: np.random.Generator, users: int, accounts: int, tasks: Workflows) -> Schedule:
    """Each service account has a task of its own, and every second one another; none has two of the first four."""
    n = len(SERVICES)
    first, account = int(np.flatnonzero(tasks.period)[0]), np.arange(accounts)
    another = OWN + (account * 5 + 3) % (n - OWN)
    task = first + np.concatenate([account % n, another[::2]])
    period = tasks.period[task] * rng.uniform(0.8, 1.25, len(task))
    return Schedule(users + np.concatenate([account, account[::2]]), task, period, rng.random(len(task)) * period)


def _places(rng: np.random.Generator, users: int, offices: Ints) -> Places:
    """Offices' and the VPN's egress, homes near an office, mobile networks, hotels anywhere, hosting."""
    hotels, hosting = 16, max(24, users // 3)
    kind = np.repeat([OFFICE, VPN, HOME, MOBILE, HOTEL, HOSTING], [3, 2, users, 6, hotels, hosting])
    near = offices[rng.choice(3, len(kind), p=[0.6, 0.25, 0.15])]
    anywhere = rng.integers(0, len(words.CITIES), len(kind))
    city = np.where(np.isin(kind, (HOTEL, HOSTING)) | (rng.random(len(kind)) < 0.15), anywhere, near)
    city[:3], city[3:5] = offices, offices[:2]
    provider = np.where(kind == HOSTING, rng.integers(8, 12, len(kind)), rng.integers(0, 8, len(kind)))
    return Places(kind, city, provider)


def _people(
    rng: np.random.Generator, users: int, accounts: int, hosts: int, days: int, offices: Ints, places: Places
) -> People:
    n = users + accounts
    person = np.arange(n) < users
    role = np.where(person, rng.choice(SERVICE, n, p=[row[1] for row in words.ROLES]), SERVICE)
    role[:2] = ENGINEER, ADMINISTRATOR  # whatever the dice say, somebody has to run the place
    office = rng.choice(3, n, p=[0.6, 0.25, 0.15])
    phone = np.where(person & (rng.random(n) < 0.6), 1, 0)
    phone = np.where(phone == 1, users + np.cumsum(phone) - 1, -1)
    first_host = users + int((phone >= 0).sum())
    trips = person & (rng.random(n) < 0.2)
    trip_begin = rng.integers(0, days, n)

    def late(share: float) -> Ints:
        return np.where(person & (rng.random(n) < share), rng.integers(0, days, n), 0)

    moved = late(0.06)
    return People(
        role=role,
        office=office,
        home=np.where(person, places.of(HOME)[np.minimum(np.arange(n), users - 1)], 0),
        machine=np.where(person, np.arange(n), first_host + rng.integers(0, hosts, n)),
        phone=phone,
        begin=rng.normal(8.6, 0.9, n),
        hours=rng.normal(8.8, 0.7, n),
        zone=np.array([row[5] for row in words.CITIES])[offices[office]],
        remote=np.where(rng.random(n) < 0.3, 0.7, 0.2),
        weekend=rng.beta(1, 9, n),
        vpn=rng.random(n) < 0.5,
        volume=rng.lognormal(0, 0.3, n),
        hired=late(0.04),
        trip=np.where(trips, rng.choice(places.of(HOTEL), n), -1),
        trip_begin=trip_begin,
        trip_end=trip_begin + rng.integers(2, 6, n),
        moved=np.where(moved > 0, moved, days),
        shift=rng.choice([-2.5, 2.5], n),
    )


def _machines(rng: np.random.Generator, people: People, users: int, hosts: int, instances: int) -> Machines:
    phones = int((people.phone >= 0).sum())
    kind = np.repeat([LAPTOP, PHONE, HOST, INSTANCE, SCANNER], [users, phones, hosts, instances, 1])
    n = len(kind)
    mixtures = {
        LAPTOP: ([words.WINDOWS, words.MACOS, words.UBUNTU], [0.55, 0.3, 0.15]),
        PHONE: ([words.IOS, words.ANDROID], [0.6, 0.4]),
        HOST: ([words.SERVER, words.UBUNTU], [0.45, 0.55]),
    }
    system = np.full(n, words.CLOUD_LINUX)
    for which, (systems, share) in mixtures.items():
        system = np.where(kind == which, rng.choice(systems, n, p=share), system)
    owner = np.full(n, -1)
    owner[:users] = np.arange(users)
    owner[users : users + phones] = np.flatnonzero(people.phone >= 0)
    site = np.where(owner >= 0, people.office[owner], rng.integers(0, 3, n))
    return Machines(kind, system, owner, site, rng.random(n) < np.array([0.85, 0.4, 0.75, 0.6, 1.0])[kind])


def _targets(rng: np.random.Generator, ours: Ints, days: int) -> Targets:
    saas = 3 * len(words.SAAS_STEMS)
    machine = np.concatenate([ours, np.full(saas, -1)])
    category = np.concatenate([np.full(len(ours), -1), np.repeat(rng.permutation(saas // 3) % 8, 3)])
    own_port = rng.choice([443, 22, 445, 3389, 5432, 8443, 9092, 389], len(machine), p=[0.36] + [0.1] * 5 + [0.07] * 2)
    popularity = rng.permutation(1 / np.arange(4, len(machine) + 4) ** 0.7)
    since = np.where((machine < 0) & (rng.random(len(machine)) < 0.05), rng.integers(0, days, len(machine)), 0)
    return Targets(machine, category, np.where(machine >= 0, own_port, 443), popularity, since)


def _names(rng: np.random.Generator, users: int) -> Names:
    fixed, shared, rare = 5 * len(words.SAAS_STEMS), 22, max(30, users)  # the first are those of hosts of SaaS
    parents = np.concatenate([rng.lognormal(0, 0.7, shared) * 8, rng.lognormal(0, 0.5, rare)])
    return Names(rng.permutation(1 / np.arange(3, fixed + 3) ** 0.9), parents, np.arange(shared + rare) < shared)
