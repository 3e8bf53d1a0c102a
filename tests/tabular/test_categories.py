"""Codes beside scikit-learn's OrdinalEncoder, and hashed ones beside what chance allows."""

import ipaddress

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OrdinalEncoder

from residual.tabular.categories import FIRST, UNKNOWN, Categories, Scope, Shape, Subnet
from residual.tabular.cells import Cells
from residual.tabular.hashing import collision_rate, hash_values
from residual.tabular.shape import shape

VALUES = st.one_of(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), min_size=1, max_size=40),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40),
)


def cells(values: pl.Series) -> Cells:
    return Cells(values, np.arange(len(values)), np.zeros(len(values)))


def fitted(values: pl.Series, *, vocabulary: int = 100, buckets: int = 8) -> Categories:
    part = Categories(vocabulary, buckets)
    part.update(cells(values))
    return part


@given(VALUES, st.data())
def test_vocabulary_is_sklearns(values: list[str] | list[int], data: st.DataObject) -> None:
    series = pl.Series(values)
    other = pl.Series(data.draw(VALUES.filter(lambda drawn: type(drawn[0]) is type(values[0]))), dtype=series.dtype)
    part = fitted(series)
    peer = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=UNKNOWN - FIRST, dtype=np.int64)
    peer.fit(np.array(values, dtype=object)[:, None])
    for drawn in (series, other):
        assert np.array_equal(
            part.categorical(cells(drawn)), peer.transform(drawn.to_numpy().astype(object)[:, None]) + FIRST
        )
    assert part.cardinalities() == {"": FIRST + len(set(values))}
    assert part.numeric_names == ()
    assert part.collisions() == 0


def test_from_one_value_too_many_on_it_hashes() -> None:
    names = pl.Series([f"n{i}" for i in range(5)] + ["n0", "n0"])
    named, hashed = fitted(names, vocabulary=5), fitted(names, vocabulary=4, buckets=64)
    assert not named.hashed
    assert hashed.hashed
    assert hashed.cardinalities() == {"": FIRST + 64}
    codes = hashed.categorical(cells(names))[:, 0]
    assert np.array_equal(codes, FIRST + (hash_values(names) % np.uint64(64)).astype(np.int64))
    assert hashed.numeric_names == (":frequency",)
    frequency = hashed.numeric(cells(pl.Series(["n0", "n1", "never"])))[:, 0]
    assert frequency == pytest.approx(np.log1p([3, 1, 0]) / np.log1p(7), rel=1e-6)


@given(VALUES, st.integers(1, 10), st.integers(1, 4), st.randoms(use_true_random=False))
def test_order_and_cuts_change_nothing(
    values: list[str] | list[int], vocabulary: int, parts: int, random: object
) -> None:
    whole = fitted(pl.Series(values), vocabulary=vocabulary)
    dtype = pl.Series(values).dtype
    random.shuffle(values)  # type: ignore[attr-defined]
    pieces = Categories(vocabulary, 8)
    for i in range(parts):
        pieces.update(cells(pl.Series(values[i::parts], dtype=dtype)))
    one, other = whole.state(), pieces.state()
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert whole.hashed == (len(set(values)) > vocabulary)


@pytest.mark.parametrize(("count", "buckets"), [(2000, 4096), (2000, 512), (200_000, 4096)])
def test_stated_collision_rate_is_the_measured_one(count: int, buckets: int) -> None:
    values = pl.Series([f"user-{i}" for i in range(count)])
    part = fitted(values, buckets=buckets)
    _, which, often = np.unique(part.categorical(cells(values)), return_inverse=True, return_counts=True)
    rate = part.collisions()
    assert rate == pytest.approx(collision_rate(count, buckets), rel=0.02)  # from the table's estimate of `count`
    assert abs((often[which] > 1).mean() - rate) <= 4 * np.sqrt(2 * rate * (1 - rate) / count) + 0.02 * rate * (
        1 - rate
    )


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=30))
def test_subnets_have_the_codes_of_their_networks(addresses: list[ipaddress.IPv4Address]) -> None:
    part = Subnet(100, 8)
    texts = cells(pl.Series([str(address) for address in addresses]))
    part.update(texts)
    codes = part.categorical(texts)[:, 0]
    networks = sorted({ipaddress.ip_network((address, 24), strict=False) for address in addresses})
    assert [networks[code - FIRST] for code in codes] == [
        ipaddress.ip_network((a, 24), strict=False) for a in addresses
    ]


def test_scopes_have_a_code_each_and_what_is_no_address_is_unknown() -> None:
    texts = cells(pl.Series(["8.8.8.8", "10.0.0.1", "2001:db8::1", "fd00::1", "localhost", "10.9.9.9"]))
    codes = Scope().categorical(texts)[:, 0].tolist()
    assert codes[4] == UNKNOWN
    assert codes[1] == codes[5]
    assert len(set(codes)) == 5
    assert all(FIRST <= code < Scope().cardinalities()[":scope"] for code in codes[:4])


def test_shape_is_that_of_each_string() -> None:
    texts = pl.Series(["b", "abcd", "", "abcd", "xyzzy"])
    assert np.array_equal(Shape(3).numeric(cells(texts)), shape(texts, 3))
    assert len(Shape(3).numeric_names) == 5
