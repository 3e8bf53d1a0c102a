"""Length, entropy and trigrams of strings, each against a plain count of one string."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from residual.tabular import hashing
from residual.tabular.hashing import mix
from residual.tabular.shape import shape

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=20)
GRAMS = 5


def by_hand(text: str) -> list[float]:
    data = text.encode()
    entropy = stats.entropy(list(Counter(data).values()), base=2) if data else 0.0
    share = [0.0] * GRAMS
    for i in range(len(data) - 2):
        code = np.array([int.from_bytes(data[i : i + 3], "big")], np.uint64)
        share[int(mix(code)[0]) % GRAMS] += 1 / (len(data) - 2)
    return [np.log2(1 + len(data)) / 8, entropy / 8, *share]


@given(TEXTS)
def test_equal_to_a_plain_count(texts: list[str]) -> None:
    found = shape(pl.Series(texts), GRAMS)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([by_hand(text) for text in texts]), abs=1e-6)


@given(TEXTS, st.integers(1, 40))
def test_a_row_does_not_depend_on_the_others(texts: list[str], size: int) -> None:
    whole = shape(pl.Series(texts), GRAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "BLOCK_BYTES", size)
        assert np.array_equal(shape(pl.Series(texts), GRAMS), whole)
    assert np.array_equal(np.concatenate([shape(pl.Series([text]), GRAMS) for text in texts]), whole)


def test_entropy_at_its_ends() -> None:
    entropy = shape(pl.Series(["", "a", "aaaa", "ab", "abcd", "aabb"]), GRAMS)[:, 1] * 8
    assert entropy == pytest.approx([0, 0, 0, 1, 2, 1])


def test_no_strings() -> None:
    assert shape(pl.Series([], dtype=pl.String), GRAMS).shape == (0, 2 + GRAMS)
