"""A simulation on disk: Parquet by class and day as in Security Lake, and the labels in a file of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from residual.simulate.calendar import DAY, START
from residual.simulate.simulation import EPISODES, LABELS, simulation
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

    Events go to `out/events/class=NAME/eventDay=YYYYMMDD/part-N.parquet` (nested OCSF, zstd), labels to
    `out/labels.parquet`, which is written last. Each file is complete or not there. See `simulation` for the arguments;
    `on_day` is called with the number of each day that is done.

    Raises:
        ValueError: for arguments that `simulation` refuses, or an `out` that holds events or labels already.
    """
    for name in ("events", "labels.parquet"):
        if (out / name).exists():
            raise ValueError(f"out must not hold a simulation yet, got {out}, where {name} is")
    whole = simulation(users=users, days=days, seed=seed, episodes=episodes, hardness=hardness)
    labels: list[pl.DataFrame] = []
    counts: dict[str, int] = {}
    for day in range(days):
        date = datetime.fromtimestamp((START + day * DAY) / 1000, UTC).strftime("%Y%m%d")
        numbers: dict[str, int] = {}
        for name, events, day_labels in whole.parts(day):
            labels.append(day_labels)
            if events.height == 0:
                continue
            counts[name] = counts.get(name, 0) + events.height
            part = numbers[name] = numbers.get(name, -1) + 1
            folder = out / "events" / f"class={name}" / f"eventDay={date}"
            folder.mkdir(parents=True, exist_ok=True)
            _write(events.sort("time"), folder / f"part-{part}.parquet")
        if on_day is not None:
            on_day(day)
    table = pl.concat(labels)
    _write(table.select(list(LABELS)), out / "labels.parquet")
    attacks = table.filter(~pl.col("twin"))
    return Summary(counts, attacks["episode"].n_unique(), attacks.height)


def _write(frame: pl.DataFrame, path: Path) -> None:
    content = BytesIO()
    frame.write_parquet(content, compression="zstd", compression_level=1)
    write_atomically(path, content.getvalue())
