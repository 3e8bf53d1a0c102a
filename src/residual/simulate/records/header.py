"""What every OCSF event carries: class and activity, time, status, metadata, cloud. One way for all events."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from residual.ocsf.schema import CLASSES, VERSION, ocsf_class
from residual.simulate.organization import Ints
from residual.simulate.records import columns as c
from residual.simulate.records.directory import Directory


@dataclass(frozen=True)
class Source:
    """A product that writes events of a class, and how much it says.

    `inventory`: it knows devices and users in full. `control`: it can block, and says what it did. `timing`: it writes
    beginning and end. `relay`: its events pass a collector that notes when.
    """

    product: str
    vendor: str
    version: str
    log: str
    inventory: bool = False
    control: bool = False
    timing: bool = False
    relay: bool = False


@dataclass(frozen=True)
class Facts:
    """What a class decides about its header, a value an event."""

    activity: Ints
    failed: np.ndarray
    code: pl.Series
    detail: pl.Series
    source: Ints
    region: Ints
    ms: Ints


def flags(sources: tuple[Source, ...], source: Ints, name: str) -> np.ndarray:
    """Which events come from a source that has the property `name`."""
    return np.array([getattr(entry, name) for entry in sources])[source]


def header(
    class_uid: int, sources: tuple[Source, ...], time: Ints, facts: Facts, entities: Directory, rng: np.random.Generator
) -> dict[str, pl.Series]:
    """The fields that all classes share. Ids and delays come from `rng`, for all events alike."""
    n, entry = len(time), ocsf_class(class_uid)
    control, timing, relay = (flags(sources, facts.source, name) for name in ("control", "timing", "relay"))
    inventory = flags(sources, facts.source, "inventory")
    activity = c.with_caption(class_uid, "activity_id", facts.activity)
    named = activity["activity"]
    return {
        "activity_id": activity["activity_id"],
        "activity_name": named,
        "category_uid": c.constant(int(entry["category_uid"]), n),
        "category_name": c.constant(str(entry["category_name"]), n),
        "class_uid": c.constant(class_uid, n),
        "class_name": c.constant(str(entry["caption"]), n),
        "type_uid": pl.Series(class_uid * 100 + facts.activity),
        "type_name": f"{entry['caption']}: " + named,
        **c.with_caption(class_uid, "severity_id", np.where(facts.failed & control, 2, 1)),
        **c.with_caption(class_uid, "status_id", np.where(facts.failed, 2, 1)),
        "status_code": facts.code,
        "status_detail": facts.detail,
        "time": c.timed(time),
        "timezone_offset": c.only(0, relay),
        "duration": c.some(c.timed(facts.ms), timing),
        "start_time": c.some(c.timed(time - facts.ms), timing),
        "end_time": c.some(c.timed(time), timing),
        "message": c.some(f"{CLASSES[class_uid]} " + named.str.to_lowercase(), inventory),
        "raw_data_size": c.some(pl.Series(rng.integers(300, 2400, n)), relay),
        "metadata": _metadata(sources, time, facts, entities, rng),
        "cloud": c.take(entities.clouds, facts.region + len(entities.clouds) // 2 * ~inventory),
        **_control(class_uid, facts, control, rng),
    }


def _control(class_uid: int, facts: Facts, control: np.ndarray, rng: np.random.Generator) -> dict[str, pl.Series]:
    """Allowed or denied, and by which rule; a source that blocks denies some of what fails anyway."""
    n = len(control)
    denied = facts.failed & (rng.random(n) < 0.7)
    action = c.with_caption(class_uid, "action_id", np.where(denied, 2, 1))
    disposition = c.with_caption(class_uid, "disposition_id", np.where(denied, 2, 1))
    rule = pl.Series((facts.activity * 7 + facts.source + rng.integers(0, 5, n)) % 40)
    firewall = c.pack({"uid": "rule-" + rule.cast(pl.String), "name": "policy " + (rule % 12).cast(pl.String)}, control)
    policy = c.pack({"uid": "p-" + (rule % 9).cast(pl.String), "name": c.constant("baseline", n)}, control)
    named = {k: c.some(v, control) for k, v in {**action, **disposition}.items()}
    return {**named, "is_alert": c.only(False, control), "firewall_rule": firewall, "policy": policy}


def _metadata(
    sources: tuple[Source, ...], time: Ints, facts: Facts, entities: Directory, rng: np.random.Generator
) -> pl.Series:
    n = len(time)

    def text(name: str) -> pl.Series:
        return c.take(pl.Series([getattr(s, name) for s in sources]), facts.source)

    control, relay = flags(sources, facts.source, "control"), flags(sources, facts.source, "relay")
    logged = time + rng.integers(50, 4_000, n)
    profiles = pl.Series([["cloud", "host"], ["cloud", "host", "security_control"]])
    product = {"name": text("product"), "vendor_name": text("vendor"), "version": text("version")}
    return c.pack(
        {
            "version": c.constant(VERSION, n),
            "uid": c.uuids(rng, n),
            "product": c.pack(product),
            "profiles": c.take(profiles, control.astype(np.int64)),
            "log_name": text("log"),
            "log_provider": c.some(text("vendor"), relay),
            "event_code": c.some(
                (pl.Series(4000 + facts.activity * 8 + facts.source)).cast(pl.String), control | relay
            ),
            "logged_time": c.timed(logged),
            "processed_time": c.some(c.timed(logged + rng.integers(200, 60_000, n)), relay),
            "original_time": c.some(c.timed(time).cast(pl.Datetime("ms")).dt.to_string("iso:strict") + "Z", relay),
            "correlation_uid": c.some(c.hexes(rng, n, 6), flags(sources, facts.source, "timing")),
            "tenant_uid": c.only(entities.tenant, ~control),
            "sequence": c.some(pl.Series(rng.integers(0, 2**31, n)).cast(pl.Int32), relay),
        }
    )


def plus(struct: pl.Series, where: np.ndarray | None = None, **fields: pl.Series) -> pl.Series:
    """A struct column with further fields; null outside `where`."""
    return c.pack({**{k: struct.struct.field(k) for k in struct.struct.fields}, **fields}, where)
