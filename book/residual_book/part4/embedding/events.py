"""An organization as arrays: each event with its fields and its context, and who and what the alerts are about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from residual import simulate
from residual.ocsf.schema import Feature, features
from residual.simulate import Simulation, flat
from residual.simulate.calendar import DAY, START
from residual.tabular import ContextFeatures, TableEncoder
from residual.tabular.fitting import ENTITIES, kept
from residual_book.evaluation.watched import FIRST_WEEK, Watched, watch

# Of each class, whom its alerts name: the kind and so the column of `Watched.events`. As on the page about the bar.
NAMED = {
    "authentication": "user",
    "network_activity": "address",
    "dns_activity": "address",
    "api_activity": "user",
    "process_activity": "user",
    "application_lifecycle": "application",
    "application_error": "application",
}
# Numbers that only name something, or count on for ever, and names that are used once.
NAMES = ("pid", "ptid", "sequence", "packet_uid", "session.uid", "uid_alt")
OF_THEIR_LOOKS = ("number", "flag", "hostname", "command", "path", "url")  # which say something if never met before
SAMPLE = 4  # days that say which columns vary
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Events:
    """The events of one class, in the order of time.

    Attributes:
        table: uid, time, the entities by kind, and the fields.
        entity: what the alerts name, "" for none: (n,).
        numeric: float16 (n, f), as of the encoder.
        categorical: int16 (n, c).
        day: of each event, from 0: (n,).
        episode: of each event, "" for none: (n,).
        type: of its episode, with " twin" behind for those of a benign twin, "" for none: (n,).
    """

    table: pl.DataFrame
    entity: NDArray[np.str_]
    numeric: Tensor
    categorical: Tensor
    day: NDArray[np.int64]
    episode: NDArray[np.str_]
    type: NDArray[np.str_]

    def rows(self, which: Mask | NDArray[np.int64] | slice) -> tuple[Tensor, Tensor]:
        """Numbers and codes of some events: float32 (m, f) and int64 (m, c)."""
        numeric, categorical = self.stored(which)
        return numeric.float(), categorical.long()

    def stored(self, which: Mask | NDArray[np.int64] | slice) -> tuple[Tensor, Tensor]:
        """As `rows`, float16 and int16."""
        index = which if isinstance(which, slice) else torch.from_numpy(which)
        return self.numeric[index], self.categorical[index]


@dataclass(frozen=True)
class Organization:
    """All events by class, and what was fitted on the first week."""

    watched: Watched
    events: dict[str, Events]
    encoder: TableEncoder

    @property
    def seed(self) -> int:
        return self.watched.seed

    def of_context(self) -> Mask:
        """Which of the numbers are about the context: (f,)."""
        return np.array([name.startswith("context.") for name in self.encoder.numeric_names_])


def organization(seed: int, *, users: int, days: int, encoder: TableEncoder | None = None) -> Organization:
    """Make an organization and encode all its events, by an encoder of its own unless one is given."""
    made = simulate.simulation(users=users, days=days, seed=seed)
    watched = watch(made, {name: list(columns) for name, columns in varying(made).items()})
    past, known = contexts(watched.events)
    dictionary = {path: f for path, f in features(depth=4).items() if f.kind != "list"} | known
    tables = {name: table.hstack(past[name]) for name, table in watched.events.items()}
    if encoder is None:
        encoder = TableEncoder(dictionary, scaling="quantile")
        for table in tables.values():
            encoder.partial_fit(table.filter((pl.col("time") - START) // DAY < FIRST_WEEK.stop))
    episodes = watched.truth.episodes.select(
        "episode", kind=pl.col("type") + pl.when("twin").then(pl.lit(" twin")).otherwise(pl.lit(""))
    )
    injected = watched.truth.touches.select("episode", uid="event").unique("uid").join(episodes, on="episode")
    return Organization(watched, {name: _events(name, t, encoder, injected) for name, t in tables.items()}, encoder)


def _events(name: str, table: pl.DataFrame, encoder: TableEncoder, injected: pl.DataFrame) -> Events:
    numeric = torch.empty(table.height, len(encoder.numeric_names_), dtype=torch.float16)
    categorical = torch.empty(table.height, len(encoder.categorical_names_), dtype=torch.int16)
    at = 0
    for encoded in encoder.batches(table):
        rows = slice(at, at + len(encoded.numeric))
        numeric[rows], categorical[rows] = torch.from_numpy(encoded.numeric), torch.from_numpy(encoded.categorical)
        at = rows.stop
    labels = table.select("uid").join(injected, on="uid", how="left", maintain_order="left")
    return Events(
        table=table.drop([column for column in table.columns if column.startswith("context.")]),
        entity=table[NAMED[name]].fill_null("").to_numpy().astype(np.str_),
        numeric=numeric,
        categorical=categorical,
        day=((table["time"] - START) // DAY).to_numpy().astype(np.int64),
        episode=labels["episode"].fill_null("").to_numpy().astype(np.str_),
        type=labels["kind"].fill_null("").to_numpy().astype(np.str_),
    )


def varying(made: Simulation) -> dict[str, list[str]]:
    """The columns of each class that have more than one value in the first days, and values that come again."""
    known, kept = features(depth=4), {}
    days = [made.day(day).events for day in range(min(SAMPLE, made.org.days))]
    for name in days[0]:
        table = pl.concat([flat(day[name]) for day in days])
        kept[name] = [column for column in table.columns if _varies(table[column], known.get(column))]
    return kept


def _varies(values: pl.Series, feature: Feature | None) -> bool:
    if feature is None or feature.kind in ("list", "time") or feature.path.endswith(NAMES):
        return False
    filled = values.drop_nulls()
    different = filled.n_unique()
    return different > 1 and (feature.kind in OF_THEIR_LOOKS or different <= len(filled) / 4)


def contexts(events: dict[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], dict[str, Feature]]:
    """The context of each event, by class, from one stream of all classes; and the dictionary of these columns."""
    stream = ContextFeatures(ENTITIES)
    wanted = {c for e in ENTITIES for c in (*e.columns, *e.distinct, *e.first, *e.peers)}
    parts = [
        table.select("time", "uid", *(c for c in table.columns if c in wanted), of=pl.lit(name), row=pl.row_index())
        for name, table in events.items()
    ]
    both = pl.concat(parts, how="diagonal_relaxed").sort("time", "uid", maintain_order=True)
    known = kept(stream)
    past = stream.advance(both).select(list(known)).hstack(both.select("of", "row"))
    return {name: past.filter(pl.col("of") == name).sort("row").select(list(known)) for name in events}, known


def sample(day: NDArray[np.int64], days: range, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Some events of some days, at random, in the order of time."""
    return np.sort(rng.permutation(np.flatnonzero(np.isin(day, days)))[:most])


def rows_of(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Several arrays of numbers and codes as one."""
    numeric, categorical = zip(*parts, strict=True)
    return torch.cat(numeric), torch.cat(categorical)
