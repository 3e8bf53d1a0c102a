"""The organization's entities with all that OCSF says of them: users, devices, endpoints, services.

Each is one struct column with one row per entity, twice: first as a source with an inventory writes it, then as a
source writes that knows only names and addresses. Records gather from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.calendar import DAY, START
from residual.simulate.organization import (
    HOST,
    HOSTING,
    INSTANCE,
    LAPTOP,
    OFFICE,
    PHONE,
    SERVICE,
    VPN,
    Ints,
    Organization,
)
from residual.simulate.records import columns as c
from residual.simulate.seeds import generator
from residual.simulate.sessions import HOMES, RENEWED, pools


@dataclass(frozen=True)
class Directory:
    """Struct columns by entity, of which brief versions follow the full ones; and columns of names."""

    domain: str
    tenant: str
    users: pl.Series
    devices: pl.Series
    endpoints: pl.Series  # machines, places, hosts outside
    of_target: Ints  # the row of each target among the endpoints
    addresses: pl.Series  # inside, as numbered by `sessions.address`
    hosts: pl.Series  # names of targets
    clouds: pl.Series  # by region
    names: pl.Series
    parents: pl.Series

    def user(self, index: Ints, full: c.Mask, where: c.Mask | None = None) -> pl.Series:
        """Users in full, or in brief; null for negative numbers and outside `where`."""
        return c.take(self.users, index + len(self.users) // 2 * ~full, where if where is not None else index >= 0)

    def device(self, index: Ints, full: c.Mask, where: c.Mask | None = None) -> pl.Series:
        """Machines as devices."""
        return c.take(self.devices, index + len(self.devices) // 2 * ~full, where if where is not None else index >= 0)

    def endpoint(self, machine: Ints, place: Ints, full: c.Mask) -> pl.Series:
        """Machines as endpoints, or the place where the machine is -1."""
        row = np.where(machine >= 0, machine, len(self.devices) // 2 + place)
        return c.take(self.endpoints, row + len(self.endpoints) // 2 * ~full)

    def target(self, target: Ints, full: c.Mask) -> pl.Series:
        """Targets as endpoints."""
        return c.take(self.endpoints, self.of_target[target] + len(self.endpoints) // 2 * ~full)


def _brief(full: dict[str, pl.Series] | pl.DataFrame, kept: tuple[str, ...]) -> pl.Series:
    """The full structs, then again with all but `kept` missing."""
    frame = pl.DataFrame(full)
    less = frame.with_columns(
        pl.lit(None, dtype=frame.schema[name]).alias(name) for name in frame.columns if name not in kept
    )
    return pl.concat([frame, less]).to_struct()


def _text(values: Sequence[str | None], index: Ints) -> pl.Series:
    return c.take(pl.Series(values, dtype=pl.String), index)


def _addresses(networks: tuple[str, ...], network: Ints, number: Ints) -> pl.Series:
    """Private addresses, numbered through in networks of /16."""
    return pl.Series([f"{networks[a]}.{b // 200}.{b % 200 + 10}" for a, b in zip(network, number, strict=True)])


def directory(org: Organization) -> Directory:
    """All entities of an organization, dressed."""
    rng = generator(org.seed, "directory")
    company = f"{words.COMPANY[rng.integers(len(words.COMPANY))]} {words.TRADE[rng.integers(len(words.TRADE))]}"
    domain = company.lower().replace(" ", "-") + ".example"
    users = _users(org, rng, company, domain)
    names = users.struct.field("name").head(len(org.people))
    hostnames = _hostnames(org, rng, domain)
    subnet = rng.integers(0, len(words.NETWORKS), len(org.machines.kind))
    fixed, leases, tunnels = pools(org)
    machine_ip = _addresses(words.NETWORKS, subnet, rng.permutation(fixed))
    leased = np.arange(RENEWED * leases)
    moving = _addresses(words.NETWORKS, leased // leases % len(words.NETWORKS), fixed + leased)
    tunnel_ip = _addresses(("10.99",), np.zeros(tunnels, int), np.arange(tunnels))
    routers = pl.Series([f"192.168.{1 if k % 3 else 178}.{k + 20}" for k in range(HOMES)])
    stems, letters = words.SAAS_STEMS, ("api", "app", "cdn")
    saas = [f"{stems[k // 3]}-{letters[k % 3]}.example" for k in range(3 * len(stems))]
    hosts = pl.concat([hostnames.gather(org.targets.machine[org.targets.machine >= 0]), pl.Series(saas)])
    machines = _machines(org, rng, hostnames, machine_ip, domain)
    endpoints = [_machine_endpoints(org, rng, machines), _places(org, rng), _outside(rng, hosts)]
    ours = org.targets.machine >= 0
    outside = sum(table.height for table in endpoints[:2]) + np.cumsum(~ours) - 1
    popular = [*saas, *(f"www.{a}{b}.example" for a in stems for b in ("shop", "news", "wiki"))]
    return Directory(
        domain=domain,
        tenant=c.hexes(rng, 1, 8)[0],
        users=users,
        devices=_devices(org, rng, machines, names, company),
        endpoints=_brief(pl.concat(endpoints, how="diagonal"), ("ip", "hostname")),
        of_target=np.where(ours, org.targets.machine, outside),
        addresses=pl.concat([machine_ip, moving, tunnel_ip, routers]),
        hosts=hosts,
        clouds=_clouds(rng, company),
        names=pl.Series(popular),
        parents=_parents(rng, len(org.names.parents)),
    )


def _parents(rng: np.random.Generator, n: int) -> pl.Series:
    stems, seconds = words.SAAS_STEMS, ("edge", "cdn", "sig", "rep", "live")
    picks = rng.permutation(len(stems) * 20)[:n] if n <= len(stems) * 20 else np.arange(n)
    second = rng.integers(0, 5, n)
    return pl.Series(
        [f"{stems[k % len(stems)]}{k // len(stems)}.{seconds[j]}.example" for k, j in zip(picks, second, strict=True)]
    )


def _hostnames(org: Organization, rng: np.random.Generator, domain: str) -> pl.Series:
    codes = np.array([row[0][:3].lower() for row in words.CITIES])[org.places.city]
    prefix = codes[org.machines.site]
    number = rng.permutation(len(prefix)) + 1000
    return pl.Series([f"{p}-{k}.corp.{domain}" for p, k in zip(prefix, number, strict=True)])


def _users(org: Organization, rng: np.random.Generator, company: str, domain: str) -> pl.Series:
    given, family = (rng.integers(0, len(names), len(org.people)) for names in (words.GIVEN, words.FAMILY))
    n, role = len(org.people), org.people.role
    person = role != SERVICE
    apps = [f"{words.APPLICATIONS[k % len(words.APPLICATIONS)]}-svc-{k}" for k in range(n)]
    login = [
        f"{words.GIVEN[g][0].lower()}{words.FAMILY[f].lower()}{k}" if p else apps[k]
        for k, (g, f, p) in enumerate(zip(given, family, person, strict=True))
    ]
    full = [f"{words.GIVEN[g]} {words.FAMILY[f]}" for g, f in zip(given, family, strict=True)]
    name = pl.Series(login)
    employee = pl.Series(rng.permutation(n) + 20_000).cast(pl.String)
    roles = [row[0] for row in words.ROLES] + ["service"]
    offices = [words.CITIES[org.places.city[k]][0] for k in range(3)]
    group = c.pack({"name": _text(roles, role), "uid": c.hexes(rng, n, 6)})
    titles = _text(["associate", "specialist", "lead"], rng.integers(0, 3, n))
    columns = {
        "name": name,
        "uid": c.uuids(rng, n),
        **c.with_caption("user", "type_id", np.select([role == 7, role == SERVICE], [2, 4], 1)),
        "domain": c.constant(domain, n),
        "email_addr": c.some(name + f"@{domain}", person),
        "full_name": c.some(pl.Series(full), person),
        "has_mfa": pl.Series(rng.random(n) < 0.8),
        "account.name": name,
        "account.uid": "S-1-5-21-" + employee,
        **c.with_caption("account", "type_id", np.where(role % 3 == 0, 10, 2), at="account."),
        "ldap_person.department": _text(roles, role),
        "ldap_person.job_title": c.some(titles, rng.random(n) < 0.8),
        "ldap_person.employee_uid": employee,
        "ldap_person.office_location": _text(offices, org.people.office),
        "ldap_person.cost_center": pl.Series(4000 + role * 10).cast(pl.String),
        "ldap_person.hire_time": pl.Series(START - DAY * rng.integers(30, 3000, n)),
        "ldap_person.given_name": _text(words.GIVEN, given),
        "ldap_person.surname": _text(words.FAMILY, family),
        "org.name": c.constant(company, n),
        "org.ou_name": _text(roles, role),
        "groups": pl.DataFrame({"g": group}).select(pl.concat_list("g"))["g"],
    }
    return _brief(c.nested(columns, {"ldap_person": person}), ("name", "uid", "type_id", "type", "domain"))


def _system(org: Organization, index: Ints, rng: np.random.Generator) -> pl.Series:
    names, _, ids, versions, builds, editions = (
        [value or None for value in column] for column in zip(*words.SYSTEMS, strict=True)
    )
    system, n = org.machines.system[index], len(index)
    linux = np.isin(system, (words.UBUNTU, words.CLOUD_LINUX))
    return c.pack(
        {
            "name": _text(names, system),
            "type": _text([c.with_caption("os", "type_id", np.array([i]))["type"][0] for i in ids], system),
            "type_id": c.take(pl.Series(ids, dtype=pl.Int32), system),
            "version": _text(versions, system),
            "build": c.take(pl.Series(builds, dtype=pl.String), system),
            "edition": c.take(pl.Series(editions, dtype=pl.String), system),
            "lang": c.some(_text(["en", "de", "fr"], rng.integers(0, 3, n)), org.machines.kind[index] == LAPTOP),
            "cpu_bits": c.constant(64, n),
            "kernel_release": c.some(_text(["6.5.0-44", "6.1.94"], rng.integers(0, 2, n)), linux),
        }
    )


def _machines(
    org: Organization, rng: np.random.Generator, hostnames: pl.Series, ips: pl.Series, domain: str
) -> dict[str, pl.Series]:
    """What is known of machines as devices and as endpoints."""
    kind, n, site = org.machines.kind, len(org.machines.kind), org.machines.site
    cloud, zones = kind == INSTANCE, [row[6] + "a" for row in words.CITIES]
    return {
        "ip": ips,
        "hostname": hostnames,
        "name": hostnames.str.split(".").list.first(),
        **c.with_caption("device", "type_id", _type(org)),
        "mac": c.some(pl.Series([rng.bytes(6).hex(":") for _ in range(n)]), ~cloud),
        "domain": c.only(domain, ~cloud),
        "vlan_uid": c.some(pl.Series(100 + site * 10 + kind).cast(pl.String), ~cloud & (kind != PHONE)),
        "subnet_uid": c.some(_text(["subnet-1", "subnet-2", "subnet-3"], site), cloud),
        "vpc_uid": c.some(_text(["vpc-0a1", "vpc-0b2", "vpc-0c3"], site), cloud),
        "instance_uid": c.some("i-" + c.hexes(rng, n, 8), cloud),
        "interface_uid": c.some("eni-" + c.hexes(rng, n, 8), cloud),
        "zone": c.some(_text(zones, org.places.city[site]), cloud),
    }


def _devices(
    org: Organization, rng: np.random.Generator, machines: dict[str, pl.Series], names: pl.Series, company: str
) -> pl.Series:
    kind, n, managed = org.machines.kind, len(org.machines.kind), org.machines.managed
    owned, cloud, laptop = org.machines.owner >= 0, kind == INSTANCE, kind == LAPTOP
    city, vendor = org.places.city[org.machines.site], rng.integers(0, 3, n)
    cities, countries, continents, *_ = zip(*words.CITIES, strict=True)
    owner = c.take(names, org.machines.owner)
    columns = machines | {
        "uid": c.uuids(rng, n),
        "ip": c.some(machines["ip"], ~owned),  # the address of the others changes with their lease
        "region": machines["zone"].str.head(-1),
        "hypervisor": c.only("KVM", cloud & (rng.random(n) < 0.7)),
        "autoscale_uid": c.some("asg-" + c.hexes(rng, n, 4), cloud & (rng.random(n) < 0.4)),
        "subnet": c.some(machines["ip"].str.replace(r"\.\d+\.\d+$", ".0.0/16"), ~cloud),
        "model": c.some(_text(["X1-14", "Pro-16", "T14"], vendor), laptop),
        "vendor_name": c.some(_text(["Oakbook", "Ferncomp", "Slatebyte"], vendor), owned),
        "is_managed": pl.Series(managed),
        "is_compliant": c.some(pl.Series(rng.random(n) < 0.9), managed),
        "is_trusted": c.some(pl.Series(rng.random(n) < 0.95), owned & managed),
        "is_personal": c.some(pl.Series(kind == PHONE), owned),
        "is_backed_up": c.some(pl.Series(rng.random(n) < 0.8), ~owned),
        "boot_time": c.some(pl.Series(START - rng.integers(0, 30 * DAY, n)), managed),
        "created_time": c.some(pl.Series(START - rng.integers(30 * DAY, 900 * DAY, n)), cloud | laptop),
        "os": _system(org, np.arange(n), rng),
        "hw_info.cpu_type": _text(["x86_64", "arm64"], rng.integers(0, 2, n)),
        "hw_info.cpu_cores": pl.Series(2 ** rng.integers(1, 6, n)).cast(pl.Int32),
        "hw_info.ram_size": pl.Series(1024 * 2 ** rng.integers(3, 8, n)).cast(pl.Int32),
        "hw_info.serial_number": c.hexes(rng, n, 5),
        "location.city": _text(cities, city),
        "location.country": _text(countries, city),
        "location.continent": _text(continents, city),
        "owner.name": owner,
        "owner.email_addr": owner + "@" + machines["hostname"].str.replace(r"^.*corp\.", ""),
        "image.name": c.constant("golden-2025-02", n),
        "image.uid": "ami-" + c.hexes(rng, n, 4),
        "org.name": c.constant(company, n),
    }
    where = {"hw_info": managed & ~cloud, "location": ~cloud, "owner": owned, "image": cloud, "org": managed}
    return _brief(c.nested(columns, where), ("hostname", "uid", "ip", "type_id", "type", "os"))


def _type(org: Organization) -> Ints:
    """OCSF's type of each machine; half of the hosts are virtual, on the premises as in the cloud."""
    kind = org.machines.kind
    virtual = np.isin(kind, (HOST, INSTANCE)) & (np.arange(len(kind)) % 2 == 0)
    return np.where(virtual, 6, np.array([3, 5, 1, 1, 1])[kind])


