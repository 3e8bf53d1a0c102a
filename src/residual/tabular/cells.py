"""The filled cells of one column, and what the encodings of them share. Told in `book/part3/encoding.md`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.tabular.addresses import scopes_and_subnets
from residual.tabular.hashing import Hashes, hash_values

Floats: TypeAlias = NDArray[np.float64]
State: TypeAlias = dict[str, Any]  # JSON values and arrays


@dataclass
class Cells:
    """Where a column has a value: n of the table's rows.

    Attributes:
        values: n values, none of them null.
        rows: int64 [n], the row of each.
        time: float64 [n], when the event of each row was, in ms since 1970 UTC; NaN where the table does not say.
    """

    values: pl.Series
    rows: NDArray[np.int64]
    time: Floats

    @cached_property
    def hashes(self) -> Hashes:
        """uint64 [n]."""
        return hash_values(self.values)

    @cached_property
    def distinct(self) -> tuple[pl.Series, NDArray[np.int64]]:
        """The different values, k of them, and int64 [n]: which of them each cell has."""
        _, first, which = np.unique(self.hashes, return_index=True, return_inverse=True)
        return self.values.gather(first), which

    @cached_property
    def scopes(self) -> NDArray[np.int32]:
        """int32 [n], for cells that hold IP addresses: see `scopes_and_subnets`."""
        return self._addresses[0]

    @cached_property
    def subnets(self) -> "Cells":
        """The numbers that name the subnets of cells that hold IP addresses."""
        return Cells(pl.Series(self._addresses[1]), self.rows, self.time)

    @cached_property
    def _addresses(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        distinct, which = self.distinct
        scopes, subnets = scopes_and_subnets(distinct)
        return scopes[which], subnets[which]


class Part:
    """One way to encode a column. This one has no outputs and learns nothing; each kind changes what it must."""

    def update(self, cells: Cells) -> None:
        """Learn from more cells."""

    def numeric_names(self) -> tuple[str, ...]:
        """Names of the numeric outputs, each a suffix to the column's path. They are 0 where the column is null."""
        return ()

    def cardinalities(self) -> Mapping[str, int]:
        """How many codes each categorical output has, by suffix. Code 0 is null, 1 is unknown."""
        return {}

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        """float32 [n, numeric outputs]."""
        raise NotImplementedError

    def categorical(self, cells: Cells) -> NDArray[np.int32]:
        """int32 [n, categorical outputs]."""
        raise NotImplementedError

    def state(self) -> State:
        """All that was learned."""
        return {}

    def restore(self, state: State) -> None:
        """Take over what `state()` gave."""


def stacked(*columns: NDArray[Any]) -> NDArray[np.float32]:
    """Columns [n] side by side: float32 [n, columns]."""
    return np.stack(columns, axis=1).astype(np.float32)
