"""What an event looks like beside the past of its user, host or address. Told in `book/part3/encoding.md`.

One event tells little; that it is the first of its kind for this user tells more. `ContextFeatures` reads a stream of
events in order and gives each a row of features that depend on earlier events alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.ocsf.schema import Feature
from residual.tabular.cells import State
from residual.tabular.hashing import Hashes, combine, hash_values
from residual.tabular.history import Seen, Visits
from residual.tabular.state import read_state, write_state
from residual.tabular.windows import Timeline

VERSION = 1  # of a saved state
HOUR_MS = 3_600_000
WINDOWS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS}


@dataclass(frozen=True)
class Entity:
    """Somebody or something whose past matters.

    Attributes:
        name: in the features' names.
        columns: of strings or integers that name it; the first that is filled counts.
        distinct: columns whose different values within a window are counted.
        first: columns where a value may come for the first time: for this entity, for its peers, for everybody.
        peers: columns that name the entity's group; the first that is filled counts. With none there are no peers.
    """

    name: str
    columns: tuple[str, ...]
    distinct: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


class ContextFeatures:
    """Features of events beside the past, over a stream of events in order of time.

    There is nothing to fit: the state is the past. `advance` takes the next events, in chunks of any size; their
    features are those of the whole stream in one piece. Of events of one time, the earlier row is the past of the later
    one: where times repeat, sort by time and `metadata.uid`, so that the features do not depend on how files were cut.

    Of each entity E, before each event: `context.E.count` (events ever), `context.E.since` (seconds since the last),
    `context.E.count_W` (events in window W: those after t - W, at time t), `context.E.distinct_W.COLUMN`; and of each
    COLUMN in `first`, whether this value is new to the entity, `context.E.first.COLUMN`, to its peers,
    `context.E.peers_first.COLUMN`, to everybody, `context.first.COLUMN`. Null where the event lacks entity or value.

    Memory holds the events of the longest window, 8 bytes for each key used, and what `residual.tabular.history` says.
    Names are kept as 64-bit hashes: among a million the chance that any two are taken for one is below 10^-7.

    Args:
        entities: whose past to follow.
        windows: lengths in ms, by name.
    """

    def __init__(self, entities: Sequence[Entity], *, windows: Mapping[str, int] = WINDOWS) -> None:
        names = [entity.name for entity in entities]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"entities must be one or more, of different names, got {names}")
        if not windows or min(windows.values()) < 1:
            raise ValueError(f"windows must be one or more lengths from 1 ms, got {dict(windows)}")
        self.entities = tuple(entities)
        self.windows = dict(windows)
        self._recent: dict[str, NDArray[Any]] = {"time": np.zeros(0, np.int64)}  # events of the longest window
        self._visits = {entity.name: Visits() for entity in entities}
        self._seen: dict[str, Seen] = {name: Seen() for name, _, _ in self._firsts()}

    def features(self) -> dict[str, Feature]:
        """The dictionary of what `advance` gives, to be added to that of the table."""
        found: dict[str, Feature] = {}
        for entity in self.entities:
            name = f"context.{entity.name}"
            numbers = [f"{name}.count", f"{name}.since"]
            for window in self.windows:
                numbers += [f"{name}.count_{window}", *(f"{name}.distinct_{window}.{c}" for c in entity.distinct)]
            found |= {path: Feature(path, "number") for path in numbers}
        return found | {path: Feature(path, "flag") for path, _, _ in self._firsts()}

    def advance(self, events: pl.DataFrame) -> pl.DataFrame:
        """The features of the next events, a row an event (Float64 and Boolean); then these belong to the past.

        Raises:
            ValueError: for a `time` that is missing, null, no integer, or before that of the event that came before;
                for a key that is neither string nor integer. The past stays as it was.
        """
        time = _times(events)
        schema = {path: pl.Float64 if f.kind == "number" else pl.Boolean for path, f in self.features().items()}
        if not len(time):
            return pl.DataFrame(schema=schema)
        self._check_order(time)
        keys = self._keys(events)
        found = self._counts(time, keys)
        for path, who, column in self._firsts():
            value = keys[f"value {column}"]
            there = (value != 0) if who is None else (value != 0) & (keys[who] != 0)
            pair = value if who is None else combine(keys[who], value)
            found[path] = _nullable(self._seen[path].first(np.where(there, pair, 0)), there)
        self._remember(time, keys)
        return pl.DataFrame({path: found[path].cast(dtype) for path, dtype in schema.items()})

    def save(self, path: str | Path) -> None:
        """Write entities, windows and the past to one file, whole or not at all."""
        state: State = {"entities": [asdict(entity) for entity in self.entities], "windows": list(self.windows.items())}
        state |= {f"recent/{name}": value for name, value in self._recent.items()}
        state |= {f"seen/{name}": seen.keys for name, seen in self._seen.items()}
        for name, visits in self._visits.items():
            state |= {f"visits/{name}/{field}": value for field, value in vars(visits).items()}
        write_state(Path(path), type(self).__name__, VERSION, state)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The stream that `save` wrote, to go on from there.

        Raises:
            ValueError: for a file that is missing or damaged, of something else, or of another version.
        """
        state = read_state(Path(path), cls.__name__, VERSION)
        entities = [
            Entity(entity.pop("name"), **{key: tuple(columns) for key, columns in entity.items()})
            for entity in state["entities"]
        ]
        stream = cls(entities, windows=dict(state["windows"]))
        stream._recent = {key.removeprefix("recent/"): state[key] for key in state if key.startswith("recent/")}
        stream._seen = {name: Seen(state[f"seen/{name}"]) for name in stream._seen}
        stream._visits = {
            name: Visits(*(state[f"visits/{name}/{field}"] for field in ("keys", "count", "last")))
            for name in stream._visits
        }
        return stream

    def _firsts(self) -> list[tuple[str, str | None, str]]:
        """Each flag of a first time: its path, the key of who it is new to (None: everybody), the column."""
        found: dict[str, tuple[str | None, str]] = {}
        for entity in self.entities:
            for column in entity.first:
                found[f"context.{entity.name}.first.{column}"] = (f"entity {entity.name}", column)
                if entity.peers:
                    found[f"context.{entity.name}.peers_first.{column}"] = (f"peers {entity.name}", column)
                found[f"context.first.{column}"] = (None, column)
        return [(path, who, column) for path, (who, column) in found.items()]

    def _keys(self, events: pl.DataFrame) -> dict[str, Hashes]:
        keys = {}
        for entity in self.entities:
            keys[f"entity {entity.name}"] = _first_filled(events, entity.columns)
            keys[f"peers {entity.name}"] = _first_filled(events, entity.peers)
            for column in {*entity.distinct, *entity.first}:
                keys[f"value {column}"] = _first_filled(events, (column,))
        return keys

    def _counts(self, time: NDArray[np.int64], keys: Mapping[str, Hashes]) -> dict[str, pl.Series]:
        recent = self._recent
        within = {name: np.concatenate([recent.get(name, keys[name][:0]), keys[name]]) for name in self._kept()}
        times, new = np.concatenate([recent["time"], time]), slice(len(recent["time"]), None)
        found = {}
        for entity in self.entities:
            key = keys[f"entity {entity.name}"]
            there = key != 0
            name = f"context.{entity.name}"
            count, since = self._visits[entity.name].meet(key, time)
            found[f"{name}.count"] = _nullable(count, there)
            found[f"{name}.since"] = _nullable(since / 1000, there & (since >= 0))
            line = Timeline(within[f"entity {entity.name}"], times, max(self.windows.values()))
            for window, width in self.windows.items():
                found[f"{name}.count_{window}"] = _nullable(line.counts(width)[new], there)
                for column in entity.distinct:
                    distinct = line.distinct(within[f"value {column}"], width)[new]
                    found[f"{name}.distinct_{window}.{column}"] = _nullable(distinct, there)
        return found

    def _kept(self) -> list[str]:
        """The keys that windows look at."""
        values = {f"value {column}" for entity in self.entities for column in entity.distinct}
        return [*(f"entity {entity.name}" for entity in self.entities), *sorted(values)]

    def _remember(self, time: NDArray[np.int64], keys: Mapping[str, Hashes]) -> None:
        recent = {name: np.concatenate([self._recent.get(name, keys[name][:0]), keys[name]]) for name in self._kept()}
        recent["time"] = np.concatenate([self._recent["time"], time])
        first = np.searchsorted(recent["time"], time[-1] - max(self.windows.values()), side="right")
        self._recent = {name: value[first:] for name, value in recent.items()}

    def _check_order(self, time: NDArray[np.int64]) -> None:
        before = np.concatenate([self._recent["time"][-1:], time])
        if len(wrong := np.flatnonzero(np.diff(before) < 0)):
            row = int(wrong[0])
            event = row + 1 - (len(before) - len(time))
            raise ValueError(
                f"event {event} is at {before[row + 1]} ms, the one before it at {before[row]} ms:"
                " expected events in order of time"
            )