def _location(city: Ints) -> pl.Series:
    names, countries, continents, lat, long, _, region = zip(*words.CITIES, strict=True)
    return c.pack(
        {
            "city": _text(names, city),
            "country": _text(countries, city),
            "continent": _text(continents, city),
            "lat": c.take(pl.Series(lat), city),
            "long": c.take(pl.Series(long), city),
            "region": _text([f"{c}-{r[-1]}" for c, r in zip(countries, region, strict=True)], city),
        }
    )


def _machine_endpoints(org: Organization, rng: np.random.Generator, machines: dict[str, pl.Series]) -> pl.DataFrame:
    n, managed = len(org.machines.kind), org.machines.managed
    systems = _system(org, np.arange(n), rng)
    columns = machines | {
        **c.with_caption("network_endpoint", "network_scope_id", np.ones(n)),
        "location": c.some(_location(org.places.city[org.machines.site]), managed & (rng.random(n) < 0.75)),
        "os": c.some(c.pack({k: systems.struct.field(k) for k in ("name", "type", "type_id")}), managed),
    }
    return pl.DataFrame(columns)


def _public(rng: np.random.Generator, n: int) -> pl.Series:
    first = rng.choice([23, 31, 45, 62, 77, 81, 91, 104, 146, 151, 185, 193, 203], n)
    rest = rng.permutation(250 * 250)[:n]
    return pl.Series(
        [f"{a}.{b % 250 + 2}.{b // 250 + 1}.{c}" for a, b, c in zip(first, rest, rng.integers(2, 250, n), strict=True)]
    )


