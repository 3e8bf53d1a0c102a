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
from residual.storage import read_state, write_state
from residual.tabular.cells import State, part_of, widened
from residual.tabular.hashing import Hashes, combine, hash_values
from residual.tabular.windows import Timeline

VERSION = 1  # of a saved state
HOUR_MS = 3_600_000
WINDOWS = {"1h": HOUR_MS, "24h": 24 * HOUR_MS}
_NO_KEYS = np.zeros(0, np.uint64)
_VISITS = {"keys": pl.UInt64, "count": pl.Int64, "last": pl.Int64}


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

    Memory holds the events of the longest window, 8 bytes per key used, and of all that ever was 24 bytes per entity
    and 8 per pair of entity and value.
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
        distinct = {f"value {column}" for entity in self.entities for column in entity.distinct}
        kept = (*(f"entity {name}" for name in names), *sorted(distinct))
        # The events of the longest window, by the keys that windows look at; and all that ever was.
        self._recent: dict[str, NDArray[Any]] = {"time": np.zeros(0, np.int64), **dict.fromkeys(kept, _NO_KEYS)}
        self._visits = {name: pl.DataFrame(schema=_VISITS) for name in names}
        self._seen: dict[str, Hashes] = dict.fromkeys(self._firsts(), _NO_KEYS)

    def features(self) -> dict[str, Feature]:
        """The dictionary of what `advance` gives, to be added to that of the table."""
        dictionary: dict[str, Feature] = {}
        for entity in self.entities:
            name = f"context.{entity.name}"
            numbers = [f"{name}.count", f"{name}.since"]
            for window in self.windows:
                numbers += [f"{name}.count_{window}", *(f"{name}.distinct_{window}.{c}" for c in entity.distinct)]
            dictionary |= {path: Feature(path, "number") for path in numbers}
        return dictionary | {path: Feature(path, "flag") for path in self._firsts()}

    def advance(self, events: pl.DataFrame) -> pl.DataFrame:
        """The features of the next events, one row per event (Float64 and Boolean); then these belong to the past.

        Raises:
            ValueError: for a `time` that is missing, null, no integer, or before that of the event that came before;
                for a key that is neither string nor integer. The past stays as it was.
        """
        time = _times(events, self._recent["time"][-1:])
        schema = {path: pl.Float64 if f.kind == "number" else pl.Boolean for path, f in self.features().items()}
        if not len(time):
            return pl.DataFrame(schema=schema)
        keys = self._keys(events)
        recent = {name: np.concatenate([past, {**keys, "time": time}[name]]) for name, past in self._recent.items()}
        columns = self._counts(time, keys, recent)
        for path, (who, column) in self._firsts().items():
            value = keys[f"value {column}"]
            there = (value != 0) if who is None else (value != 0) & (keys[who] != 0)
            pair = value if who is None else combine(keys[who], value)
            is_new, self._seen[path] = _first_times(self._seen[path], np.where(there, pair, 0))
            columns[path] = _nullable(is_new, there)
        least = max(int(time[-1]) - max(self.windows.values()), -(2**63))
        first = np.searchsorted(recent["time"], np.int64(least), side="right")
        self._recent = {name: values[first:] for name, values in recent.items()}
        return pl.DataFrame({path: columns[path].cast(dtype) for path, dtype in schema.items()})

    def save(self, path: str | Path) -> None:
        """Write entities, windows and the past to one file, whole or not at all."""
        state: State = {"entities": [asdict(entity) for entity in self.entities], "windows": list(self.windows.items())}
        state |= {f"recent/{name}": value for name, value in self._recent.items()}
        state |= {f"seen/{path}": keys for path, keys in self._seen.items()}
        for name, visits in self._visits.items():
            state |= {f"visits/{name}/{column.name}": column.to_numpy() for column in visits}
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
        stream._recent |= part_of(state, "recent/")
        stream._seen |= part_of(state, "seen/")
        stream._visits = {
            name: pl.DataFrame(part_of(state, f"visits/{name}/"), schema=_VISITS) for name in stream._visits
        }
        return stream

    def _firsts(self) -> dict[str, tuple[str | None, str]]:
        """Each flag of a first time, by its path: the key of who it is new to (None: everybody), and the column."""
        flags: dict[str, tuple[str | None, str]] = {}
        for entity in self.entities:
            for column in entity.first:
                flags[f"context.{entity.name}.first.{column}"] = (f"entity {entity.name}", column)
                if entity.peers:
                    flags[f"context.{entity.name}.peers_first.{column}"] = (f"peers {entity.name}", column)
                flags[f"context.first.{column}"] = (None, column)
        return flags

    def _keys(self, events: pl.DataFrame) -> dict[str, Hashes]:
        keys = {}
        for entity in self.entities:
            keys[f"entity {entity.name}"] = _first_filled(events, entity.columns)
            keys[f"peers {entity.name}"] = _first_filled(events, entity.peers)
            for column in {*entity.distinct, *entity.first}:
                keys[f"value {column}"] = _first_filled(events, (column,))
        return keys

    def _counts(
        self, time: NDArray[np.int64], keys: Mapping[str, Hashes], recent: Mapping[str, NDArray[Any]]
    ) -> dict[str, pl.Series]:
        columns, new = {}, slice(-len(time), None)
        for entity in self.entities:
            key = keys[f"entity {entity.name}"]
            there, name = key != 0, f"context.{entity.name}"
            line = Timeline(recent[f"entity {entity.name}"], recent["time"], max(self.windows.values()))
            (count, since), self._visits[entity.name] = _visit(self._visits[entity.name], key, time)
            columns[f"{name}.count"] = _nullable(count, there)
            columns[f"{name}.since"] = _nullable(since.to_numpy() / 1000, there & since.is_not_null().to_numpy())
            for window, width in self.windows.items():
                columns[f"{name}.count_{window}"] = _nullable(line.counts(width)[new], there)
                for column in entity.distinct:
                    distinct = line.distinct(recent[f"value {column}"], width)[new]
                    columns[f"{name}.distinct_{window}.{column}"] = _nullable(distinct, there)
        return columns


