"""From the sights of a day to alerts within a budget: one per entity and day, and what has one cause is one alert.

Sights have one cause if they share events; or if one detector makes them at one time, of one pair's common host, or of
single entities in short windows. A password that is sprayed comes from several addresses, and a fault takes several
applications along; an analyst needs to be told once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import polars as pl

from residual.detect.alert import Alert, Entity, Observation, Signal
from residual.detect.firsts import firsts
from residual.detect.stream import DAY, HOUR, NETWORK

MOST = 4  # times the budget: how many sights of a day are looked at
SHORT = 4 * HOUR  # windows in which what is odd in the same way at the same time is taken to have one cause
SHARED = 0.5  # of a sight's events: with more of them in an episode it belongs to it
EVENTS = 1000  # uids of an alert
SHOWN = 12  # events of its evidence
UNUSUAL = 1.0  # entities per day: what is rarer is told as a further signal
_PLACES = {  # where values of the stream stand in an event; those of users and machines depend on the class
    "address": "src_endpoint.ip", "endpoint type": "src_endpoint.type", "country": "src_endpoint.location.country",
    "destination": "dst_endpoint.ip", "port": "dst_endpoint.port", "query": "query.hostname",
    "operation": "api.operation", "program": "process.name", "system": "device.os.name", "service": "service.name",
    "agent": "http_request.user_agent", "application": "actor.app_name", "sent": "traffic.bytes_out", "times": "count",
}  # fmt: skip


@dataclass
class Episode:
    """Sights of a day that belong together, rows as `episodes` takes them; and the rows of their events."""

    sights: list[dict[str, Any]]
    events: set[int]
    raised: int
    entities: list[Entity] = field(default_factory=list)


def uid_of(day: int, sight: dict[str, Any]) -> str:
    """The uid of the alert that a sight of a day raises."""
    name = "\0".join(map(str, (day, *(sight[key] for key in ("kind", "entity", "other", "detector")))))
    return blake2b(name.encode(), digest_size=8).hexdigest()


def ranked(sights: pl.DataFrame, most: int, by: str = "rate") -> pl.DataFrame:
    """The oddest sight of each entity, the `most` oddest of them, from the oddest on: the least in the column `by`."""
    order = [by, "end", "kind", "entity", "detector"]
    return sights.sort(order).unique(["kind", "entity"], keep="first", maintain_order=True).head(most)


def apart(sights: pl.DataFrame, most: int, by: str = "rate") -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `ranked` gives, in two: sights with a cause of their own, and those that have the cause of an odder one."""
    table = ranked(sights, most, by)
    first: list[dict[str, Any]] = []
    own = []
    for sight in table.iter_rows(named=True):
        own.append(not any(_one_cause(sight, other) for other in first))
        if own[-1]:
            first.append(sight)
    mask = pl.Series(own, dtype=pl.Boolean)
    return table.filter(mask), table.filter(~mask)


