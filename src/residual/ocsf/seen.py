"""Which keys came before, of any number of keys, in 16 bytes for each. Told in `book/part3/records.md`."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = tuple[NDArray[np.uint64], NDArray[np.uint64]]


class Seen:
    """A set of texts that keeps two hashes of 64 bits of each.

    They are in sorted runs, each less than half as long as the one before, so that a text is added in logarithmic time.
    """

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def holds(self, keys: pl.Series) -> pl.Series:
        """Whether each of some texts is in the set."""
        first, second = _hashes(keys)
        found = np.zeros(len(keys), bool)
        order = np.argsort(first)  # to look for sorted values is several times as fast
        first, second = first[order], second[order]
        for known, also in self._runs:
            place = np.minimum(np.searchsorted(known, first), len(known) - 1)
            found[order] |= (known[place] == first) & (also[place] == second)
        return pl.Series(found)

    def add(self, keys: pl.Series) -> None:
        """Add texts that are not in the set, and that differ from each other."""
        self._append(_hashes(keys))

    def update(self, other: "Seen") -> None:
        """Add all that is in another set, and not in this one."""
        for run in other._runs:
            self._append(run)

    def _append(self, run: Hashes) -> None:
        if not len(run[0]):
            return
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            last = self._runs.pop()
            run = (np.concatenate([last[0], run[0]]), np.concatenate([last[1], run[1]]))
        order = np.argsort(run[0], kind="stable")
        self._runs.append((run[0][order], run[1][order]))


def _hashes(keys: pl.Series) -> Hashes:
    return keys.hash(seed=1).to_numpy(), keys.hash(seed=2).to_numpy()
