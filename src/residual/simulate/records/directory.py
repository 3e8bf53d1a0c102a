"""The organization's entities with all that OCSF says of them: users, devices, endpoints, services.

Each is one struct column with one row per entity, twice: first as a source with an inventory writes it, then as a
source writes that knows only names and addresses. Records gather from them.
"""

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
from residual.simulate.records.columns import constant, hexes, pack, some, take, uuids, with_caption
from residual.simulate.seeds import generator


@dataclass(frozen=True)
class Directory:
    """Struct columns by entity; `brief` versions follow the full ones at an offset of the number of entities."""

    domain: str
    tenant: str
    users: pl.Series
    devices: pl.Series
    machines: pl.Series  # as network endpoints
    places: pl.Series
    targets: pl.Series
    hosts: pl.Series  # names of targets
    clouds: pl.Series  # by region
    names: pl.Series
    parents: pl.Series


def _brief(full: dict[str, pl.Series], kept: tuple[str, ...]) -> pl.Series:
    """The full structs, then again with all but `kept` missing."""
    frame = pl.DataFrame(full)
    less = frame.with_columns(
        pl.lit(None, dtype=frame.schema[name]).alias(name) for name in frame.columns if name not in kept
    )
    return pl.concat([frame, less]).to_struct()


def _text(values: list[str] | tuple[str, ...], index: Ints) -> pl.Series:
    return take(pl.Series(values, dtype=pl.String), index)


def _addresses(networks: tuple[str, ...], network: Ints, number: Ints) -> pl.Series:
    """Private addresses, numbered through in networks of /16."""
    return pl.Series([f"{networks[a]}.{b // 200}.{b % 200 + 10}" for a, b in zip(network, number, strict=True)])


def directory(org: Organization) -> Directory:
    """All entities of an organization, dressed."""
    rng = generator(org.seed, "directory")
    company = f"{words.COMPANY[rng.integers(len(words.COMPANY))]} {words.TRADE[rng.integers(len(words.TRADE))]}"
    domain = company.lower().replace(" ", "-") + ".example"
    given, family = (
        rng.integers(0, len(words.GIVEN), len(org.people)),
        rng.integers(0, len(words.FAMILY), len(org.people)),
    )
    users = _users(org, rng, company, domain, given, family)
    names = users.struct.field("name").head(len(org.people))
    hostnames = _hostnames(org, rng, domain)
    subnet = rng.integers(0, len(words.NETWORKS), len(org.machines.kind))
    machine_ip = _addresses(words.NETWORKS, subnet, rng.permutation(len(subnet)))
    stems, letters = words.SAAS_STEMS, ("api", "app", "cdn")
    saas = [f"{stems[k // 3]}-{letters[k % 3]}.example" for k in range(3 * len(stems))]
    hosts = pl.concat([hostnames.gather(org.targets.machine[org.targets.machine >= 0]), pl.Series(saas)])
    endpoints = _machine_endpoints(org, rng, hostnames, machine_ip, domain)
    popular = [*saas, *(f"www.{a}{b}.example" for a in stems for b in ("shop", "news", "wiki"))]
    return Directory(
        domain=domain,
        tenant=hexes(rng, 1, 8)[0],
        users=users,
        devices=_devices(org, rng, hostnames, machine_ip, company, domain, names),
        machines=endpoints,
        places=_places(org, rng),
        targets=_targets(org, rng, endpoints, hosts),
        hosts=hosts,
        clouds=_clouds(rng, company),
        names=pl.Series(rng.permutation(popular)[: len(org.names.fixed)]),
        parents=pl.Series(
            [f"{a}{b}.{c}.example" for a, b, c in zip(*_parents(rng, len(org.names.parents)), strict=True)]
        ),
    )


