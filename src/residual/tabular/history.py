"""What was ever seen: of each entity how often and when last, and which pairs came before.

Told in `book/part3/encoding.md`. Memory grows by 24 bytes an entity and 8 a pair, and never with the number of events.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from residual.tabular.hashing import Hashes


def _none() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass
class Seen:
    """Keys met so far; 0 is no key. `keys` is uint64 [k], sorted."""

    keys: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))

    def first(self, keys: Hashes) -> NDArray[np.bool_]:
        """Which of the next rows, [n], bring a key for the first time; then these rows belong to the past."""
        different, where = np.unique(keys, return_index=True)
        fresh = (different != 0) & ~_found(self.keys, different)
        found = np.zeros(len(keys), bool)
        found[where[fresh]] = True
        self.keys = np.insert(self.keys, np.searchsorted(self.keys, different[fresh]), different[fresh])
        return found


@dataclass
class Visits:
    """Of each key, how many rows had it and when the last of them was.

    Attributes:
        keys: uint64 [k], sorted.
        count: int64 [k].
        last: int64 [k], in ms.
    """

    keys: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    count: NDArray[np.int64] = field(default_factory=_none)
    last: NDArray[np.int64] = field(default_factory=_none)

    def meet(self, keys: Hashes, time: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many rows before each of the next ones had its key, and how many ms ago the last was (-1: none did).

        Then these rows belong to the past.

        Args:
            keys: uint64 [n].
            time: int64 [n] in ms, never falling.
        """
        different, which, often = np.unique(keys, return_inverse=True, return_counts=True)
        fresh = different[~_found(self.keys, different)]
        place = np.searchsorted(self.keys, fresh)
        self.keys = np.insert(self.keys, place, fresh)
        self.count = np.insert(self.count, place, 0)
        self.last = np.insert(self.last, place, 0)
        own = np.searchsorted(self.keys, different)
        order = np.argsort(which, kind="stable")
        begins = np.cumsum(often) - often
        count, before = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
        count[order] = np.arange(len(keys)) - np.repeat(begins, often) + np.repeat(self.count[own], often)
        previous = np.roll(time[order], 1)
        previous[begins] = self.last[own]
        before[order] = previous
        self.count[own] += often
        self.last[own] = time[order][begins + often - 1]
        return count, np.where(count > 0, time - before, -1)


def _found(among: Hashes, keys: Hashes) -> NDArray[np.bool_]:
    place = np.searchsorted(among, keys)
    found = np.zeros(len(keys), bool)
    inside = place < len(among)
    found[inside] = among[place[inside]] == keys[inside]
    return found
