"""A small organization, looked at and measured: what it does in a week, and whether its guards hold.

Told in `book/part3/simulator.md`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
from joblib import Parallel, delayed
from numpy.typing import NDArray

from residual.experiments.guard_baselines import Baseline, baselines
from residual.experiments.guard_classifiers import Comparison, compare
from residual.experiments.guard_columns import ColumnAudit, audit
from residual.experiments.guard_data import Tables, tables
from residual.experiments.guard_times import Contamination, Density, Origin, contamination, density, origin
from residual.experiments.guard_values import OnlyAttacks, drawn, only_attacks, shared_entities
from residual.experiments.guards import Guards
from residual.experiments.recording import WORKERS
from residual.ocsf.simulate.calendar import DAY, HOUR, START
from residual.ocsf.simulate.records import WRITERS
from residual.ocsf.simulate.simulation import simulation

Array = NDArray[np.float64]
SEEDS = (0, 1, 2)
NETWORK = "network_activity"
# The column that says whose an event is, where a class has one.
PERSON = {
    "authentication": "user.name",
    "network_activity": "actor.user.name",
    "dns_activity": "actor.user.name",
    "api_activity": "actor.user.name",
    "process_activity": "actor.user.name",
}


def measure(
    seeds: Sequence[int] = SEEDS,
    *,
    users: int = 30,
    days: int = 8,
    episodes: float = 60.0,
    hardness: float = 1.0,
    workers: int = WORKERS,
) -> tuple[Guards, Tables]:
    """All guards, measured in `workers` processes; and the tables of the first organization.

    Tables pass from process to process in files, which takes less memory than sending them.
    """
    size = {"users": users, "days": days, "episodes": episodes, "hardness": hardness}
    with TemporaryDirectory() as name, Parallel(n_jobs=workers, batch_size=1) as pool:
        folder, count = Path(name), len(seeds)
        made = pool(delayed(_made)(seed, size, folder) for seed in seeds)
        # Connections have half of all cells, so two parts of the audit take about as long as each other.
        parts = [[NETWORK], [name for name in WRITERS if name != NETWORK]]
        jobs = [delayed(job)(folder, seed) for job in (_compared, _exclusive, _trivial) for seed in seeds]
        results = pool([*jobs, *(delayed(_audited)(folder, seeds, part) for part in parts)])
        first = _read(folder, seeds[0])
    comparisons, exclusive, trivial = (results[k * count : (k + 1) * count] for k in range(3))
    audited = results[3 * count :]
    guards = Guards(
        seeds=tuple(seeds),
        columns=sorted((one for columns, _ in audited for one in columns), key=lambda one: -one.low),
        exclusive=[one for some in exclusive for one in some],
        entities=[one.entities for one in made],
        drawn=[one for _, some in audited for one in some],
        density=[one.density for one in made],
        comparisons=comparisons,
        baselines=trivial,
        origins=[one.origin for one in made],
        contaminations=[one.contamination for one in made],
    )
    return guards, first


@dataclass(frozen=True)
class _Made:
    """The guards that take no time, of one organization; its tables are in a folder."""

    entities: dict[str, float]
    density: Density
    origin: Origin
    contamination: Contamination


def _made(seed: int, size: dict[str, Any], folder: Path) -> _Made:
    one = simulation(seed=seed, **size)
    found = tables(one)
    for name, table in found.items():
        table.write_ipc(folder / f"{seed}-{name}.arrow")
    return _Made(shared_entities(found), density(one), origin(one, found), contamination(found))


def _read(folder: Path, seed: int, names: Iterable[str] = WRITERS) -> Tables:
    return {name: pl.read_ipc(folder / f"{seed}-{name}.arrow") for name in names}


def _compared(folder: Path, seed: int) -> list[Comparison]:
    return compare(_read(folder, seed), seed=seed)


def _exclusive(folder: Path, seed: int) -> list[OnlyAttacks]:
    return only_attacks([_read(folder, seed)])


def _trivial(folder: Path, seed: int) -> list[Baseline]:
    return baselines(_read(folder, seed), seed=seed)


def _audited(folder: Path, seeds: Sequence[int], names: list[str]) -> tuple[list[ColumnAudit], list[ColumnAudit]]:
    """Guards 1 and 3 for some classes, over all seeds."""
    found = [_read(folder, seed, names) for seed in seeds]
    return audit(found), drawn(found)


def by_hour(found: Tables, *, days: int = 7) -> dict[str, Array]:
    """Events of each class in each hour from the start of the simulation: class -> (24 * days,)."""
    hours = np.arange(24 * days + 1) * HOUR + START
    return {name: np.histogram(table["time"].to_numpy(), hours)[0].astype(float) for name, table in found.items()}


@dataclass(frozen=True)
class PersonsDay:
    """What one person's account and machine do on one day.

    Attributes:
        events: class -> hours of the day of all its events.
        injected: class -> those of them that an episode of an attack injected.
    """

    person: str
    day: int
    events: dict[str, Array]
    injected: dict[str, Array]


def persons_day(found: Tables, kind: str) -> PersonsDay:
    """A day on which an attack of a type begins, of the person whom it strikes: the first with events of all classes.

    Raises:
        ValueError: where there is no such day.
    """
    struck = [
        table.filter((pl.col("label.type") == kind) & pl.col("label.attack")).select("time", person=PERSON[name])
        for name, table in found.items()
        if name in PERSON
    ]
    for time, person in pl.concat(struck).drop_nulls().unique().sort("time", "person").iter_rows():
        day = (time - START) // DAY
        events, injected = {}, {}
        for name, column in PERSON.items():
            own = found[name].filter((pl.col(column) == person) & ((pl.col("time") - START) // DAY == day))
            hours = (own["time"].to_numpy() - START - day * DAY) / HOUR
            events[name], injected[name] = hours, hours[own["label.attack"].to_numpy()]
        if all(len(hours) for hours in events.values()):
            return PersonsDay(person, day, events, injected)
    raise ValueError(f"kind must strike a person who has events of all classes, got {kind!r}")


@dataclass(frozen=True)
class Calls:
    """Connections of one episode. Arrays have one entry a connection.

    Attributes:
        hours: since the episode's first.
        machine: number of the machine that made it, from 0.
        rank: share of the organization's benign connections that sent fewer bytes.
    """

    hours: Array
    machine: NDArray[np.int64]
    rank: Array


def calls(found: Tables, kind: str, *, twin: bool) -> list[Calls]:
    """The connections of each episode of a type, or of each of its benign twins.

    Raises:
        ValueError: for a type that makes none.
    """
    table = found["network_activity"]
    labeled = table.filter((pl.col("label.type") == kind) & (pl.col("label.twin") == twin))
    if labeled.height == 0:
        raise ValueError(f"kind must be a type with connections, got {kind!r}")
    benign = np.sort(table.filter(~pl.col("label.attack"))["traffic.bytes_out"].to_numpy())
    episodes = []
    for own in labeled.sort("label.episode", "time").partition_by("label.episode", maintain_order=True):
        time = own["time"].to_numpy()
        _, machine = np.unique(own["src_endpoint.ip"].to_numpy(), return_inverse=True)
        rank = np.searchsorted(benign, own["traffic.bytes_out"].to_numpy()) / len(benign)
        episodes.append(Calls((time - time[0]) / HOUR, machine.astype(np.int64), rank))
    return episodes
