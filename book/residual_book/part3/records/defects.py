"""Mistakes planted into valid events: which of them a check notices. Told in `book/part3/records.md`.

Most are what a mapping to OCSF gets wrong in practice; the last three are valid OCSF that says something untrue.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np

from residual.ocsf.events import dicts
from residual.ocsf.schema import CLASSES
from residual.ocsf.validate import faults
from residual.simulate import simulation

SEEDS = (0, 1, 2)
EVENTS = 20  # of each class that a mistake is planted into

Event = dict[str, Any]
Rng = np.random.Generator
Plant = Callable[[Event, Rng], object]


def _at(path: str, plant: Callable[[Event, str, Rng], object]) -> Plant:
    *parents, name = path.split(".")
    return lambda event, rng: plant(reduce(getitem, parents, event), name, rng)


def _drop(path: str) -> Plant:
    return _at(path, lambda parent, name, _: parent.pop(name))


def _change(path: str, change: Callable[[Any, Rng], Any]) -> Plant:
    return _at(path, lambda parent, name, rng: parent.update({name: change(parent.get(name), rng)}))


def _set(path: str, value: Any) -> Plant:
    return _change(path, lambda _, __: value)


def _other_activity(event: Event, rng: Rng) -> None:
    event["activity_id"] = 0  # Unknown, which every class knows
    event.pop("activity_name", None)


DEFECTS: dict[str, Plant] = {
    "no time": _drop("time"),
    "no product": _drop("metadata.product"),
    "no severity": _drop("severity_id"),
    "time as text": _set("time", "2025-03-04T09:00:00Z"),
    "time as a fraction": _set("time", 1741078800123.5),
    "an object for a text": _set("metadata.version", {"major": 1, "minor": 8}),
    "an unknown attribute": _set("user_name", "jmori15"),
    "an id that is not defined": _set("severity_id", 42),
    "a number as text": _set("activity_id", "1"),
    "an unknown class": _set("class_uid", 9999),
    "no class": _drop("class_uid"),
    "another class's category": _set("category_uid", 2),
    "type_uid of another activity": _other_activity,
    "another id's caption": _change("severity", lambda caption, _: "Low" if caption == "Critical" else "Critical"),
    "seconds for milliseconds": _change("time", lambda time, _: time // 1000),
    "microseconds for milliseconds": _change("time", lambda time, _: time * 1000),
    "hours off": _change("time", lambda time, rng: time - int(rng.integers(1, 12)) * 3_600_000),
    "another event's uid": _change("metadata.uid", lambda _, rng: f"{rng.integers(2**32):08x}"),
    "another product": _set("metadata.product.name", "Somebody else's product"),
}


@dataclass(frozen=True)
class Noticed:
    """Shares of events in which a planted mistake was noticed: by the class's JSON Schema, and by all checks."""

    schema: float
    all_checks: float


def valid_events(seed: int, count: int = EVENTS) -> list[tuple[str, Event]]:
    """Class and content of `count` simulated events of every class."""
    tables = simulation(users=20, days=2, seed=seed).day(1).events
    return [(name, event) for name in CLASSES.values() if name in tables for event in dicts(tables[name].head(count))]


def notice(events: Sequence[tuple[str, Event]], *, seed: int) -> dict[str, Noticed]:
    """Plant each mistake into each of `events`, and see who notices: by the name of the mistake.

    Raises:
        ValueError: where an event has a fault before anything is planted, for then nothing could be learned from it.
    """
    for name, event in events:
        if before := faults(event):
            raise ValueError(f"events must be valid to plant mistakes in, got {before[0]} in one of {name}")
    shares = {}
    for defect, plant in DEFECTS.items():
        rng = np.random.default_rng(seed)
        by_schema = by_any = 0
        for _, event in events:
            spoiled = deepcopy(event)
            plant(spoiled, rng)
            noticed = faults(spoiled)
            by_any += bool(noticed)
            by_schema += any(not fault.by_rule for fault in noticed)
        shares[defect] = Noticed(by_schema / len(events), by_any / len(events))
    return shares


def sweep(seeds: Iterable[int] = SEEDS) -> dict[str, list[Noticed]]:
    """Who notices each mistake, one entry per seed."""
    of_seeds = [notice(valid_events(seed), seed=seed) for seed in seeds]
    return {defect: [shares[defect] for shares in of_seeds] for defect in DEFECTS}
