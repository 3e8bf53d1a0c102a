"""One table of all events of a simulated organization, and what a network reads of it. Told in `book/part4/rows.md`.

Seven classes of events stand in one table, sorted by time, with a column for each leaf that is ever filled: some 370
columns, most of them empty in most rows. Beside them are the features of each event's past. An encoder that was fitted
on the first days makes numbers and codes of all of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from residual import simulate
from residual.ocsf.schema import features
from residual.tabular import ContextFeatures, TableEncoder
from residual.tabular.batches import Batch
from residual.tabular.fitting import ENTITIES, given, kept
from residual.tabular.pretrain import Step, steps_of
from residual_book.organizations import LABELS, day_of, labeled, raw_columns


@dataclass(frozen=True)
class Rows:
    """The events of an organization as a table and as tensors, row by row the same, in order of time.

    Attributes:
        table: dotted columns and those of the context, without labels.
        labels: `label.episode` and so on, as of `organizations.LABELS`, null for normal events, and `label.attack`.
        entities: what the labels name.
        encoder: fitted on the first days.
        numeric: float32 (N, f).
        categorical: int32 (N, c).
        day: of each event, from 0: (N,).
    """

    table: pl.DataFrame
    labels: pl.DataFrame
    entities: pl.DataFrame
    encoder: TableEncoder
    numeric: Tensor
    categorical: Tensor
    day: NDArray[np.int64]

    @property
    def given(self) -> list[str]:
        """Columns that say who acts, when, and what came before."""
        return given(self.encoder)

    def steps(self, mask: NDArray[np.bool_], size: int, seed: int) -> Callable[[int], Iterator[Step]]:
        """Shuffled batches of some rows, as `train` asks for them."""
        places = np.flatnonzero(mask)

        def one_pass(number: int, start: int) -> Iterator[Batch]:
            order = np.random.default_rng((seed, number)).permutation(places)
            for begin in range(start * size, len(order) - size + 1, size):
                chosen = torch.from_numpy(order[begin : begin + size])
                yield Batch(self.numeric[chosen], self.categorical[chosen], chosen)

        return steps_of(one_pass, len(places) // size)

    def where(self, mask: NDArray[np.bool_] | NDArray[np.int64] | slice) -> tuple[Tensor, Tensor]:
        """Numbers and codes of some rows."""
        return self.numeric[mask], self.categorical[mask]


def rows(seed: int, *, users: int, days: int, fitted: int, episodes: float = simulate.EPISODES) -> Rows:
    """Make an organization and encode it; the encoder learns from the first `fitted` days alone."""
    made = labeled(simulate.simulation(users=users, days=days, seed=seed, episodes=episodes))
    both = pl.concat(made.events.values(), how="diagonal_relaxed").sort("time", "metadata.uid", maintain_order=True)
    context = ContextFeatures(ENTITIES)
    past = context.advance(both)
    known = kept(context)
    table = both.select(raw_columns(both)).hstack(past.select(list(known)))
    day = day_of(table)
    encoder = TableEncoder(features(depth=4) | known, scaling="quantile").fit(table.filter(day < fitted))
    encoded = encoder.transform(table)
    return Rows(
        table=table,
        labels=both.select("label.attack", *(f"label.{name}" for name in LABELS)),
        entities=made.entities,
        encoder=encoder,
        numeric=torch.from_numpy(encoded.numeric),
        categorical=torch.from_numpy(encoded.categorical),
        day=day,
    )