def _times(events: pl.DataFrame) -> NDArray[np.int64]:
    if "time" not in events.columns:
        raise ValueError("column 'time' is missing, expected when each event was (integers, ms since 1970 UTC)")
    time = events["time"]
    if len(time) and (time.null_count() or not time.dtype.is_integer()):
        nulls = f" with {time.null_count()} nulls" if time.null_count() else ""
        raise ValueError(
            f"column 'time' has type {time.dtype}{nulls}, expected integers (ms since 1970 UTC) without nulls"
        )
    return time.to_numpy().astype(np.int64)


def _first_filled(events: pl.DataFrame, columns: Sequence[str]) -> Hashes:
    """The hash of the first of several columns that is filled, uint64 [n]; 0 where none is."""
    found = np.zeros(len(events), np.uint64)
    for column in reversed([column for column in columns if column in events.columns]):
        values = events[column]
        if isinstance(values.dtype, pl.Categorical | pl.Enum):
            values = values.cast(pl.String)
        if not (values.dtype.is_integer() or values.dtype in (pl.String, pl.Null)):
            raise ValueError(
                f"column {column!r} has type {values.dtype}, expected strings or integers (a key of the context)"
            )
        filled = values.is_not_null().to_numpy()
        if filled.any():
            found[filled] = np.maximum(hash_values(values.drop_nulls()), 1)
    return found


def _nullable(values: NDArray[Any], there: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(values).set(pl.Series(~there), None)
