"""Network activity events (4001) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.traffic import OPEN
from residual.simulate.organization import HOST, INSTANCE, Ints, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus
from residual.simulate.records.sensors import actor, hostname
from residual.simulate.sessions import address

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
    rest = np.where(dice > 0.85, SENSOR, FIREWALL)
    return np.where(cloud & (dice > 0.75), FLOW_LOGS, np.where(managed & (dice < 0.55), ENDPOINT, rest))


def _seen(size: Ints, sampled: np.ndarray) -> Ints:
    """What a source counts: who samples packets knows two digits, and multiples of two."""
    step = 2 * 10 ** np.maximum(np.log10(np.maximum(size, 1)).astype(np.int64) - 1, 0)
    return np.where(sampled, np.maximum(size // step * step, 1), size)


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, state, machine, target = core.height, get["state"], get["machine"], get["target"]
    source = _source(core, org, rng)
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = (inventory | (source == SENSOR)) & (rng.random(n) < 0.4)
    sampled = np.isin(source, (FIREWALL, FLOW_LOGS))
    out, back = _seen(get["out"], sampled), _seen(get["back"], sampled)
    region = (target + machine) % len(words.API_REGIONS)
    codes = pl.Series(["0", "111", "110", "104"])
    facts = Facts(
        activity=_ACTIVITY[state],
        failed=state != OPEN,
        code=c.some(c.take(codes, state), source == ENDPOINT),
        detail=c.some(c.take(pl.Series(_DETAILS), state), (state != OPEN) & np.isin(source, (FIREWALL, SENSOR))),
        source=source,
        region=region,
        ms=get["ms"],
    )
    visitor = machine < 0
    inside = c.take(entities.addresses, np.where(visitor, -1, address(org, machine, get["time"])))
    source_endpoint = entities.endpoint(machine, get["place"], full | visitor)
    outside = org.targets.machine[target] < 0
    encrypted = np.isin(get["port"], (443, 8443)) & np.isin(source, (FIREWALL, SENSOR)) & (state == OPEN)
    names_host = outside & (rng.random(n) < 0.7)
    segments = [size // rng.integers(600, 1400, n) for size in (out, back)]
    packets_out = _seen(1 + segments[0] + segments[1] // 2, sampled)  # what comes in is acknowledged
    packets_in = _seen(1 + segments[1] + segments[0] // 2, sampled)
    direction = np.where(visitor, 1, np.where(outside, 2, 3))
    unsure = rng.random(n) < np.where(relay, 0.7, 0.35)
    boundary = np.where(unsure, 0, np.where(outside | visitor, 3, 2))
    known = (machine >= 0) & (source == ENDPOINT)
    program = c.take(["chrome", "svchost.exe", "python3", "java", "sync", "node"], (machine + target) % 6)
    port = pl.Series(get["port"]).cast(pl.Int32)
    columns = {
        **header(4001, SOURCES, get["time"], facts, entities, rng),
        "src_endpoint": plus(
            source_endpoint,
            ip=c.either(inside, source_endpoint.struct.field("ip")),
            hostname=hostname(entities, machine, np.isin(source, (ENDPOINT, SENSOR)), rng),
            port=c.numbers(rng, n, 1025, 65_536),
        ),
        "dst_endpoint": plus(entities.target(target, full), port=port),
        "traffic.bytes": pl.Series(out + back),
        "traffic.bytes_out": pl.Series(out),
        "traffic.bytes_in": c.some(pl.Series(back), ~np.isin(source, (FLOW_LOGS,))),
        "traffic.packets": c.some(pl.Series(packets_out + packets_in), source != ENDPOINT),
        "traffic.packets_out": c.some(pl.Series(packets_out), source != FIREWALL),
        "traffic.packets_in": c.some(pl.Series(packets_in), source != FIREWALL),
        "traffic.bytes_missed": c.some(pl.Series(np.zeros(n, dtype=np.int64)), source == SENSOR),
        "connection_info.uid": c.hexes(rng, n, 9),
        **c.with_caption(
            "network_connection_info", "direction_id", np.where(unsure, 0, direction), at="connection_info."
        ),
        **c.with_caption("network_connection_info", "boundary_id", boundary, where=~relay, at="connection_info."),
        "connection_info.protocol_num": c.constant(6, n),
        "connection_info.protocol_name": c.only("tcp", ~np.isin(source, (FLOW_LOGS,))),
        **c.with_caption("network_connection_info", "protocol_ver_id", np.full(n, 4), at="connection_info."),
        "connection_info.tcp_flags": c.some(
            pl.Series(np.array([27, 20, 2, 4])[state] - (rng.random(n) < 0.2)).cast(pl.Int32), relay
        ),
        "connection_info.community_uid": c.some("1:" + c.hexes(rng, n, 10), source == SENSOR),
        "tls.version": c.take(["TLSv1.3", "TLSv1.2"], (rng.random(n) < 0.3).astype(np.int64)),
        "tls.cipher": c.take(
            pl.Series(["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128"]), rng.integers(0, 3, n)
        ),
        "tls.sni": c.some(c.take(entities.hosts, target), names_host | ~outside),
        "tls.key_length": c.only(256, source == SENSOR),
        "tls.handshake_dur": c.some(pl.Series(rng.lognormal(3.5, 0.6, n).astype(np.int32)), source == SENSOR),
        **c.with_caption("fingerprint", "algorithm_id", np.ones(n), at="tls.ja3_hash."),
        "tls.ja3_hash.value": c.hexes(rng, n, 16),
        "tls.certificate.issuer": c.take(["R11", "GTS CA 1C3", "Corp CA"], target % 3),
        "tls.certificate.serial_number": c.hexes(rng, n, 8),
        "tls.certificate.subject": "CN=" + c.take(entities.hosts, target),
        "tls.certificate.is_self_signed": c.constant(False, n),
        "tls.certificate.expiration_time": c.timed(get["time"] + 40 * 86_400_000 + target * 10_000_000),
        "url.hostname": c.take(entities.hosts, target),
        "url.path": c.take(["/", "/v1/sync", "/api", "/static"], rng.integers(0, 4, n)),
        "url.scheme": c.constant("https", n),
        "url.domain": c.only("example", rng.random(n) < 0.5),
        "url.categories": c.take(
            pl.Series([[c] for c in words.CATEGORIES]), np.maximum(org.targets.category[target], 0)
        ),
        "app_name": c.some(c.take(["web", "ssh", "files", "remote", "database"], get["port"] % 5), source == FIREWALL),
        "app_protocol_name": c.some(
            c.take(["https", "ssh", "smb", "other"], np.searchsorted([22, 23, 443], get["port"])), source == SENSOR
        ),
        "is_src_dst_assignment_known": c.only(True, source == SENSOR),
        "observation_point": c.some(c.take(["core", "edge"], region % 2), source == SENSOR),
        "device": entities.device(machine, rng.random(n) < 0.25, known),
        "actor": actor(org, entities, machine, get["time"], program, known, rng),
    }
    where = {
        "tls.ja3_hash": source == SENSOR,
        "tls.certificate": (source == SENSOR) & (rng.random(n) < 0.6),
        "tls": encrypted,
        "url": (source == FIREWALL) & encrypted & (rng.random(n) < 0.7),
    }
    return c.nested(columns, where)
