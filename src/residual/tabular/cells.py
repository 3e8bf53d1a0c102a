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
    """The n cells of a column that have a value.

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
    def addresses(self) -> tuple[NDArray[np.int32], "Cells"]:
        """Of cells that hold IP addresses, their scopes, int32 [n], and their subnets: see `scopes_and_subnets`."""
        distinct, which = self.distinct
        scopes, subnets = scopes_and_subnets(distinct)
        return scopes[which], Cells(pl.Series(subnets[which]), self.rows, self.time)


def widened(values: pl.Series) -> pl.Series:
    """Values in the one type that stands for all of their sort: Int64, List or String.

    Integers, if one of them does not fit, and what is of another sort stay as they are.
    """
    dtype = values.dtype
    if dtype.is_integer() and dtype != pl.Int64:
        wide = values.cast(pl.Int64, strict=False)
        return values if wide.null_count() > values.null_count() else wide
    if isinstance(dtype, pl.Array):
        return values.arr.to_list()
    return values.cast(pl.String) if isinstance(dtype, pl.Categorical | pl.Enum) else values


class Part:
    """One way to encode a column. This one has no outputs and learns nothing; each kind changes what it must.

    Attributes:
        numeric_names: of the numeric outputs, each a suffix to the column's path. They are 0 where the column is null.
    """

    numeric_names: tuple[str, ...] = ()

    def update(self, cells: Cells) -> None:
        """Learn from more cells."""

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


def part_of(state: State, prefix: str) -> State:
    """The values whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def stacked(*columns: NDArray[Any]) -> NDArray[np.float32]:
    """Columns [n] side by side: float32 [n, columns]."""
    return np.stack(columns, axis=1).astype(np.float32)
