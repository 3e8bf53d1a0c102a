"""Many strings as one run of bytes, so that numpy can walk over all of them at once.

Told in `book/part3/encoding.md`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 17  # what is derived from a block stays near the processor
WORD = 8


@dataclass(frozen=True, eq=False)
class Packed:
    """Strings end to end in UTF-8.

    Attributes:
        data: uint8 [total bytes].
        lengths: int64 [n], bytes a string.
    """

    data: NDArray[np.uint8]
    lengths: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """int64 [n], where each string begins in `data`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def row(self) -> NDArray[np.int32]:
        """int32 [total bytes], the string that each byte belongs to."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths)

    def words(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Every string cut into words of eight bytes, the last filled up with zeros.

        Returns:
            uint64 [words], the first byte the lowest on any machine; int64 [words], each word's place in its string,
            from 0; and int64 [n], how many words a string has.
        """
        count = -(-self.lengths // WORD)
        row = np.repeat(np.arange(len(count)), count)
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        padded = np.concatenate([self.data, np.zeros(WORD, np.uint8)])
        anywhere = np.ndarray((len(self.data) + 1,), np.dtype("<u8"), padded.data, strides=(1,))
        words = anywhere[self.starts[row] + WORD * place].astype(np.uint64)
        filled = np.minimum(self.lengths[row] - WORD * place, WORD)
        return words & (np.uint64(2**64 - 1) >> (8 * (WORD - filled)).astype(np.uint64)), place, count


def packed(strings: pl.Series) -> Iterator[Packed]:
    """Pack a String series without nulls, in blocks of about `BLOCK_BYTES`; a longer string is a block by itself."""
    lengths = strings.str.len_bytes().to_numpy().astype(np.int64)
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, side="right")))
        joined = str(strings.slice(start, stop - start).str.join("").item())
        yield Packed(np.frombuffer(joined.encode(), np.uint8), lengths[start:stop])
        start = stop
