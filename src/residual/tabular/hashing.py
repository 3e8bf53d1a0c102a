"""A 64-bit hash that is the same on every machine and under every version, and how often its buckets collide.

Polars' own hash may change with its version, and Python's changes with each process. Told in `book/part3/encoding.md`.

A string is cut into words of eight bytes. Each is moved by a constant of its place and mixed by the finalizer of
SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"); the sum of these, and of
the length in bytes, is mixed once more. It keeps nobody out: who can choose strings can find two that collide.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from residual.tabular.packed import Packed, packed

Hashes = NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


def mix(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64: one-to-one on 64-bit numbers, each bit put in moves every bit that comes out."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_values(values: pl.Series) -> Hashes:
    """Hash a series of strings or integers without nulls: uint64 [n]. The integer 7 and the string "7" differ."""
    if values.dtype.is_integer():
        return mix(to_int64(values).view(np.uint64) + _STEP)
    return np.concatenate([np.zeros(0, np.uint64), *(_hash_block(block) for block in packed(values))])


def combine(first: Hashes, second: Hashes) -> Hashes:
    """The hash of ordered pairs, uint64 [n]."""
    return mix(np.uint64(3) * first + mix(second + _STEP))


def to_int64(values: pl.Series) -> NDArray[np.int64]:
    """Integers of any width as int64 [n]; those from 2^63 on wrap, one-to-one."""
    return values.to_numpy().astype(np.int64)


def collision_rate(distinct: float, buckets: int) -> float:
    """Expected share of `distinct` values that share their bucket with another: 1 - (1 - 1/buckets)^(distinct - 1)."""
    return float(1 - (1 - 1 / buckets) ** max(distinct - 1, 0))


def _hash_block(block: Packed) -> Hashes:
    words, place, count = block.words()
    mixed = mix(words + mix((place + 1).astype(np.uint64) * _STEP))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed)])
    ends = np.cumsum(count)
    return mix(sums[ends] - sums[ends - count] + block.lengths.astype(np.uint64) * _STEP)
