"""Days of the simulated organization as OCSF events with labels. Told in `book/part3/simulator.md`."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from residual.simulate.activity import normal_day
from residual.simulate.calendar import DAY, START
from residual.simulate.episodes import Plan, plan
from residual.simulate.organization import Organization, organization
from residual.simulate.records import WRITERS
from residual.simulate.records.directory import Directory, directory
from residual.simulate.seeds import generator

EPISODES = 5.0  # of each type, per 1,000 days of a user
ROWS = 150_000  # events that are dressed at once, which bounds the memory
LABELS = {
    "metadata.uid": pl.String,
    "episode": pl.String,
    "type": pl.String,
    "attack": pl.String,
    "kind": pl.String,
    "twin": pl.Boolean,
}


@dataclass(frozen=True)
class Day:
    """The events of one day: nested, valid OCSF by class, in the order of time; and labels of what is injected."""

    day: int
    events: dict[str, pl.DataFrame]
    labels: pl.DataFrame


@dataclass(frozen=True)
class Simulation:
    """An organization and what happens to it. `day(k)` is the same whenever it is asked for."""

    org: Organization
    entities: Directory
    plan: Plan

    def day(self, day: int) -> Day:
        """All events of `day`.

        Raises:
            ValueError: for a day outside the simulation.
        """
        parts = list(self.parts(day))
        events = {name: pl.concat([e for n, e, _ in parts if n == name]).sort("time") for name in WRITERS}
        return Day(day, events, pl.concat([labels for _, _, labels in parts]))

    def parts(self, day: int) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
        """The events of `day` piece by piece: class, events, labels. No piece has more than `ROWS` events.

        Raises:
            ValueError: for a day outside the simulation.
        """
        if not 0 <= day < self.org.days:
            raise ValueError(f"day must be between 0 and {self.org.days - 1}, got {day}")
        normal = normal_day(self.org, day)
        begin = START + day * DAY
        for number, (name, writer) in enumerate(WRITERS.items()):
            rng = generator(self.org.seed, "records", day, number)
            injected = self.plan.decisions[writer.group].filter(
                pl.col("time").is_between(begin, begin + DAY, closed="left")
            )
            core = pl.concat([normal[writer.group].with_columns(episode=pl.lit(-1, pl.Int64)), injected])
            core = core.filter(writer.rows)
            core = core[rng.permutation(core.height)]  # from here on nobody knows where an event came from
            for first in range(0, max(core.height, 1), ROWS):
                piece = core[first : first + ROWS]
                events = writer.records(piece.drop("episode"), self.org, self.entities, rng)
                yield name, events, self._labels(piece["episode"], events)

    def _labels(self, episode: pl.Series, events: pl.DataFrame) -> pl.DataFrame:
        """The injector's word, and nothing else, says what an event is."""
        uid = events["metadata"].struct.field("uid")
        inside = episode >= 0
        table = self.plan.episodes.select(list(LABELS)[1:])[episode.filter(inside)]
        return pl.DataFrame({"metadata.uid": uid.filter(inside)}, schema={"metadata.uid": pl.String}).hstack(table)


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
