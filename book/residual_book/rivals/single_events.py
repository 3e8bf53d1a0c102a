"""U: how far a single event lies from earlier ones, by its fields and by its context in time. It sees no labels.

Each event of a class becomes a point: by a network that nobody trained, or as its context features alone. Its oddness
is the distance to the fifth nearest of some earlier events of its class. Events of days 7 to 13 are compared with those
of days 0 to 6, and events of the test days with those of days 0 to 13.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from residual.ocsf.schema import Feature, features
from residual.simulate.calendar import DAY, HOUR, START
from residual.tabular import ContextFeatures, TableEncoder
from residual.tabular.context import Entity
from residual_book.evaluation.alerts import PAST, SCORED
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.watched import FIRST_WEEK, SECOND_WEEK, TEST, day_of

# Of each class: whose past is looked at, and what may be new to them and to their peers. Alerts name the first.
PASTS: dict[str, dict[str, tuple[str, ...]]] = {
    "authentication": {
        "user": ("service.name", "address", "machine", "src_endpoint.location.country"),
        "address": ("user",),
    },
    "network_activity": {"address": ("destination", "dst_endpoint.port"), "destination": ("dst_endpoint.port",)},
    "dns_activity": {"address": ("domain",)},
    "api_activity": {"user": ("api.operation", "address", "http_request.user_agent"), "address": ("user",)},
    "process_activity": {"user": ("process.name", "machine"), "machine": ("process.name",)},
    "application_lifecycle": {"application": ("activity_id",)},
    "application_error": {"application": ("status_code",)},
}
PEERS = {
    "authentication": "user.type",
    "network_activity": "connection_info.direction",
    "api_activity": "actor.user.type",
    "process_activity": "device.os.name",
}
FIELDS = {  # that the network sees, besides the time and the context
    "authentication": ("service.name", "status_id", "is_mfa", "user.type", "src_endpoint.location.country"),
    "network_activity": ("dst_endpoint.port", "traffic.bytes_out", "duration", "connection_info.direction"),
    "dns_activity": ("query.type", "rcode_id"),
    "api_activity": ("api.operation", "status_id", "duration", "actor.user.type", "http_request.user_agent"),
    "process_activity": ("process.name", "device.os.name", "actor.user.type"),
    "application_lifecycle": ("activity_id", "duration"),
    "application_error": ("status_code", "duration", "count"),
}
COLUMNS = FIELDS  # what the events must have, by class, besides time and entities
NEIGHBOR, REFERENCES, WIDTH = 5, 2000, 32
LEARNING = 3 * DAY  # nothing is said about an entity that is new
SHARE = 0.2  # of all alerts
Points = NDArray[np.float32]


def single_events(events: Mapping[str, pl.DataFrame], *, network: bool = True, seed: int = 0) -> pl.DataFrame:
    """Score each entity and hour by its oddest event, as a scored table; classes are calibrated by the second week.

    Args:
        events: by class as `Watched.events`, with `COLUMNS`.
        network: whether points come from the untrained network; else they are the context features.
        seed: of the network's weights, and of which earlier events are compared with.
    """
    tables = []
    for number, (name, table) in enumerate(events.items()):
        rng = np.random.default_rng([seed, number])
        points = embedded(name, table, rng) if network else in_context(name, table)
        table = table.select("time", value=next(iter(PASTS[name]))).with_columns(score=_oddness(table, points, rng))
        known = pl.col("time") - pl.col("time").min().over("value") >= LEARNING
        end = START + ((pl.col("time") - START) // HOUR + 1) * HOUR
        hours = table.filter(known & pl.col("score").is_not_nan()).group_by("value", end=end).agg(pl.col("score").max())
        none = pl.lit(None, pl.String)
        hours = hours.with_columns(begin=pl.col("end") - HOUR, kind=pl.lit(next(iter(PASTS[name]))))
        hours = hours.with_columns(other_kind=none, other_value=none).select(SCORED.keys()).cast(pl.Schema(SCORED))
        tables.append(calibrated(hours))
    return pl.concat(tables).sort("end", "kind", "value", "score")


def mixed(first: pl.DataFrame, second: pl.DataFrame, share: float = SHARE) -> pl.DataFrame:
    """Two scored tables as one, in which the second has about a `share` of the alerts at every budget.

    A score becomes the number of alerts per day that its table raised at this score in the seven days before, times
    what the table's share leaves of them; so both run dry at the same pace, and no day looks ahead.
    """
    tables = zip((first, second), (1 - share, share), strict=True)
    return pl.concat(_renewed(table).with_columns(pl.col("score") + np.log10(part)) for table, part in tables)


def _renewed(scored: pl.DataFrame) -> pl.DataFrame:
    """In place of each score minus log10 of the alerts per day that the seven days before had at this score.

    The second week is its own past, and so is the first day of a table that begins later. Beyond the highest score of a
    past the line goes on as from its five best a day.
    """
    scored = scored.with_columns(day=day_of(pl.col("end") - 1))
    highest = scored.group_by("day", "kind", "value").agg(pl.col("score").max())
    parts = []
    there = scored["day"].unique().sort().to_list()
    for day in there:
        week = SECOND_WEEK if day in SECOND_WEEK else range(day - PAST, day)
        days = [d for d in week if d in there] or [day]
        past = np.sort(highest.filter(pl.col("day").is_in(days))["score"].to_numpy())
        today = scored.filter(pl.col("day") == day)
        score = today["score"].to_numpy()
        rate = -np.log10(np.arange(len(past), 0, -1) / len(days))
        top = max(len(past) - 5 * len(days), 0)
        slope = (rate[-1] - rate[top]) / max(past[-1] - past[top], 1e-9)
        beyond = np.maximum(score - past[-1], 0) * slope
        parts.append(today.with_columns(score=pl.Series(np.interp(score, past, rate) + beyond)))
    return pl.concat(parts).drop("day")


def context(name: str, table: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Feature]]:
    """The context of each event of a class (counts, times since, first times), and the dictionary of these columns."""
    peers = (PEERS[name],) if name in PEERS else ()
    entities = [Entity(who, (who,), distinct=new[:1], first=new, peers=peers) for who, new in PASTS[name].items()]
    stream = ContextFeatures(entities)
    ever = [f"context.{entity.name}.count" for entity in entities]  # which only grow: each day would be odder
    known = {path: feature for path, feature in stream.features().items() if path not in ever}
    return stream.advance(table).drop(ever), known


def in_context(name: str, table: pl.DataFrame) -> Points:
    """Events as their context features alone: (events, features)."""
    past, known = context(name, table)
    return _encoder(known, table, past).transform(past).numeric


def embedded(name: str, table: pl.DataFrame, rng: np.random.Generator) -> Points:
    """Events with their context, as a residual block makes them that nobody trained: (events, `WIDTH`)."""
    past, known = context(name, table)
    schema = features(depth=4)
    known |= {path: schema[path] for path in FIELDS[name]}
    both = pl.concat([table.select(FIELDS[name]), past], how="horizontal")
    encoded = _encoder(known, table, both).transform(both)

    def weights(n: int, scale: float) -> Points:
        return (rng.standard_normal((n, WIDTH)) * scale).astype(np.float32)

    n, codes = encoded.numeric.shape[1], encoded.categorical.T
    stream: Points = encoded.numeric @ weights(n, n**-0.5)
    for code, values in zip(codes, encoded.cardinalities, strict=True):
        stream += weights(int(values), len(codes) ** -0.5)[code]
    inside: Points = np.maximum(stream @ weights(WIDTH, WIDTH**-0.5), np.float32(0)) @ weights(WIDTH, WIDTH**-0.5)
    return stream + inside


def distances(points: Points, known: Points) -> Points:
    """The distance of each point to the `NEIGHBOR`-th nearest of those known: (points,)."""
    reference, nearest = torch.from_numpy(known), []
    for chunk in torch.split(torch.from_numpy(points), 4096):
        square = (reference**2).sum(1) - 2 * chunk @ reference.T
        least = square.kthvalue(min(NEIGHBOR, len(known)), dim=1).values + (chunk**2).sum(1)
        nearest.append(least.clamp(min=0).sqrt())
    return torch.cat(nearest).numpy().astype(np.float32)


def _oddness(table: pl.DataFrame, points: Points, rng: np.random.Generator) -> pl.Series:
    """The distance of each event to earlier ones; NaN in the first week."""
    day = ((table["time"] - START) // DAY).to_numpy()
    odd = np.full(len(day), np.nan)
    for past, days in ((SECOND_WEEK.start, SECOND_WEEK), (TEST.start, TEST)):
        known, new = rng.permutation(np.flatnonzero(day < past))[:REFERENCES], np.isin(day, days)
        if len(known) and new.any():
            odd[new] = distances(points[new], points[known])
    return pl.Series(odd)


def _encoder(known: Mapping[str, Feature], table: pl.DataFrame, rows: pl.DataFrame) -> TableEncoder:
    """Scaled as in the first week; by quantiles, so that no count outweighs what happens for the first time."""
    first = (table["time"] - START) // DAY < FIRST_WEEK.stop
    return TableEncoder(known, scaling="quantile").fit(rows.filter(first))
