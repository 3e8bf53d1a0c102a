"""One small organization that a page of part V runs the whole system on, as `residual score` would, but in memory."""

from dataclasses import dataclass

import polars as pl
from tqdm import tqdm

from residual import simulate
from residual.detect.alert import Alert
from residual.detect.metrics import Evaluation, evaluate
from residual.detect.score import Memory, advance
from residual.detect.stream import narrowed
from residual.simulate import Simulation, flat
from residual.simulate.calendar import DAY, START

USERS, DAYS = 40, 28  # two weeks that teach, two that are scored
FIRST = START // DAY


@dataclass(frozen=True)
class Live:
    """An organization, what was raised in it, and the truth.

    Attributes:
        simulation: of the organization.
        events: of each day since 1970, as `residual.detect.stream` narrows them, in the order of time.
        alerts: of each day since 1970, those without alerts, too, from the third week on; the oddest first.
        labels: one row per event of an episode.
        memory: after the last day.
    """

    simulation: Simulation
    events: dict[int, pl.DataFrame]
    alerts: dict[int, list[Alert]]
    labels: pl.DataFrame
    memory: Memory

    @property
    def all_alerts(self) -> list[Alert]:
        """The alerts of all days."""
        return [alert for alerts in self.alerts.values() for alert in alerts]

    def evaluation(self) -> Evaluation:
        """What the alerts found."""
        return evaluate(self.all_alerts, self.labels, list(self.alerts))


def live(seed: int, *, users: int = USERS, days: int = DAYS, budget: int = 10) -> Live:
    """Simulate an organization and score it day by day."""
    simulation = simulate.simulation(users=users, days=days, seed=seed)
    memory = Memory(FIRST)
    events, alerts, labels = {}, {}, []
    for day in tqdm(range(days), desc=f"days of organization {seed}", leave=False):
        parts = list(simulation.parts(day))
        labels += [part.labels for part in parts]
        events[FIRST + day] = pl.concat(narrowed(flat(part.events)) for part in parts).sort("time", "uid")
        ready = memory.ready
        raised, memory = advance(memory, events[FIRST + day], budget)
        if ready:
            alerts[FIRST + day] = raised
    return Live(simulation, events, alerts, pl.concat(labels), memory)