def _one_cause(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether a detector saw the same of two entities at the same time."""
    if any(one[name] != two[name] for name in ("detector", "other_kind", "other")):
        return False
    at_once = one["begin"] < two["end"] and two["begin"] < one["end"]
    return at_once and (one["other"] is not None or one["end"] - one["begin"] <= SHORT)


def episodes(
    sights: pl.DataFrame,
    around: pl.DataFrame,
    budget: int,
    threshold: float,
    day: int,
    by: str = "rate",
    at_most: Mapping[str, int] | None = None,
) -> list[Episode]:
    """The `budget` oddest episodes of a day.

    Args:
        sights: of the day, of all detectors, as `SIGHTS` with `detector`, `class_uid` and `rate`.
        around: events of the day and of the hours before, with their `row`.
        budget: how many episodes there may be.
        threshold: the rate below which a sight is raised when its window ends; others are at the end of the day.
        day: in days since 1970.
        by: the column that ranks sights and is held against the threshold.
        at_most: how many episodes may be about a kind of entity first of all, for those kinds that have a limit.
    """
    found: list[Episode] = []
    left = dict(at_most or {})
    for sight in ranked(sights, MOST * budget, by).iter_rows(named=True):
        same = sights.filter((pl.col("kind") == sight["kind"]) & (pl.col("entity") == sight["entity"]))
        rows = set(events_of(sight, around)["row"].to_list())
        home = next(
            (e for e in found if _one_cause(sight, e.sights[0]) or len(rows & e.events) > SHARED * len(rows)), None
        )
        if home is None:
            if len(found) == budget or not left.get(sight["kind"], budget):
                continue
            left[sight["kind"]] = left.get(sight["kind"], budget) - 1
            home = Episode([], set(), (day + 1) * DAY)
            found.append(home)
        others = same.filter((pl.col("rate") < UNUSUAL) & (pl.col("detector") != sight["detector"]))
        others = others.sort("rate", "end").unique("detector", keep="first", maintain_order=True)
        early = same.filter(pl.col(by) <= threshold, pl.col("end") > sight["begin"]).sort("end", by).head(1)
        home.sights += [sight, *others.iter_rows(named=True)]
        home.events |= rows
        for one in pl.concat([others, early]).iter_rows(named=True):
            home.events |= set(events_of(one, around)["row"].to_list())
        home.raised = min([home.raised, *early["end"]])
        for kind, value in ((sight["kind"], sight["entity"]), (sight["other_kind"], sight["other"])):
            if kind is not None and Entity(kind, value) not in home.entities:
                home.entities.append(Entity(kind, value))
    return found


def missing(found: Sequence[Episode], others: Sequence[Episode]) -> list[Episode]:
    """The episodes of which no other one has more than `SHARED` of the events."""
    return [e for e in found if not any(len(e.events & o.events) > SHARED * len(e.events) for o in others)]


def events_of(sight: dict[str, Any], around: pl.DataFrame) -> pl.DataFrame:
    """The events that a sight is about."""
    which = (pl.col("class_uid") == sight["class_uid"]) & (pl.col(sight["kind"]) == sight["entity"])
    if sight["other_kind"] is not None:
        which &= pl.col(sight["other_kind"]) == sight["other"]
    return around.filter(which & pl.col("time").is_between(sight["begin"], sight["end"], closed="left"))


def alert_of(
    episode: Episode, around: pl.DataFrame, seen: pl.DataFrame, past: Sequence[tuple[Observation, ...]], day: int
) -> Alert:
    """An episode as an alert; `past` is that of each of its sights."""
    events = around.filter(pl.col("row").is_in(sorted(episode.events)))
    signals = [
        Signal(
            detector=s["detector"],
            entities=tuple(
                Entity(kind, value)
                for kind, value in ((s["kind"], s["entity"]), (s["other_kind"], s["other"]))
                if kind is not None
            ),
            begin=s["begin"], end=s["end"], value=s["value"], expected=s["expected"], spread=s["spread"],
            rate=s["rate"], past=before, detail=s["detail"],
        )
        for s, before in zip(episode.sights, past, strict=True)
    ]  # fmt: skip
    half = SHOWN // 2
    shown = events if events.height <= SHOWN else pl.concat([events.head(half), events.tail(half)])
    return Alert(
        uid=uid_of(day, episode.sights[0]),
        raised=episode.raised,
        begin=int(events["time"][0]),
        end=int(events["time"][-1]),
        entities=tuple(episode.entities),
        signals=tuple(sorted(signals, key=lambda signal: signal.rate)),
        firsts=firsts(tuple(episode.entities), events, seen),
        events=tuple(events["uid"].drop_nulls().head(EVENTS)),
        count=events.height,
        evidence=tuple(map(_nested, shown.iter_rows(named=True))),
    )


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the stream as the event that it came from, as far as the stream kept it."""
    event: dict[str, Any] = {
        name: row[name] for name in ("class_uid", "time", "status_id", "activity_id") if row[name] is not None
    }
    user = "user" if row["class_uid"] // 1000 == 3 else "actor.user"
    machine = "src_endpoint" if row["class_uid"] // 1000 == NETWORK else "device"
    own = {"user": f"{user}.name", "user type": f"{user}.type", "machine": f"{machine}.hostname"}
    for column, path in (_PLACES | own | {"uid": "metadata.uid"}).items():
        if (value := row[column]) is None:
            continue
        *outer, last = path.split(".")
        place = event
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = int(value) if column in ("port", "sent", "times") else value
    return event
