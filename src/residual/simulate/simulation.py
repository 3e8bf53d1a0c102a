"""Days of the simulated organization as OCSF events with labels. Told in `book/part3/simulator.md`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import polars as pl

from residual.simulate.activity import normal_day
from residual.simulate.calendar import DAY, START
from residual.simulate.episodes import Plan, plan
from residual.simulate.episodes.reference import ROLES
from residual.simulate.organization import Organization, organization
from residual.simulate.records import WRITERS
from residual.simulate.records.directory import Directory, directory
from residual.simulate.seeds import generator

EPISODES = 5.0  # of each type, per 1,000 days of a user
REALISTIC = 0.32  # two episodes a week among 80 people
ROWS = 50_000  # events that are dressed at once, which bounds the memory
LABELS = dict.fromkeys(
    ["metadata.uid", "time", "episode", "type", "attack", "kind", "twin", "campaign", "role"], pl.String
) | {"time": pl.Int64, "twin": pl.Boolean}
ENTITIES = dict.fromkeys(["episode", "role", "kind", "column", "value"], pl.String)
# Who and what takes part in an event of each class: kinds of entity, and the column that names each.
_NAMED = """
authentication user=user.name address=src_endpoint.ip machine=device.hostname session=session.uid
network_activity address=src_endpoint.ip machine=src_endpoint.hostname destination=dst_endpoint.ip
dns_activity address=src_endpoint.ip machine=src_endpoint.hostname domain=query.hostname
api_activity user=actor.user.name address=src_endpoint.ip session=actor.session.uid
process_activity user=actor.user.name machine=device.hostname
application_lifecycle application=actor.app_name
application_error application=actor.app_name
"""
NAMED = {name: dict(e.split("=") for e in rest) for name, *rest in map(str.split, _NAMED.strip().splitlines())}


@dataclass(frozen=True)
class Part:
    """Events of one class: nested, valid OCSF; labels of those that are injected, and entities as of `took_part`.

    The entity of kind `domain` is what follows the first label of the name.
    """

    name: str
    events: pl.DataFrame
    labels: pl.DataFrame
    entities: pl.DataFrame


@dataclass(frozen=True)
class Day:
    """The events of one day: nested, valid OCSF by class, in the order of time; labels and entities of episodes."""

    day: int
    events: dict[str, pl.DataFrame]
    labels: pl.DataFrame
    entities: pl.DataFrame


@dataclass(frozen=True)
class Simulation:
    """An organization and what happens to it. `day(k)` is the same whenever it is asked for."""

    org: Organization
    directory: Directory
    plan: Plan

    def day(self, day: int) -> Day:
        """All events of `day`.

        Raises:
            ValueError: for a day outside the simulation.
        """
        parts = list(self.parts(day))
        events = {name: pl.concat([p.events for p in parts if p.name == name]).sort("time") for name in WRITERS}
        return Day(day, events, pl.concat(p.labels for p in parts), took_part(p.entities for p in parts))

    def parts(self, day: int) -> Iterator[Part]:
        """The events of `day` piece by piece. No piece has more than `ROWS` events.

        Raises:
            ValueError: for a day outside the simulation.
        """
        if not 0 <= day < self.org.days:
            raise ValueError(f"day must be between 0 and {self.org.days - 1}, got {day}")
        normal = normal_day(self.org, day)
        begin = START + day * DAY
        unlabeled = {name: pl.lit(-1, pl.Int64) for name in ("role", "episode")}
        for number, (name, writer) in enumerate(WRITERS.items()):
            rng = generator(self.org.seed, "records", day, number)
            injected = self.plan.decisions[writer.group].filter(
                pl.col("time").is_between(begin, begin + DAY, closed="left")
            )
            core = pl.concat([normal[writer.group].with_columns(**unlabeled), injected])
            core = core.filter(writer.rows)
            core = core[rng.permutation(core.height)]  # from here on nobody knows where an event came from
            for first in range(0, max(core.height, 1), ROWS):
                piece = core[first : first + ROWS]
                events = writer.records(piece.drop("role", "episode"), self.org, self.directory, rng)
                yield self._labeled(name, piece, events)

    def _labeled(self, name: str, piece: pl.DataFrame, events: pl.DataFrame) -> Part:
        """The injector's word, and nothing else, says what an event is."""
        inside = piece["episode"] >= 0
        injected, piece = events.filter(inside), piece.filter(inside)
        labels = self.plan.episodes[piece["episode"]].with_columns(
            injected["time"],
            injected["metadata"].struct.field("uid").alias("metadata.uid"),
            pl.Series("role", ROLES, dtype=pl.String).gather(piece["role"]).alias("role"),
        )
        entities = [
            labels.select(
                "episode",
                "role",
                kind=pl.lit(kind),
                column=pl.lit(column),
                value=_leaf(injected, column).str.replace(r"^[^.]+\.", "" if kind == "domain" else "$0"),
                first="time",
                last="time",
                events=pl.lit(1),
            )
            for kind, column in NAMED[name].items()
        ]
        return Part(name, events, labels.select(list(LABELS)), took_part(entities))


def _leaf(events: pl.DataFrame, path: str) -> pl.Series:
    column, *fields = path.split(".")
    return reduce(lambda series, field: series.struct.field(field), fields, events[column])


def took_part(entities: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Each entity of each episode once, with the `first` and `last` time of its events and how many there are."""
    times = {"first": pl.col("first").min(), "last": pl.col("last").max(), "events": pl.col("events").sum()}
    return pl.concat(entities).drop_nulls().group_by(list(ENTITIES)).agg(**times).sort(list(ENTITIES))


def episodes_of(labels: pl.DataFrame) -> pl.DataFrame:
    """One row per episode out of the labels of its events, with `first` and `last` time and the number of `events`."""
    same = ["episode", "type", "attack", "kind", "twin", "campaign"]
    times = {"first": pl.col("time").min(), "last": pl.col("time").max(), "events": pl.len().cast(pl.Int64)}
    return labels.group_by(same).agg(**times).sort("first", "episode")


def simulation(
    *, users: int = 80, days: int = 14, seed: int, episodes: float = EPISODES, hardness: float = 1.0
) -> Simulation:
    """Set up a simulation.

    Args:
        users: people of the organization; hosts and service accounts come on top.
        days: from Monday 3 March 2025 on.
        seed: the same seed gives the same bytes, another one another organization.
        episodes: of each type, per 1,000 days of a user; as many benign twins.
        hardness: from 0 (attacks are loud) to 1 (the hard settings of the table).

    Raises:
        ValueError: for fewer than ten users, no day, a negative rate, or a hardness outside 0 to 1.
    """
    org = organization(users=users, days=days, seed=seed)
    return Simulation(org, directory(org), plan(org, episodes=episodes, hardness=hardness))
