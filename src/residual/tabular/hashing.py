"""A 64-bit hash that is the same on every machine and under every version, and how often its buckets collide.

Polars' own hash may change with its version, and Python's changes with each process. Told in `book/part3/encoding.md`.

A string is cut into words of eight bytes. Each is moved by a constant of its place and mixed by the finalizer of
SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"); the sum of these, and of
the length in bytes, is mixed once more. It keeps nobody out: who can choose strings can find two that collide.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)
BLOCK_BYTES = 1 << 17  # what is derived from a block stays near the processor
WORD = 8


def packed(strings: pl.Series) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """A String series without nulls, in blocks of about `BLOCK_BYTES`; a longer string is a block by itself.

    Yields:
        uint8 [bytes], the strings of a block end to end in UTF-8; and int64 [n], the bytes of each.
    """
    lengths = strings.str.len_bytes().to_numpy().astype(np.int64)
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, side="right")))
        joined = str(strings.slice(start, stop - start).str.join("").item())
        yield np.frombuffer(joined.encode(), np.uint8), lengths[start:stop]
        start = stop


def mix(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64: one-to-one on 64-bit numbers, each bit put in moves every bit that comes out."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_values(values: pl.Series) -> Hashes:
    """Hash a series of strings or integers without nulls: uint64 [n].

    Equal integers of all types have one hash. The integer 7 and the string "7" differ.
    """
    if values.dtype.is_integer():
        return hash_integers(values)
    return np.concatenate([np.zeros(0, np.uint64), *(_hash_block(*block) for block in packed(values))])


def hash_integers(values: pl.Series) -> Hashes:
    """Hash integers, or their decimal digits as strings, without nulls: uint64 [n]."""
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count():  # those from 2^63 on wrap
        whole = whole.fill_null(values.cast(pl.UInt64, strict=False).reinterpret(signed=True))
    hashes = mix(whole.fill_null(0).to_numpy().view(np.uint64) + _STEP)
    if whole.null_count():  # those of more than 64 bits are taken for strings
        hashes[whole.is_null().to_numpy()] = hash_values(values.filter(whole.is_null()).cast(pl.String))
    return hashes


def combine(first: Hashes, second: Hashes) -> Hashes:
    """The hash of ordered pairs, uint64 [n]."""
    return mix(np.uint64(3) * first + mix(second + _STEP))


def collision_rate(distinct: float, buckets: int) -> float:
    """Expected share of `distinct` values that share their bucket with another: 1 - (1 - 1/buckets)^(distinct - 1)."""
    return float(1 - (1 - 1 / buckets) ** max(distinct - 1, 0))


def _hash_block(data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> Hashes:
    """The hashes of strings, cut into words of eight bytes, the last filled up with zeros."""
    starts, count = np.cumsum(lengths) - lengths, -(-lengths // WORD)
    ends = np.cumsum(count)
    string = np.repeat(np.arange(len(count)), count)
    position = np.arange(len(string)) - np.repeat(ends - count, count)  # of each word in its string
    padded = np.concatenate([data, np.zeros(WORD, np.uint8)])
    anywhere = np.ndarray((len(data) + 1,), np.dtype("<u8"), padded.data, strides=(1,))
    words = anywhere[starts[string] + WORD * position].astype(np.uint64)  # the first byte the lowest on any machine
    filled = np.minimum(lengths[string] - WORD * position, WORD)
    words &= np.uint64(2**64 - 1) >> (8 * (WORD - filled)).astype(np.uint64)
    mixed = mix(words + mix((position + 1).astype(np.uint64) * _STEP))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
    return mix(sums[ends] - sums[ends - count] + lengths.astype(np.uint64) * _STEP)
