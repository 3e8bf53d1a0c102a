"""A simulation on disk: Parquet by class and day as in Security Lake, and the labels in a file of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from residual.ocsf.ahead import ahead
from residual.simulate.calendar import DAY, START
from residual.simulate.simulation import EPISODES, episodes_of, simulation, took_part
from residual.storage import write_atomically


@dataclass(frozen=True)
class Summary:
    """What a simulation wrote: events by class, episodes of attacks and faults, and how many events belong to them."""

    events: dict[str, int]
    episodes: int
    attacks: int

    @property
    def total(self) -> int:
        """All events."""
        return sum(self.events.values())


def simulate(
    out: Path,
    *,
    users: int = 80,
    days: int = 14,
    seed: int,
    episodes: float = EPISODES,
    hardness: float = 1.0,
    on_day: Callable[[int], None] | None = None,
) -> Summary:
    """Simulate an organization into `out`, a day at a time.

    Events go to `out/events/class=NAME/eventDay=YYYYMMDD/part-N.parquet` (nested OCSF, zstd), episodes and who takes
    part in them to `out/episodes.parquet` and `out/entities.parquet`, labels of events to `out/labels.parquet`, which
    is written last. Each file is complete or not there. See `simulation` for the arguments; `on_day` is called with
    the number of each day that is done.

    Raises:
        ValueError: for arguments that `simulation` refuses, or an `out` that holds events or labels already.
    """
    for name in ("events", "labels.parquet"):
        if (out / name).exists():
            raise ValueError(f"out must not hold a simulation yet, got {out}, where {name} is")
    whole = simulation(users=users, days=days, seed=seed, episodes=episodes, hardness=hardness)
    labels, entities = [], []
    counts: dict[str, int] = {}
    for day, parts in enumerate(ahead(map(whole.parts, range(days)))):
        date = datetime.fromtimestamp((START + day * DAY) / 1000, UTC).strftime("%Y%m%d")
        numbers: dict[str, int] = {}
        for part in parts:
            labels.append(part.labels)
            entities.append(part.entities)
            if part.events.height == 0:
                continue
            counts[part.name] = counts.get(part.name, 0) + part.events.height
            number = numbers[part.name] = numbers.get(part.name, -1) + 1
            folder = out / "events" / f"class={part.name}" / f"eventDay={date}"
            folder.mkdir(parents=True, exist_ok=True)
            _write(part.events.sort("time"), folder / f"part-{number}.parquet")
        if on_day is not None:
            on_day(day)
    table = pl.concat(labels)
    _write(took_part(entities), out / "entities.parquet")
    _write(episodes_of(table), out / "episodes.parquet")
    _write(table, out / "labels.parquet")
    attacks = table.filter(~pl.col("twin"))
    return Summary(counts, attacks["episode"].n_unique(), attacks.height)


def _write(frame: pl.DataFrame, path: Path) -> None:
    content = BytesIO()
    frame.write_parquet(content, compression="zstd", compression_level=1)
    write_atomically(path, content.getvalue())