def _autonomous_system(provider: Ints) -> pl.Series:
    return c.pack({"number": pl.Series(64_600 + provider * 7).cast(pl.Int32), "name": _text(words.PROVIDERS, provider)})


def _places(org: Organization, rng: np.random.Generator) -> pl.DataFrame:
    n, provider, kind = len(org.places.kind), org.places.provider, org.places.kind
    columns = {
        "ip": _public(rng, n),
        "hostname": c.some("host-" + c.hexes(rng, n, 3) + ".net.example", rng.random(n) < 0.3),
        "isp": _text(words.PROVIDERS, provider),
        "isp_org": c.some(_text(words.PROVIDERS, provider), (kind == HOSTING) | (rng.random(n) < 0.5)),
        **c.with_caption("network_endpoint", "network_scope_id", np.full(n, 2)),
        "location": _location(org.places.city),
        "autonomous_system": c.some(_autonomous_system(provider), np.isin(kind, (OFFICE, VPN)) | (rng.random(n) < 0.6)),
    }
    return pl.DataFrame(columns)


def _outside(rng: np.random.Generator, hosts: pl.Series) -> pl.DataFrame:
    """Hosts of SaaS; content networks are everywhere, so half have no location."""
    n = 3 * len(words.SAAS_STEMS)
    city, provider = rng.integers(0, len(words.CITIES), n), rng.integers(0, 12, n)
    stem = hosts.tail(n).str.split("-").list.first()
    columns = {
        "ip": _public(rng, n),
        "hostname": hosts.tail(n),
        "domain": c.some(stem + ".example", rng.random(n) < 0.6),
        "svc_name": c.some(stem, rng.random(n) < 0.5),
        **c.with_caption("network_endpoint", "network_scope_id", np.full(n, 2)),
        "location": c.some(_location(city), rng.random(n) < 0.55),
        "autonomous_system": c.some(_autonomous_system(provider), rng.random(n) < 0.6),
    }
    return pl.DataFrame(columns)


def _clouds(rng: np.random.Generator, company: str) -> pl.Series:
    n = len(words.API_REGIONS)
    kind, numbers = np.arange(n) % 3, rng.integers(10**11, 10**12, 3)
    columns = {
        "provider": c.constant("AWS", n),
        "region": pl.Series(words.API_REGIONS),
        "account.name": _text(["production", "staging", "shared"], kind),
        "account.uid": pl.Series(numbers[kind]).cast(pl.String),
        **c.with_caption("account", "type_id", np.full(n, 10), at="account."),
        "zone": pl.Series(words.API_REGIONS) + "a",
        "cloud_partition": c.constant("aws", n),
        "org.name": c.constant(company, n),
        "org.uid": c.constant("o-" + c.hexes(rng, 1, 5)[0], n),
    }
    return _brief(c.nested(columns), ("provider", "region", "account"))