def _parents(rng: np.random.Generator, n: int) -> tuple[list[str], list[int], list[str]]:
    second = ("edge", "cdn", "sig", "rep", "live")
    picks = rng.permutation(len(words.SAAS_STEMS) * 20)[:n] if n <= len(words.SAAS_STEMS) * 20 else np.arange(n)
    stems = [words.SAAS_STEMS[k % len(words.SAAS_STEMS)] for k in picks]
    return stems, [int(k) // len(words.SAAS_STEMS) for k in picks], [second[k] for k in rng.integers(0, 5, n)]


def _hostnames(org: Organization, rng: np.random.Generator, domain: str) -> pl.Series:
    codes = np.array([row[0][:3].lower() for row in words.CITIES])[org.places.city]
    prefix = codes[org.machines.site]
    numbers = rng.permutation(len(prefix)) + 1000
    return pl.Series([f"{p}-{k}.corp.{domain}" for p, k in zip(prefix, numbers, strict=True)])


def _users(
    org: Organization, rng: np.random.Generator, company: str, domain: str, given: Ints, family: Ints
) -> pl.Series:
    n, role = len(org.people), org.people.role
    person = role != SERVICE
    apps = [f"svc-{words.APPLICATIONS[k % len(words.APPLICATIONS)]}-{k}" for k in range(n)]
    login = [
        f"{words.GIVEN[g][0].lower()}{words.FAMILY[f].lower()}{k}" if p else apps[k]
        for k, (g, f, p) in enumerate(zip(given, family, person, strict=True))
    ]
    full = [f"{words.GIVEN[g]} {words.FAMILY[f]}" for g, f in zip(given, family, strict=True)]
    name = pl.Series(login)
    employee = pl.Series(rng.permutation(n) + 20_000).cast(pl.String)
    roles = [row[0] for row in words.ROLES] + ["service"]
    offices = [words.CITIES[org.places.city[k]][0] for k in range(3)]
    group = pack({"name": _text(roles, role), "uid": hexes(rng, n, 6)})
    ldap = pack(
        {
            "department": _text(roles, role),
            "job_title": some(_text(["associate", "specialist", "lead"], rng.integers(0, 3, n)), rng.random(n) < 0.8),
            "employee_uid": employee,
            "office_location": _text(offices, org.people.office),
            "cost_center": pl.Series(4000 + role * 10).cast(pl.String),
            "hire_time": pl.Series(START - DAY * rng.integers(30, 3000, n)),
            "given_name": _text(words.GIVEN, given),
            "surname": _text(words.FAMILY, family),
        },
        person,
    )
    account_type = with_caption("account", "type_id", np.where(role % 3 == 0, 10, 2))
    account = pack({"name": name, "uid": "S-1-5-21-" + employee, **account_type})
    columns = {
        "name": name,
        "uid": uuids(rng, n),
        **with_caption("user", "type_id", np.select([role == 7, role == SERVICE], [2, 4], 1)),
        "domain": constant(domain, n),
        "email_addr": some(name + f"@{domain}", person),
        "full_name": some(pl.Series(full), person),
        "has_mfa": pl.Series(rng.random(n) < 0.8),
        "account": account,
        "ldap_person": ldap,
        "org": pack({"name": constant(company, n), "ou_name": _text(roles, role)}),
        "groups": pl.DataFrame({"g": group}).select(pl.concat_list("g"))["g"],
    }
    return _brief(columns, ("name", "uid", "type_id", "type", "domain"))


def _system(org: Organization, index: Ints, rng: np.random.Generator) -> pl.Series:
    names, _, ids, versions, builds, editions = zip(*words.SYSTEMS, strict=True)
    system, n = org.machines.system[index], len(index)
    return pack(
        {
            "name": _text(names, system),
            "type": _text([with_caption("os", "type_id", np.array([i]))["type"][0] for i in ids], system),
            "type_id": take(pl.Series(ids, dtype=pl.Int32), system),
            "version": _text(versions, system),
            "build": take(pl.Series(builds, dtype=pl.String), system),
            "edition": take(pl.Series(editions, dtype=pl.String), system),
            "lang": some(_text(["en", "de", "fr"], rng.integers(0, 3, n)), org.machines.kind[index] == LAPTOP),
            "cpu_bits": constant(64, n),
            "kernel_release": some(_text(["6.5.0-44", "6.1.94"], rng.integers(0, 2, n)), types_are_linux(system)),
        }
    )


def types_are_linux(system: Ints) -> np.ndarray:
    """Which systems have a Linux kernel to name."""
    return np.isin(system, (words.UBUNTU, words.CLOUD_LINUX))


def _devices(
    org: Organization,
    rng: np.random.Generator,
    hostnames: pl.Series,
    ips: pl.Series,
    company: str,
    domain: str,
    names: pl.Series,
) -> pl.Series:
    kind, n = org.machines.kind, len(org.machines.kind)
    owned, cloud, laptop = org.machines.owner >= 0, kind == INSTANCE, kind == LAPTOP
    city = org.places.city[org.machines.site]
    managed = org.machines.managed
    vendor = rng.integers(0, 3, n)
    cities = list(zip(*words.CITIES, strict=True))
    columns = {
        "hostname": hostnames,
        "name": hostnames.str.split(".").list.first(),
        "uid": uuids(rng, n),
        "ip": ips,
        "mac": some(_mac(rng, n), ~cloud),
        **with_caption("device", "type_id", _type(org)),
        "domain": some(constant(domain, n), np.isin(org.machines.system, (words.WINDOWS, words.SERVER))),
        "region": some(_text([row[6] for row in words.CITIES], city), cloud),
        "zone": some(_text([row[6] + "a" for row in words.CITIES], city), cloud),
        "vpc_uid": some(_text(["vpc-0a1", "vpc-0b2", "vpc-0c3"], org.machines.site), cloud),
        "instance_uid": some("i-" + hexes(rng, n, 8), cloud),
        "subnet_uid": some(_text(["subnet-1", "subnet-2", "subnet-3"], org.machines.site), cloud),
        "interface_uid": some("eni-" + hexes(rng, n, 8), cloud),
        "hypervisor": some(constant("KVM", n), cloud & (rng.random(n) < 0.7)),
        "autoscale_uid": some("asg-" + hexes(rng, n, 4), cloud & (rng.random(n) < 0.4)),
        "subnet": some(ips.str.replace(r"\.\d+\.\d+$", ".0.0/16"), ~cloud),
        "vlan_uid": some(pl.Series(100 + org.machines.site * 10 + kind).cast(pl.String), (kind == 2) | laptop),
        "model": some(_text(["X1-14", "Pro-16", "T14"], vendor), laptop),
        "vendor_name": some(_text(["Oakbook", "Ferncomp", "Slatebyte"], vendor), owned),
        "is_managed": pl.Series(managed),
        "is_compliant": some(pl.Series(rng.random(n) < 0.9), managed),
        "is_trusted": some(pl.Series(rng.random(n) < 0.95), owned & managed),
        "is_personal": some(pl.Series(kind == PHONE), owned),
        "is_backed_up": some(pl.Series(rng.random(n) < 0.8), ~owned),
        "boot_time": some(pl.Series(START - rng.integers(0, 30 * DAY, n)), managed),
        "created_time": some(pl.Series(START - rng.integers(30 * DAY, 900 * DAY, n)), cloud | laptop),
        "os": _system(org, np.arange(n), rng),
        "hw_info": pack(
            {
                "cpu_type": _text(["x86_64", "arm64"], rng.integers(0, 2, n)),
                "cpu_cores": pl.Series(2 ** rng.integers(1, 6, n)).cast(pl.Int32),
                "ram_size": pl.Series(1024 * 2 ** rng.integers(3, 8, n)).cast(pl.Int32),
                "serial_number": hexes(rng, n, 5),
            },
            managed & ~cloud,
        ),
        "location": pack(
            {"city": _text(cities[0], city), "country": _text(cities[1], city), "continent": _text(cities[2], city)},
            ~cloud,
        ),
        "owner": pack(
            {"name": take(names, org.machines.owner), "email_addr": take(names, org.machines.owner) + f"@{domain}"},
            owned,
        ),
        "image": pack({"name": constant("golden-2025-02", n), "uid": "ami-" + hexes(rng, n, 4)}, cloud),
        "org": pack({"name": constant(company, n)}, managed),
    }
    return _brief(columns, ("hostname", "uid", "ip", "type_id", "type", "os"))


def _type(org: Organization) -> Ints:
    """OCSF's type of each machine; half of the hosts are virtual, on the premises as in the cloud."""
    kind = org.machines.kind
    virtual = np.isin(kind, (HOST, INSTANCE)) & (np.arange(len(kind)) % 2 == 0)
    return np.where(virtual, 6, np.array([3, 5, 1, 1, 1])[kind])


def _mac(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series([rng.bytes(6).hex(":") for _ in range(n)])


def _location(city: Ints) -> pl.Series:
    names, countries, continents, lat, long, _, region = zip(*words.CITIES, strict=True)
    return pack(
        {
            "city": _text(names, city),
            "country": _text(countries, city),
            "continent": _text(continents, city),
            "lat": take(pl.Series(lat), city),
            "long": take(pl.Series(long), city),
            "region": _text([f"{c}-{r[-1]}" for c, r in zip(countries, region, strict=True)], city),
        }
    )


_ENDPOINT = (
    *("ip", "hostname", "name", "type_id", "type", "mac", "domain", "subnet_uid", "vlan_uid", "vpc_uid"),
    *("instance_uid", "interface_uid", "zone", "isp", "isp_org", "svc_name", "network_scope_id", "network_scope"),
    *("location", "autonomous_system", "os"),
)
_BRIEF_ENDPOINT = ("ip", "hostname")


def _endpoints(columns: dict[str, pl.Series], n: int, like: pl.Series | None = None) -> pl.Series:
    schema = {} if like is None else dict(like.struct.schema)
    filled = {k: columns[k] if k in columns else pl.repeat(None, n, eager=True, dtype=schema[k]) for k in _ENDPOINT}
    return _brief(filled, _BRIEF_ENDPOINT)


def _empty_endpoint() -> pl.Series:
    """The types of an endpoint's fields."""
    place = pack({"number": pl.Series([0], dtype=pl.Int32), "name": pl.Series([""])})
    system = pl.Series(
        [{"name": "", "type": "", "type_id": 0}],
        dtype=pl.Struct({"name": pl.String, "type": pl.String, "type_id": pl.Int32}),
    )
    types = {"location": _location(np.array([0])).dtype, "autonomous_system": place.dtype, "os": system.dtype}
    ids = {"type_id": pl.Int32(), "network_scope_id": pl.Int32()}
    return pl.Series([None], dtype=pl.Struct({name: {**types, **ids}.get(name, pl.String()) for name in _ENDPOINT}))


def _machine_endpoints(
    org: Organization, rng: np.random.Generator, hostnames: pl.Series, ips: pl.Series, domain: str
) -> pl.Series:
    kind, n = org.machines.kind, len(org.machines.kind)
    cloud = kind == INSTANCE
    located = org.machines.managed & (rng.random(n) < 0.75)
    systems = _system(org, np.arange(n), rng)
    columns = {
        "ip": ips,
        "hostname": hostnames,
        "name": some(hostnames.str.split(".").list.first(), org.machines.managed),
        **with_caption("network_endpoint", "type_id", _type(org)),
        "mac": some(_mac(rng, n), ~cloud),
        "domain": some(constant(domain, n), ~cloud),
        "vlan_uid": some(pl.Series(100 + org.machines.site * 10 + kind).cast(pl.String), ~cloud),
        "subnet_uid": some(_text(["subnet-1", "subnet-2", "subnet-3"], org.machines.site), cloud),
        "vpc_uid": some(_text(["vpc-0a1", "vpc-0b2", "vpc-0c3"], org.machines.site), cloud),
        "instance_uid": some("i-" + hexes(rng, n, 8), cloud),
        "zone": some(_text([row[6] + "a" for row in words.CITIES], org.places.city[org.machines.site]), cloud),
        **with_caption("network_endpoint", "network_scope_id", np.ones(n)),
        "location": some(_location(org.places.city[org.machines.site]), located),
        "os": some(pack({k: systems.struct.field(k) for k in ("name", "type", "type_id")}), org.machines.managed),
    }
    return _endpoints(columns, n, _empty_endpoint())


def _public(rng: np.random.Generator, n: int) -> pl.Series:
    first = rng.choice([23, 31, 45, 62, 77, 81, 91, 104, 146, 151, 185, 193, 203], n)
    rest = rng.permutation(250 * 250)[:n]
    return pl.Series(
        [f"{a}.{b % 250 + 2}.{b // 250 + 1}.{c}" for a, b, c in zip(first, rest, rng.integers(2, 250, n), strict=True)]
    )


def _places(org: Organization, rng: np.random.Generator) -> pl.Series:
    n, provider = len(org.places.kind), org.places.provider
    system = pack({"number": pl.Series(64_600 + provider * 7).cast(pl.Int32), "name": _text(words.PROVIDERS, provider)})
    known = np.isin(org.places.kind, (OFFICE, VPN)) | (rng.random(n) < 0.6)
    hosting = org.places.kind == HOSTING
    columns = {
        "ip": _public(rng, n),
        "hostname": some("host-" + hexes(rng, n, 3) + ".net.example", rng.random(n) < 0.3),
        "isp": _text(words.PROVIDERS, provider),
        "isp_org": some(_text(words.PROVIDERS, provider), hosting | (rng.random(n) < 0.5)),
        **with_caption("network_endpoint", "network_scope_id", np.full(n, 2)),
        "location": some(_location(org.places.city), rng.random(n) < 0.93),
        "autonomous_system": some(system, known),
    }
    return _endpoints(columns, n, _empty_endpoint())


def _targets(org: Organization, rng: np.random.Generator, machines: pl.Series, hosts: pl.Series) -> pl.Series:
    ours = org.targets.machine[org.targets.machine >= 0]
    n = len(org.targets.machine) - len(ours)
    city, provider = rng.integers(0, len(words.CITIES), n), rng.integers(0, 12, n)
    system = pack({"number": pl.Series(64_600 + provider * 7).cast(pl.Int32), "name": _text(words.PROVIDERS, provider)})
    stem = hosts.tail(n).str.split("-").list.first()
    columns = {
        "ip": _public(rng, n),
        "hostname": hosts.tail(n),
        "domain": some(stem + ".example", rng.random(n) < 0.6),
        "svc_name": some(stem, rng.random(n) < 0.5),
        **with_caption("network_endpoint", "network_scope_id", np.full(n, 2)),
        "location": some(_location(city), rng.random(n) < 0.55),  # content networks are everywhere
        "autonomous_system": some(system, rng.random(n) < 0.6),
    }
    outside = _endpoints(columns, n, _empty_endpoint())
    half = len(machines) // 2
    return pl.concat([machines.gather(ours), outside.head(n), machines.gather(ours + half), outside.tail(n)])


def _clouds(rng: np.random.Generator, company: str) -> pl.Series:
    n = len(words.API_REGIONS)
    account = pack(
        {
            "name": _text(["production", "staging", "shared"], np.arange(n) % 3),
            "uid": pl.Series(rng.integers(10**11, 10**12, 3)[np.arange(n) % 3]).cast(pl.String),
            **with_caption("account", "type_id", np.full(n, 10)),
        }
    )
    columns = {
        "provider": constant("AWS", n),
        "region": pl.Series(words.API_REGIONS),
        "account": account,
        "zone": pl.Series(words.API_REGIONS) + "a",
        "cloud_partition": constant("aws", n),
        "org": pack({"name": constant(company, n), "uid": constant("o-" + hexes(rng, 1, 5)[0], n)}),
    }
    return _brief(columns, ("provider", "region", "account"))
