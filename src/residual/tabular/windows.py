"""What an entity did in the time just before each of its events, for many events at once.

Told in `book/part3/encoding.md`. Rows are events in order; a row looks at rows before it, never at itself or later
ones, and of rows of one time the earlier row is the past of the later one. Row j is within `width` of row i where
time[i] - time[j] < width. Entities and values are hashes, 0 for none.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residual.tabular.hashing import Hashes, combine

Times = NDArray[np.int64]
Counts = NDArray[np.int64]


class Timeline:
    """Rows by entity, then in order, on one axis where entities are too far apart to be within reach of each other.

    Args:
        entity: uint64 [n].
        time: int64 [n] in ms, never falling.
        longest: the longest width that will be asked for, in ms. A longer gap between events of an entity is this and
            1 ms on the axis, which keeps far times in reach of int64.

    Raises:
        ValueError: for more events than an axis can hold, which are 2^63 ms over `longest`.
    """

    def __init__(self, entity: Hashes, time: Times, longest: int) -> None:
        if len(time) * (longest + 1) >= 2**63:
            raise ValueError(f"expected fewer events or a shorter window, got {len(time)} and {longest} ms")
        self.order = np.argsort(entity, kind="stable")
        self.entity, self.time = entity[self.order], time[self.order]
        new = np.diff(self.entity, prepend=~self.entity[:1]) != 0
        self.first = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))  # row where the entity begins
        gap = np.diff(self.time.view(np.uint64), prepend=self.time[:1].view(np.uint64))  # unsigned it cannot overflow
        gap[new] = longest + 1
        self.axis = np.cumsum(np.minimum(gap, np.uint64(longest + 1)).astype(np.int64))
        self.start = self.axis[self.first]  # of the entity, on the axis

    def counts(self, width: int) -> Counts:
        """How many earlier rows of its entity each row has within `width`: int64 [n], in the order of the rows."""
        return self._in_rows(np.arange(len(self.axis)) - np.searchsorted(self.axis, self.axis - width, side="right"))

    def distinct(self, value: Hashes, width: int) -> Counts:
        """How many different values, 0 aside, those earlier rows have: int64 [n].

        A value is there from one of its rows until `width` after the last that is less than `width` behind the one
        before. So a row sees as many values as such stretches began before it, less those that ended.
        """
        pair = np.where(value[self.order] == 0, 0, combine(self.entity, value[self.order]))
        filled = np.flatnonzero(pair)
        by_pair = filled[np.argsort(pair[filled], kind="stable")]
        apart = np.diff(pair[by_pair]) != 0
        apart |= np.diff(self.axis[by_pair]) >= width
        begins = np.zeros(len(self.axis), np.int64)
        begins[by_pair[np.concatenate([[True], apart])[: len(by_pair)]]] = 1
        ends = np.sort(self.axis[by_pair[np.concatenate([apart, [True]])[: len(by_pair)]]] + width)
        before = np.cumsum(begins) - begins
        began = before - before[self.first]
        ended = np.searchsorted(ends, self.axis, side="right") - np.searchsorted(ends, self.start, side="left")
        return self._in_rows(began - ended)

    def _in_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        in_rows = np.empty_like(values)
        in_rows[self.order] = values
        return in_rows