def _times(events: pl.DataFrame, last: NDArray[np.int64]) -> NDArray[np.int64]:
    """When each event was, int64 [n] in ms; `last` is the time of the event before them, if there was one."""
    if "time" not in events.columns:
        raise ValueError("column 'time' is missing, expected when each event was (integers, ms since 1970 UTC)")
    time = events["time"]
    if len(time) and (time.null_count() or not time.dtype.is_integer()):
        nulls = f" with {time.null_count()} nulls" if time.null_count() else ""
        raise ValueError(
            f"column 'time' has type {time.dtype}{nulls}, expected integers (ms since 1970 UTC) without nulls"
        )
    if (whole := widened(time)).dtype != pl.Int64 and len(time):
        beyond = time.filter(time.cast(pl.Int64, strict=False).is_null())
        raise ValueError(f"column 'time' holds {beyond[0]!r} ms, expected times of 64 bits")
    times = np.concatenate([last, whole.to_numpy().astype(np.int64)])
    for row in np.flatnonzero(times[1:] < times[:-1])[:1]:
        event = f"event {row + 1 - len(last)} is at {times[row + 1]} ms, the one before it at {times[row]} ms"
        raise ValueError(f"{event}: expected events in order of time")
    return times[len(last) :]


def _first_filled(events: pl.DataFrame, columns: Sequence[str]) -> Hashes:
    """The hash of the first of several columns that is filled, uint64 [n]; 0 where none is."""
    hashes = np.zeros(len(events), np.uint64)
    for column in reversed([column for column in columns if column in events.columns]):
        values = widened(events[column])
        if not (values.dtype.is_integer() or values.dtype in (pl.String, pl.Null)):
            raise ValueError(
                f"column {column!r} has type {values.dtype}, expected strings or integers (a key of the context)"
            )
        filled = values.is_not_null().to_numpy()
        if filled.any():
            hashes[filled] = np.maximum(hash_values(values.drop_nulls()), 1)
    return hashes


def _visit(visits: pl.DataFrame, keys: Hashes, time: NDArray[np.int64]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How often each row's key came before, and how many ms ago the last time was, null for never; and the new visits.

    `visits` says for each key how many rows had it and when the last of them was, in ms.
    """
    rows = pl.DataFrame({"keys": keys, "last": time})
    past = rows.join(visits, on="keys", how="left", maintain_order="left")
    before = past.select(
        pl.int_range(pl.len()).over("keys") + pl.col("count").fill_null(0),
        pl.col("last").cast(pl.Float64) - pl.col("last").shift(1).over("keys").fill_null(pl.col("last_right")),
    )
    latest = rows.with_columns(count=pl.lit(1, pl.Int64)).select(_VISITS.keys())
    visits = pl.concat([visits, latest]).group_by("keys").agg(pl.col("count").sum(), pl.col("last").max()).sort("keys")
    return before, visits


def _first_times(seen: Hashes, keys: Hashes) -> tuple[NDArray[np.bool_], Hashes]:
    """Which of the next rows bring a key (0 is none) for the first time, bool [n]; and all keys seen so far, sorted."""
    different, first = np.unique(keys, return_index=True)
    fresh = (different != 0) & ~np.isin(different, seen, assume_unique=True)
    is_new = np.zeros(len(keys), bool)
    is_new[first[fresh]] = True
    return is_new, np.union1d(seen, different[fresh])


def _nullable(values: NDArray[Any] | pl.Series, there: NDArray[np.bool_]) -> pl.Series:
    return pl.Series(values).set(pl.Series(~there), None)
