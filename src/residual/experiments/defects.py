"""Mistakes planted into valid events: which of them a check notices. Told in `book/part3/records.md`.

Most are what a mapping to OCSF gets wrong in practice; the last three are valid OCSF that says something untrue.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from residual.ocsf.checks import check
from residual.ocsf.events import dicts
from residual.ocsf.schema import CLASSES
from residual.ocsf.simulate import simulation
from residual.ocsf.validate import faults

SEEDS = (0, 1, 2)
EVENTS = 20  # of each class that a mistake is planted into

Event = dict[str, Any]
Rng = np.random.Generator


def _drop(*path: str) -> Callable[[Event, Rng], None]:
    def plant(event: Event, rng: Rng) -> None:
        for name in path[:-1]:
            event = event[name]
        del event[path[-1]]

    return plant


def _set(name: str, value: Any) -> Callable[[Event, Rng], None]:
    def plant(event: Event, rng: Rng) -> None:
        event[name] = value

    return plant


def _scale(name: str, by: float) -> Callable[[Event, Rng], None]:
    def plant(event: Event, rng: Rng) -> None:
        event[name] = int(event[name] * by)

    return plant


def _other_activity(event: Event, rng: Rng) -> None:
    event["activity_id"] = 0  # Unknown, which every class knows
    event.pop("activity_name", None)


def _other_caption(event: Event, rng: Rng) -> None:
    event["severity"] = "Critical" if event.get("severity") != "Critical" else "Low"


def _version_as_object(event: Event, rng: Rng) -> None:
    event["metadata"]["version"] = {"major": 1, "minor": 8}


def _earlier(event: Event, rng: Rng) -> None:
    event["time"] -= int(rng.integers(1, 12)) * 3_600_000


def _other_uid(event: Event, rng: Rng) -> None:
    event["metadata"]["uid"] = f"{rng.integers(2**32):08x}"


def _other_product(event: Event, rng: Rng) -> None:
    event["metadata"]["product"]["name"] = "Somebody else's product"


DEFECTS: dict[str, Callable[[Event, Rng], None]] = {
    "no time": _drop("time"),
    "no product": _drop("metadata", "product"),
    "no severity": _drop("severity_id"),
    "time as text": _set("time", "2025-03-04T09:00:00Z"),
    "time as a fraction": _set("time", 1741078800123.5),
    "an object for a text": _version_as_object,
    "an unknown attribute": _set("user_name", "jmori15"),
    "an id that is not defined": _set("severity_id", 42),
    "a number as text": _set("activity_id", "1"),
    "an unknown class": _set("class_uid", 9999),
    "no class": _drop("class_uid"),
    "another class's category": _set("category_uid", 2),
    "type_uid of another activity": _other_activity,
    "another id's caption": _other_caption,
    "seconds for milliseconds": _scale("time", 1e-3),
    "microseconds for milliseconds": _scale("time", 1e3),
    "hours off": _earlier,
    "another event's uid": _other_uid,
    "another product": _other_product,
}


@dataclass(frozen=True)
class Noticed:
    """Shares of events in which a planted mistake was noticed: by the class's JSON Schema, and by all checks."""

    defect: str
    seed: int
    schema: float
    all_checks: float


def notice(seed: int, *, events: int = EVENTS) -> Iterator[Noticed]:
    """Plant each mistake into `events` valid events of every class.

    Raises:
        RuntimeError: where an event has a fault before anything is planted, for then nothing could be learned from it.
    """
    day = simulation(users=20, days=2, seed=seed).day(1)
    names = {name: uid for uid, name in CLASSES.items()}
    sound = [(event, name) for name in names if name in day.events for event in dicts(day.events[name].head(events))]
    for event, name in sound:
        if found := faults(event):
            raise RuntimeError(f"an event of {name} must be valid to plant in, got {found[0]}")
    for defect, plant in DEFECTS.items():
        rng = np.random.default_rng(seed)
        by_schema = by_any = 0
        for event, name in sound:
            spoiled = deepcopy(event)
            plant(spoiled, rng)
            found = faults(spoiled)
            ours = list(check(spoiled, name))
            by_any += bool(found)
            by_schema += any(fault not in ours for fault in found)
        yield Noticed(defect, seed, by_schema / len(sound), by_any / len(sound))


def sweep(seeds: Sequence[int] = SEEDS) -> list[Noticed]:
    """`notice` from every seed."""
    return [noticed for seed in seeds for noticed in notice(seed)]
