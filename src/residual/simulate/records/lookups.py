"""DNS activity events (4003) out of decisions."""

import numpy as np
import polars as pl

from residual.simulate import words
from residual.simulate.activity.lookups import FOUND, NO_SUCH_NAME
from residual.simulate.organization import Ints, Organization
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory
from residual.simulate.records.header import Facts, Source, flags, header, plus
from residual.simulate.records.sensors import actor, hostname
from residual.simulate.sessions import address

SOURCES = (
    Source("Endpoint Sensor", "Falconet", "7.14", "dns", inventory=True),
    Source("Resolver", "Rootwell", "9.18", "queries", relay=True),
    Source("DNS Firewall", "Brickline", "11.1", "dns", control=True, timing=True),
)
ENDPOINT, RESOLVER, FIREWALL = range(3)
KINDS = ("A", "AAAA", "TXT", "HTTPS", "MX")
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz234567"))


def _names(core: pl.DataFrame, entities: Directory, rng: np.random.Generator) -> pl.Series:
    """Popular names, and below a parent one random label for each key: drawn here, for all events alike."""
    name, parent = core["name"].to_numpy(), core["parent"].to_numpy()
    _, first, inverse = np.unique(core["key"].to_numpy(), return_index=True, return_inverse=True)
    drawn = rng.integers(0, 32, (len(first), 40), dtype=np.uint8)
    labels = pl.Series(_LETTERS[drawn].view("U40").ravel())
    length = core["length"].gather(first).cast(pl.UInt32)
    labels = pl.DataFrame({"l": labels, "n": length}).select(pl.col("l").str.slice(0, pl.col("n")))["l"]
    hashed = c.take(labels, inverse) + "." + c.take(entities.parents, parent)
    plain = c.take(entities.names, name)
    return pl.DataFrame({"p": plain, "h": hashed}).select(pl.coalesce("p", "h")).to_series()


def _answer(names: pl.Series, kind: Ints, rng: np.random.Generator) -> pl.Series:
    """One answer, an address of the pool that fits the type."""
    pool = [f"{a}.{b}.{c}.{d}" for a, b, c, d in rng.integers([23, 2, 1, 2], [200, 250, 250, 250], (200, 4))]
    text = [f"v=1; k={k:x}" for k in rng.integers(0, 2**40, 60)]
    rdata = np.where(kind == 2, 200 + rng.integers(0, 60, len(kind)), rng.integers(0, 200, len(kind)))
    item = c.pack(
        {
            "rdata": c.take(pl.Series(pool + text), rdata),
            "type": c.take(pl.Series(KINDS), kind),
            "ttl": c.take(pl.Series([60, 300, 3600], dtype=pl.Int32), rng.integers(0, 3, len(kind))),
        }
    )
    return pl.DataFrame({"a": item}).select(pl.concat_list("a"))["a"]


def records(core: pl.DataFrame, org: Organization, entities: Directory, rng: np.random.Generator) -> pl.DataFrame:
    """One event per row of `core`."""
    get = {name: core[name].to_numpy() for name in core.columns}
    n, machine, code, kind = core.height, get["machine"], get["code"], get["kind"]
    managed = org.machines.managed[machine]
    dice = rng.random(n)
    source = np.where(managed & (dice < 0.45), ENDPOINT, np.where(dice > 0.75, FIREWALL, RESOLVER))
    inventory, relay = flags(SOURCES, source, "inventory"), flags(SOURCES, source, "relay")
    full = inventory & (rng.random(n) < 0.4)
    captions = {FOUND: "NoError", 2: "ServError", NO_SUCH_NAME: "NXDomain"}
    ms = rng.lognormal(3, 0.9, n).astype(np.int64)
    both_ways = ~relay | (rng.random(n) < 0.5)
    facts = Facts(
        activity=np.where(both_ways, 6, 2),
        failed=code != FOUND,
        code=c.some(pl.Series(code).cast(pl.String), source == FIREWALL),
        detail=c.some(pl.Series(code).replace_strict(captions, return_dtype=pl.String), code != FOUND),
        source=source,
        region=machine % len(words.API_REGIONS),
        ms=ms,
    )
    names = _names(core, entities, rng)
    resolver = np.flatnonzero(org.targets.machine >= 0)[:3]
    program = c.take(["chrome", "svchost.exe", "systemd-resolved", "updater"], rng.integers(0, 4, n))
    rcode = c.with_caption(4003, "rcode_id", code)
    columns = {
        **header(4003, SOURCES, get["time"], facts, entities, rng),
        "src_endpoint": plus(
            entities.endpoint(machine, machine, full),
            ip=c.take(entities.addresses, address(org, machine, get["time"])),
            hostname=hostname(entities, machine, inventory, rng),
            port=c.numbers(rng, n, 1025, 65_536),
        ),
        "dst_endpoint": plus(entities.target(resolver[machine % 3], machine < 0), port=c.constant(53, n)),
        "query.hostname": names,
        "query.type": c.take(pl.Series(KINDS), kind),
        "query.class": c.only("IN", ~inventory),
        "query.packet_uid": c.some(c.numbers(rng, n, 0, 65_536), relay),
        **c.with_caption("dns_query", "opcode_id", np.zeros(n), where=relay, at="query."),
        "query_time": c.some(c.timed(get["time"] - ms), ~relay),
        "response_time": c.some(c.timed(get["time"]), both_ways & ~relay),
        **rcode,
        "answers": c.some(_answer(names, kind, rng), (code == FOUND) & both_ways),
        **c.with_caption("network_connection_info", "direction_id", np.full(n, 2), at="connection_info."),
        "connection_info.protocol_name": c.take(["udp", "tcp"], (rng.random(n) < 0.06).astype(np.int64)),
        "connection_info.uid": c.hexes(rng, n, 9),
        "traffic.bytes_out": pl.Series(40 + names.str.len_bytes().cast(pl.Int64)),
        "traffic.bytes_in": pl.Series(80 + names.str.len_bytes().cast(pl.Int64) + rng.integers(0, 300, n)),
        "traffic.packets": c.constant(2, n),
        "app_name": c.only("dns", source == FIREWALL),
        "device": entities.device(machine, full, inventory),
        "actor": actor(org, entities, machine, get["time"], program, inventory, rng),
    }
    where = {"connection_info": ~inventory, "traffic": source == FIREWALL}
    return c.nested(columns, where)
