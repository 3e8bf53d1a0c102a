"""Days of events as `residual.detect.stream` narrows them, made by hand."""

from typing import Any

import polars as pl

from residual.detect.sights import Detector, Frames
from residual.detect.stream import DAY, HOUR, SCHEMA

FIRST = 20_000  # days since 1970


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events in the order of time: what each has, with `hour` from the beginning of day `FIRST`, fractions too."""
    full = [
        {"uid": f"e{number}", **{name: value for name, value in row.items() if name != "hour"},
         "time": FIRST * DAY + round(row["hour"] * HOUR)}
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return pl.DataFrame(full, schema=SCHEMA).sort("time", "uid")


def run(detector: Detector, table: pl.DataFrame, days: int) -> pl.DataFrame:
    """The sights of some days, one after the other, with their `hour` from the beginning, the last of the window."""
    state: Frames = {}
    found = []
    for day in range(FIRST, FIRST + days):
        today = table.filter(pl.col("time") // DAY == day)
        sights, state = detector.advance(day, today, state)
        found.append(sights)
    return pl.concat(found).with_columns(hour=pl.col("end") // HOUR - 1 - FIRST * 24)
