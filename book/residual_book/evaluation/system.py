"""The detectors of `residual.detect` on a simulated organization, as a rival among the others. Told in part V."""

import polars as pl

from residual.detect.episodes import apart
from residual.detect.score import Memory, look
from residual.detect.stream import narrowed
from residual.simulate import Simulation, flat
from residual.simulate.calendar import DAY, START
from residual_book.evaluation.alerts import SCORED

LOOKED = 200  # entities of a day among which those with one cause are told once
MOST = 60.0  # of what is handed in: more alerts per day nobody looks at


def sights(simulation: Simulation, *, without: pl.Series | None = None) -> pl.DataFrame:
    """What the detectors see on each day from the third week on, as `residual.detect.score.look` says it.

    Args:
        simulation: the organization.
        without: `metadata.uid` of events that are left out. None: all are there.
    """
    memory, seen = Memory(START // DAY), []
    for day in range(simulation.org.days):
        events = pl.concat(narrowed(flat(part.events)) for part in simulation.parts(day)).sort("time", "uid")
        if without is not None:
            events = events.filter(~pl.col("uid").is_in(without))
        found, memory = look(memory, events)
        seen.append(found.filter(pl.col("rate") < MOST))
    return pl.concat(seen)


def as_scored(seen: pl.DataFrame, *, merged: bool = True) -> pl.DataFrame:
    """Sights in the form in which every rival hands in its windows; the score is minus log10 of their rate.

    Args:
        seen: of `sights`.
        merged: leave out what an alert of the system would name besides its first entity, because it has the same
            cause: it takes no place in the budget, and finds nothing here. Otherwise every entity has its own alert.
    """
    table = seen.with_columns(day=(pl.col("end") - 1) // DAY)
    named = [apart(day, LOOKED)[1].select("day", "kind", "entity") for day in table.partition_by("day")]
    if merged and named:
        table = table.join(pl.concat(named), on=["day", "kind", "entity"], how="anti", maintain_order="left")
    return table.select(
        "begin", "end", "kind", value="entity", other_kind="other_kind", other_value="other",
        score=-pl.col("rate").log10(),
    ).cast(pl.Schema(SCORED))  # fmt: skip
