"""The hash is the same everywhere, spreads evenly, and collides as often as chance has it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.tabular import hashing
from residual.tabular.hashing import collision_rate, combine, hash_values, mix

WORD = 2**64
STEP = 0x9E3779B97F4A7C15
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def mixed(value: int) -> int:
    """SplitMix64's finalizer in Python's own integers."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB % WORD
    return value ^ value >> 31


def by_hand(text: str) -> int:
    data = text.encode()
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    total = sum(mixed((word + mixed((i + 1) * STEP % WORD)) % WORD) for i, word in enumerate(words))
    return mixed((total + len(data) * STEP) % WORD)


def test_golden_values() -> None:
    """A saved encoder and a trained network stand on these: a change must come with a new version of the state."""
    assert [hex(value) for value in hash_values(pl.Series(["", "root", "ec2.amazonaws.com", "münchen"]))] == [
        "0x0",
        "0xababab7b21c9b722",
        "0xc1ed3fac9654c7a",
        "0x7cde3712918dbac9",
    ]
    assert [hex(value) for value in hash_values(pl.Series([0, 443, -1]))] == [
        "0xe220a8397b1dcdaf",
        "0x39901a2c182c93db",
        "0xe4d971771b652c20",
    ]


def test_first_output_of_splitmix64() -> None:
    """The published generator's first number from seed 0."""
    assert mix(np.array([STEP], np.uint64))[0] == 0xE220A8397B1DCDAF


@given(st.lists(TEXTS))
def test_equal_to_the_definition_in_plain_python(texts: list[str]) -> None:
    assert hash_values(pl.Series(texts, dtype=pl.String)).tolist() == [by_hand(text) for text in texts]


@given(st.lists(TEXTS, min_size=1), st.integers(1, 64))
def test_the_size_of_a_block_changes_nothing(texts: list[str], size: int) -> None:
    whole = hash_values(pl.Series(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "BLOCK_BYTES", size)
        assert np.array_equal(hash_values(pl.Series(texts)), whole)


def test_integers_of_any_width_have_one_hash_and_strings_another() -> None:
    narrow, wide = hash_values(pl.Series([7], dtype=pl.UInt8)), hash_values(pl.Series([7], dtype=pl.Int64))
    assert narrow == wide
    assert narrow != hash_values(pl.Series(["7"]))
    assert len(set(hash_values(pl.Series([0, 2**63, 2**64 - 1], dtype=pl.UInt64)))) == 3


def test_padding_is_told_from_zero_bytes() -> None:
    texts = ["a", "a\0", "a\0\0", "\0a", "", "\0", "\0" * 8, "\0" * 9]
    assert len(set(hash_values(pl.Series(texts)))) == len(texts)


def test_pairs_are_ordered() -> None:
    a, b = hash_values(pl.Series(["a", "b"]))
    pairs = combine(np.array([a, b, a, b]), np.array([b, a, a, b]))
    assert len(set(pairs)) == 4


@pytest.mark.parametrize(
    "texts", [[f"user-{i}" for i in range(3000)], [f"10.{i >> 8}.{i & 255}.1" for i in range(3000)]]
)
@pytest.mark.parametrize("buckets", [4096, 1000, 32768])
def test_collisions_are_those_of_chance(texts: list[str], buckets: int) -> None:
    """Expected pairs in one bucket: n (n - 1) / (2 m), nearly Poisson; and the share of values in such pairs."""
    code = hash_values(pl.Series(texts)) % np.uint64(buckets)
    _, where, often = np.unique(code, return_inverse=True, return_counts=True)
    pairs = (often * (often - 1) // 2).sum()
    expected = len(texts) * (len(texts) - 1) / (2 * buckets)
    assert abs(pairs - expected) < 4 * np.sqrt(expected)
    share = (often[where] > 1).mean()
    rate = collision_rate(len(texts), buckets)
    assert abs(share - rate) < 4 * np.sqrt(
        2 * rate / len(texts)
    )  # values collide by twos: twice the binomial's variance


def test_collision_rate_by_hand() -> None:
    assert collision_rate(0, 10) == collision_rate(1, 10) == 0
    assert collision_rate(2, 10) == pytest.approx(0.1)
    assert collision_rate(3, 10) == pytest.approx(0.19)
    assert collision_rate(2, 1) == 1


@pytest.mark.parametrize("bit", [0, 1, 13, 37, 63])
def test_every_bit_is_set_half_the_time(bit: int) -> None:
    hashes = hash_values(pl.Series([f"host-{i}.example.org" for i in range(10_000)]))
    assert abs((hashes >> np.uint64(bit) & np.uint64(1)).mean() - 0.5) < 4 * 0.5 / np.sqrt(10_000)
