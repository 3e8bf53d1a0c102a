"""Values without an order as codes: a vocabulary where there are few, hash buckets where there are many.

Told in `book/part3/encoding.md`.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.tabular.addresses import SCOPES
from residual.tabular.cells import Cells, Part, State, stacked
from residual.tabular.hashing import Hashes, collision_rate, hash_integers, hash_values
from residual.tabular.shape import shape

NULL, UNKNOWN, FIRST = 0, 1, 2  # codes; the values' own begin at FIRST
TABLE_BITS = 18  # of the table that counts hashed values


class Categories(Part):
    """Strings or integers as codes.

    Up to `vocabulary` different values are kept by name, each with a code in sorted order; a value not among them is
    UNKNOWN. The values of a column with more are hashed into `buckets` codes, and counted by another part of the same
    hash in a table of 2^18 slots. Then a numeric feature tells how frequent a value was: log(1 + count) over
    log(1 + all), 0 if it was never met; values in one slot of the table are counted together. Which form a column has,
    and what is in it, depends only on how often each value came.
    """

    name = ""

    def __init__(self, vocabulary: int, buckets: int) -> None:
        self.vocabulary = vocabulary
        self.buckets = buckets
        self._exact: dict[str | int, int] = {}
        self._table: NDArray[np.int64] | None = None  # int64 [2^18] once there are too many values to name
        self._all = 0

    def within(self, cells: Cells) -> Cells:
        """What of the cells to encode: strings or integers."""
        return cells

    @property
    def hashed(self) -> bool:
        return self._table is not None

    def update(self, cells: Cells) -> None:
        cells = self.within(cells)
        self._all += len(cells.values)
        if self._table is None:
            counted = cells.values.rename("value").value_counts(name="count")
            if len(counted) <= self.vocabulary:
                for value, count in counted.iter_rows():
                    self._exact[value] = self._exact.get(value, 0) + count
                if len(self._exact) > self.vocabulary:
                    self._forget_names()
                return
            self._forget_names()
        assert self._table is not None
        np.add.at(self._table, _slot(cells.hashes), 1)

    def _forget_names(self) -> None:
        self._table = np.zeros(1 << TABLE_BITS, np.int64)
        self.numeric_names = (f"{self.name}:frequency",)
        if self._exact:
            hashes = hash_values if isinstance(next(iter(self._exact)), str) else hash_integers
            names = pl.Series([str(name) for name in self._exact])
            np.add.at(self._table, _slot(hashes(names)), np.array(list(self._exact.values())))
        self._exact = {}

    def cardinalities(self) -> Mapping[str, int]:
        return {self.name: FIRST + (self.buckets if self.hashed else len(self._exact))}

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        assert self._table is not None
        count = self._table[_slot(self.within(cells).hashes)]
        return stacked(np.log1p(count) / np.log1p(self._all))

    def categorical(self, cells: Cells) -> NDArray[np.int32]:
        cells = self.within(cells)
        if self.hashed:
            return FIRST + (cells.hashes % np.uint64(self.buckets)).astype(np.int32)[:, None]
        names, values = sorted(self._exact), cells.values
        if values.dtype == pl.Int64 and max(abs(int(name)) for name in (names[0], names[-1])) < 2**63:
            known, numbers = np.array(names), values.to_numpy()
            place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
            return np.where(known[place] == numbers, FIRST + place, UNKNOWN).astype(np.int32)[:, None]
        texts = pl.Enum([str(name) for name in names])
        codes = values.cast(pl.String).cast(texts, strict=False).to_physical().cast(pl.Int32)
        return (codes + FIRST).fill_null(UNKNOWN).to_numpy()[:, None]

    def collisions(self) -> float:
        """Expected share of the values met that share their code with another: 0 for a vocabulary.

        The number of values met is estimated from the empty slots of the table (linear counting, Whang, Vander-Zanden
        and Taylor 1990).
        """
        if self._table is None:
            return 0.0
        empty = max(int((self._table == 0).sum()), 1)
        return collision_rate(len(self._table) * np.log(len(self._table) / empty), self.buckets)

    def state(self) -> State:
        if self._table is not None:
            filled = np.flatnonzero(self._table)
            return {"place": filled, "counts": self._table[filled]}
        return {"values": sorted(self._exact), "often": [self._exact[value] for value in sorted(self._exact)]}

    def restore(self, state: State) -> None:
        if "place" in state:
            self._forget_names()
            assert self._table is not None
            self._table[state["place"]] = state["counts"]
            self._all = int(self._table.sum())
        else:
            self._exact = dict(zip(state["values"], state["often"], strict=True))
            self._all = sum(state["often"])


class Subnet(Categories):
    """The /24 of an IPv4 and the /48 of an IPv6 address, as codes."""

    name = ":subnet"

    def within(self, cells: Cells) -> Cells:
        return cells.addresses[1]


class Scope(Part):
    """The scope of an IP address and its version, such as private IPv4, as one code; UNKNOWN for what is no address."""

    def cardinalities(self) -> Mapping[str, int]:
        return {":scope": FIRST + 2 * len(SCOPES)}

    def categorical(self, cells: Cells) -> NDArray[np.int32]:
        scopes = cells.addresses[0]
        return np.where(scopes < 0, UNKNOWN, scopes + FIRST)[:, None].astype(np.int32)


class Shape(Part):
    """What a string looks like: `residual.tabular.shape`."""

    def __init__(self, grams: int) -> None:
        self.grams = grams
        self.numeric_names = (":length", ":entropy", *(f":gram{i}" for i in range(grams)))

    def numeric(self, cells: Cells) -> NDArray[np.float32]:
        distinct, which = cells.distinct
        return shape(distinct, self.grams)[which]


def _slot(hashes: Hashes) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - TABLE_BITS)).astype(np.int64)
