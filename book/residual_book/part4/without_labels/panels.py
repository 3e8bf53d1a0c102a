"""Panels of an organization: what each entity did in each hour, or two of them together in four hours.

The features were chosen before any network was trained: for each kind of entity, the classes of events that name it, by
number, by failures, by different values, by bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from residual.simulate.calendar import HOUR, START
from residual.tabular.past import WEEK
from residual_book.evaluation.watched import with_machines

Events = Mapping[str, pl.DataFrame]
PRIVATE = r"^(10\.|172\.|192\.168\.)"
OFTEN = 20  # records in the first week, that a pair has to have
SUMS = {
    "events": pl.lit(1.0),
    "failed": (pl.col("status_id") == 2).cast(pl.Float64),
    "count": pl.col("count").cast(pl.Float64),
    "traffic.bytes_out": pl.col("traffic.bytes_out").cast(pl.Float64),
    "traffic.bytes_in": pl.col("traffic.bytes_in").cast(pl.Float64),
}
COLUMNS = {  # by class of events, besides the entities
    "authentication": ("status_id", "user.type", "user.ldap_person.office_location"),
    "network_activity": ("status_id", "dst_endpoint.port", "traffic.bytes_out", "traffic.bytes_in", "device.type"),
    "dns_activity": ("device.type",),
    "api_activity": ("status_id", "api.operation", "actor.user.type", "actor.user.ldap_person.office_location"),
    "process_activity": ("process.name", "device.type"),
    "application_error": ("count",),
}


@dataclass(frozen=True)
class Feature:
    """A number for each window: `what` is one of `SUMS`, or a column or kind of entity whose values are counted."""

    events: str
    what: str

    @property
    def is_sum(self) -> bool:
        return self.what.startswith("traffic.")

    def __str__(self) -> str:
        last = self.what.split(".")[-1].replace("_", " ")
        amount = {"failed": "failures", "count": "errors"}.get(last, last)
        if self.what not in SUMS:
            amount = f"different {amount.replace('address', 'addresse')}s"
        return f"{self.events.split('_')[0]}, {amount}"


def _of(events: str, *what: str) -> tuple[Feature, ...]:
    return tuple(Feature(events, each) for each in what)


KINDS = {  # of panels, by one entity or two: features, and hours of a window
    ("user",): (
        (
            *_of("authentication", "events", "failed", "machine", "address"),
            *_of("api_activity", "events", "failed", "api.operation"),
            *_of("process_activity", "events", "process.name"),
        ),
        1,
    ),
    ("machine",): (
        (
            *_of("network_activity", "events", "failed", "destination", "dst_endpoint.port"),
            *_of("network_activity", "traffic.bytes_out", "traffic.bytes_in"),
            *_of("dns_activity", "events", "domain"),
            *_of("process_activity", "events"),
            *_of("authentication", "events"),
        ),
        1,
    ),
    ("address",): (
        (*_of("authentication", "events", "failed", "user"), *_of("api_activity", "events", "user")),
        1,
    ),
    ("application",): (_of("application_error", "events", "count"), 1),
    ("machine", "destination"): (_of("network_activity", "events", "failed", "traffic.bytes_out"), 4),
    ("user", "address"): ((*_of("authentication", "events"), *_of("api_activity", "events")), 4),
}


@dataclass(frozen=True)
class Panel:
    """What each entity, or pair, did in each window.

    Attributes:
        entities: their kind, or both kinds.
        names: one row per entity, a column for each kind.
        features: F of them.
        hours: length of a window.
        values: float32 (E, T, F).
        peers: a group of each entity, int64 (E,).
    """

    entities: tuple[str, ...]
    names: pl.DataFrame
    features: tuple[Feature, ...]
    hours: int
    values: Tensor
    peers: Tensor

    @property
    def hour(self) -> Tensor:
        """Of the week, at which each window begins, int64 (T,)."""
        return torch.arange(self.values.shape[1]) * self.hours % WEEK

    @property
    def sums(self) -> Tensor:
        """Which features are sums, bool (F,)."""
        return torch.tensor([feature.is_sum for feature in self.features])


def panels(events: Events, days: int, kinds: Sequence[tuple[str, ...]] = tuple(KINDS)) -> list[Panel]:
    """The panels of an organization, of events by class with the columns that `COLUMNS` names."""
    known = with_machines(dict(events))
    return [panel(known, entities, *KINDS[entities], days) for entities in kinds]


def panel(events: Events, entities: tuple[str, ...], features: tuple[Feature, ...], hours: int, days: int) -> Panel:
    """One panel. A pair that is rare in the first week has no row."""
    n = days * 24 // hours
    window = ((pl.col("time") - START) // (hours * HOUR)).alias("window")
    tables = {f.events: events[f.events].drop_nulls(entities).with_columns(window) for f in features}
    every = pl.concat(table.select(*entities, "window") for table in tables.values())
    often = (pl.col("window") < WEEK // hours).sum() >= (OFTEN if len(entities) > 1 else 0)
    names = every.group_by(entities).agg(often.alias("often")).filter("often").select(entities).sort(entities)
    numbered = names.with_row_index("entity")
    values = np.zeros((names.height, n, len(features)), dtype=np.float32)
    for number, feature in enumerate(features):
        table = tables[feature.events].join(numbered, on=entities)
        if feature.what in SUMS:
            cells = table.select("entity", "window", value=SUMS[feature.what]).group_by("entity", "window")
            amounts = cells.agg(pl.col("value").sum())
        else:
            different = table.select("entity", "window", feature.what).drop_nulls().unique()
            amounts = different.group_by("entity", "window").agg(value=pl.len())
        values[amounts["entity"].to_numpy(), amounts["window"].to_numpy(), number] = amounts["value"].to_numpy()
    groups = _group(events, names, entities).rank("dense").cast(pl.Int64).to_numpy() - 1
    return Panel(entities, names, features, hours, torch.from_numpy(values), torch.from_numpy(groups))


def _group(events: Events, names: pl.DataFrame, entities: tuple[str, ...]) -> pl.Series:
    """What an inventory would know of each entity: office and kind of account, site and kind of machine, network."""
    told: dict[str, list[tuple[str, str, str | None]]] = {
        "user": [
            ("authentication", "user.type", "user.ldap_person.office_location"),
            ("api_activity", "actor.user.type", "actor.user.ldap_person.office_location"),
        ],
        "machine": [(name, "device.type", None) for name in ("network_activity", "dns_activity", "process_activity")],
    }
    place = pl.lit("") if "machine" not in entities else pl.col("machine").str.extract(r"^([^-]*)-").fill_null("")
    networks = [
        pl.when(pl.col(c).str.contains(PRIVATE)).then(pl.col(c).str.extract(r"^(\d+\.\d+)")).otherwise(pl.lit("out"))
        for c in entities
        if c in ("address", "destination")
    ]
    table = names
    if (who := entities[0]) in told and len(entities) == 1:
        tables = [
            events[name].select("time", who, type=kind, office=pl.lit(None, pl.String) if office is None else office)
            for name, kind, office in told[who]
        ]
        first = pl.concat(tables).sort("time").group_by(who).agg(pl.col("type", "office").drop_nulls().first())
        table = names.join(first, on=who, how="left", maintain_order="left")
        networks = [
            (pl.col("type") == "Service").cast(pl.String) if who == "user" else pl.col("type"),
            pl.col("office"),
        ]
    group = pl.concat_str(place, *(network.fill_null("") for network in networks))
    return table.with_columns(group=group)["group"]
