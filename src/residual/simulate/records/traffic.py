"""Network activity events (4001) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.traffic import OPEN
from residual.simulate.organization import HOST, INSTANCE, Ints, Organization
from residual.simulate.records.columns import constant, hexes, pack, some, take, timed, with_caption
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus

SOURCES = (
    Source("Endpoint Sensor", "Falconet", "7.14", "flows", inventory=True, timing=True),
    Source("Firewall", "Brickline", "11.1", "traffic", control=True, timing=True),
    Source("Flow Logs", "AWS", "5", "vpcflow", relay=True),
    Source("Network Sensor", "Zephyrmon", "6.2", "conn", timing=True, relay=True),
)
ENDPOINT, FIREWALL, FLOW_LOGS, SENSOR = range(4)
_ACTIVITY = np.array([6, 5, 4, 3])  # by state: traffic, refuse, fail, reset
_DETAILS = ("", "connection refused", "no answer", "reset by peer")


def _source(core: pl.DataFrame, org: Organization, rng: np.random.Generator) -> np.ndarray:
    """Each connection is seen by one source: on the machine, in the cloud, at the edge, or on the wire."""
    machine, n = core["machine"].to_numpy(), core.height
    dice = rng.random(n)
    cloud = (machine >= 0) & np.isin(org.machines.kind[machine], (HOST, INSTANCE))
    managed = (machine >= 0) & org.machines.managed[machine]
    rest = np.where(dice > 0.7, SENSOR, FIREWALL)
    return np.where(cloud & (dice > 0.75), FLOW_LOGS, np.where(managed & (dice < 0.55), ENDPOINT, rest))


def _rounded(values: Ints, digits: int) -> Ints:
    """So many leading digits, as of sampled flows; the last of them is even."""
    step = 2 * 10 ** np.maximum(np.log10(np.maximum(values, 1)).astype(np.int64) - digits + 1, 0)
    return np.maximum(values // step * step, 1)


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, state, machine, target = core.height, get["state"], get["machine"], get["target"]
    source = _source(core, org, rng)
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = (inventory | (source == SENSOR)) & (rng.random(n) < 0.4)
    out, back = _rounded(get["out"], 2), _rounded(get["back"], 2)
    region = (target + machine) % len(words.API_REGIONS)
    codes = pl.Series(["0", "111", "110", "104"])
    facts = Facts(
        activity=_ACTIVITY[state],
        failed=state != OPEN,
        code=some(take(codes, state), source == ENDPOINT),
        detail=some(take(pl.Series(_DETAILS), state), (state != OPEN) & np.isin(source, (FIREWALL, SENSOR))),
        source=source,
        region=region,
        ms=get["ms"],
    )
    machines, targets = len(entities.machines) // 2, len(entities.targets) // 2
    both = pl.concat([entities.machines, entities.places])
    visitor = machine < 0
    row = np.where(visitor, 2 * machines + get["place"], machine + machines * ~full)
    outside = org.targets.machine[target] < 0
    encrypted = np.isin(get["port"], (443, 8443)) & np.isin(source, (FIREWALL, SENSOR)) & (state == OPEN)
    names_host = outside & (rng.random(n) < 0.7)
    segments = [size // rng.integers(600, 1400, n) for size in (out, back)]
    packets_out = _rounded(1 + segments[0] + segments[1] // 2, 2)  # what comes in is acknowledged
    packets_in = _rounded(1 + segments[1] + segments[0] // 2, 2)
    direction = np.where(visitor, 1, np.where(outside, 2, 3))
    unsure = rng.random(n) < np.where(relay, 0.7, 0.35)
    boundary = np.where(unsure, 0, np.where(outside | visitor, 3, 2))
    known = (machine >= 0) & (source == ENDPOINT)
    program = take(pl.Series(["chrome", "svchost.exe", "python3", "java", "sync", "node"]), (machine + target) % 6)
    port = pl.Series(get["port"]).cast(pl.Int32)
    columns = {
        **header(4001, SOURCES, get["time"], facts, entities, rng),
        "src_endpoint": plus(take(both, row), port=pl.Series(rng.integers(1025, 65_536, n)).cast(pl.Int32)),
        "dst_endpoint": plus(take(entities.targets, target + targets * ~full), port=port),
        "traffic": pack(
            {
                "bytes": pl.Series(out + back),
                "bytes_out": pl.Series(out),
                "bytes_in": some(pl.Series(back), ~np.isin(source, (FLOW_LOGS,))),
                "packets": some(pl.Series(packets_out + packets_in), source != ENDPOINT),
                "packets_out": some(pl.Series(packets_out), source != FIREWALL),
                "packets_in": some(pl.Series(packets_in), source != FIREWALL),
                "bytes_missed": some(pl.Series(np.zeros(n, dtype=np.int64)), source == SENSOR),
            }
        ),
        "connection_info": pack(
            {
                "uid": hexes(rng, n, 9),
                **with_caption("network_connection_info", "direction_id", np.where(unsure, 0, direction)),
                **{
                    k: some(v, ~relay)
                    for k, v in with_caption("network_connection_info", "boundary_id", boundary).items()
                },
                "protocol_num": constant(6, n),
                "protocol_name": some(constant("tcp", n), ~np.isin(source, (FLOW_LOGS,))),
                **with_caption("network_connection_info", "protocol_ver_id", np.full(n, 4)),
                "tcp_flags": some(
                    pl.Series(np.array([27, 20, 2, 4])[state] - (rng.random(n) < 0.2)).cast(pl.Int32), relay
                ),
                "community_uid": some("1:" + hexes(rng, n, 10), source == SENSOR),
            }
        ),
        "tls": pack(
            {
                "version": take(pl.Series(["TLSv1.3", "TLSv1.2"]), (rng.random(n) < 0.3).astype(np.int64)),
                "cipher": take(
                    pl.Series(["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128"]),
                    rng.integers(0, 3, n),
                ),
                "sni": some(take(entities.hosts, target), names_host | ~outside),
                "key_length": some(constant(256, n), source == SENSOR),
                "handshake_dur": some(pl.Series(rng.lognormal(3.5, 0.6, n).astype(np.int32)), source == SENSOR),
                "ja3_hash": pack(
                    {**with_caption("fingerprint", "algorithm_id", np.ones(n)), "value": hexes(rng, n, 16)},
                    source == SENSOR,
                ),
                "certificate": pack(
                    {
                        "issuer": take(pl.Series(["R11", "GTS CA 1C3", "Corp CA"]), target % 3),
                        "serial_number": hexes(rng, n, 8),
                        "subject": "CN=" + take(entities.hosts, target),
                        "is_self_signed": constant(False, n),
                        "expiration_time": timed(get["time"] + 40 * 86_400_000 + target * 10_000_000),
                    },
                    (source == SENSOR) & (rng.random(n) < 0.6),
                ),
            },
            encrypted,
        ),
        "url": pack(
            {
                "hostname": take(entities.hosts, target),
                "path": take(pl.Series(["/", "/v1/sync", "/api", "/static"]), rng.integers(0, 4, n)),
                "scheme": constant("https", n),
                "domain": some(constant("example", n), rng.random(n) < 0.5),
                "categories": take(
                    pl.Series([[c] for c in words.CATEGORIES]), np.maximum(org.targets.category[target], 0)
                ),
            },
            (source == FIREWALL) & encrypted & (rng.random(n) < 0.7),
        ),
        "app_name": some(
            take(pl.Series(["web", "ssh", "files", "remote", "database"]), get["port"] % 5), source == FIREWALL
        ),
        "app_protocol_name": some(
            take(pl.Series(["https", "ssh", "smb", "other"]), np.searchsorted([22, 23, 443], get["port"])),
            source == SENSOR,
        ),
        "is_src_dst_assignment_known": some(constant(True, n), source == SENSOR),
        "observation_point": some(take(pl.Series(["core", "edge"]), region % 2), source == SENSOR),
        "device": take(entities.devices, machine + len(entities.devices) // 2 * (rng.random(n) < 0.75), known),
        "actor": pack(
            {
                "process": pack(
                    {
                        "name": program,
                        "pid": pl.Series(rng.integers(400, 32_000, n)).cast(pl.Int32),
                        "uid": hexes(rng, n, 8),
                        "cmd_line": some(program + " --service", rng.random(n) < 0.7),
                        "file": pack(
                            {
                                "name": program,
                                "path": "/opt/" + program,
                                **with_caption("file", "type_id", np.ones(n)),
                            }
                        ),
                    }
                ),
                "user": take(
                    entities.users,
                    org.machines.owner[machine] + len(entities.users) // 2,
                    org.machines.owner[machine] >= 0,
                ),
            },
            known,
        ),
    }
    return pl.DataFrame(columns)
