"""What a string looks like, whatever it says: its length, how random its bytes are, which follow each other.

Told in `book/part3/encoding.md`. A name made by a machine is long and random beside one made by a person; that needs no
vocabulary and holds for strings never seen before.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.tabular.hashing import mix, packed

BITS = 8  # in a byte: the most that its entropy can be


def shape(strings: pl.Series, grams: int) -> NDArray[np.float32]:
    """Describe a String series without nulls: float32 [n, 2 + grams], every number the same whatever the other rows.

    Columns: log2(1 + bytes) / 8; the entropy of the bytes in bits, over 8; then the share of the string's trigrams of
    bytes that hash to each of `grams` buckets (all zero for strings shorter than three bytes).
    """
    blocks = [np.zeros((0, 2 + grams))]
    for data, lengths in packed(strings):
        row = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)  # the string that each byte belongs to
        entropies, shares = _entropy(data, row, lengths), _trigrams(data, row, lengths, grams)
        blocks.append(np.column_stack([np.log2(1 + lengths) / BITS, entropies / BITS, shares]))
    return np.concatenate(blocks).astype(np.float32)


def _entropy(data: NDArray[np.uint8], row: NDArray[np.int32], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shannon entropy of each string's bytes in bits, float64 [n]: log2 n - (1/n) sum over bytes b of n_b log2 n_b."""
    sizes = np.maximum(lengths, 1)
    ordered = np.sort(row << np.int32(BITS) | data)  # equal bytes of a string beside each other
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(first, append=len(ordered))
    weighted = np.bincount(ordered[first] >> BITS, counts * np.log2(counts), len(sizes))
    return np.maximum(np.log2(sizes) - weighted / sizes, 0)


def _trigrams(
    data: NDArray[np.uint8], row: NDArray[np.int32], lengths: NDArray[np.int64], grams: int
) -> NDArray[np.float64]:
    """Share of each string's trigrams of bytes in each of `grams` hash buckets, float64 [n, grams]."""
    wide = data.astype(np.uint64)
    codes = (wide[:-2] << np.uint64(16)) | (wide[1:-1] << np.uint64(8)) | wide[2:]
    inside = row[:-2] == row[2:]
    bucket = (mix(codes[inside]) % np.uint64(grams)).astype(np.int64)
    counts = np.bincount(row[:-2][inside].astype(np.int64) * grams + bucket, minlength=len(lengths) * grams)
    return counts.reshape(-1, grams) / np.maximum(lengths - 2, 1)[:, None]
