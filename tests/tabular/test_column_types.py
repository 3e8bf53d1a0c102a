"""Columns of any type: encoded as their wide twins are, or refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing.parametric import series

from residual.ocsf.schema import Feature, Kind
from residual.tabular import Encoded, TableEncoder

NARROW = [pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Int128]
ACCEPTED = [*NARROW, pl.Float32, pl.Boolean, pl.String, pl.Categorical, pl.Enum, pl.List, pl.Array, pl.Null]
COUNTED = ["number", "time", "enum", "string", "uid", "port"]


def encoder(kind: Any, **settings: Any) -> TableEncoder:
    return TableEncoder({"x": Feature("x", kind)}, **{"vocabulary": 5, "buckets": 64, "grams": 2, **settings})


def table(values: Any, dtype: Any = None) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=dtype)})


def same(a: Encoded, b: Encoded) -> bool:
    return np.array_equal(a.numeric, b.numeric) and np.array_equal(a.categorical, b.categorical)


def said(call: Callable[[], object]) -> str:
    """The message of a ValueError of ours; empty where there is none. A library's own, of another class, is raised."""
    try:
        call()
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        return str(error)
    return ""


@given(st.sampled_from(get_args(Kind)), st.data())
def test_whatever_comes_is_encoded_or_refused_by_name(kind: Kind, data: st.DataObject) -> None:
    drawn = series(name="x", max_size=8, min_size=1) | series(name="x", max_size=8, min_size=1, allowed_dtypes=ACCEPTED)
    first, second = data.draw(drawn).to_frame(), data.draw(drawn).to_frame()
    if refused := said(lambda: encoder(kind).fit(first)):
        assert refused.startswith(f"column 'x' has type {first['x'].dtype}, expected ")
        return
    fitted = encoder(kind).fit(first)
    if refused := said(lambda: fitted.transform(second)):
        assert refused.startswith(f"column 'x' has type {second['x'].dtype}, expected ")
        return
    out = fitted.transform(second)
    assert len(out.numeric) == len(second)
    assert np.isfinite(out.numeric).all()
    assert ((out.categorical >= 0) & (out.categorical < out.cardinalities)).all()


@given(
    st.sampled_from(COUNTED),
    st.sampled_from(NARROW),
    st.lists(st.none() | st.integers(0, 127), min_size=1, max_size=20),
    st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=20),
)
def test_narrow_wide_and_unsigned_integers_are_encoded_alike(
    kind: Kind, dtype: Any, numbers: list[int | None], wide: list[int | None]
) -> None:
    narrow, plain, other = table(numbers, dtype), table(numbers, pl.Int64), table(wide, pl.Int64)
    by_other = encoder(kind).fit(other)
    assert same(by_other.transform(narrow), by_other.transform(plain))
    by_narrow, by_plain = encoder(kind).fit(narrow), encoder(kind).fit(plain)
    for one in (plain, other):
        assert same(by_narrow.transform(one), by_plain.transform(one))


@pytest.mark.parametrize("vocabulary", [1, 10])
def test_integers_beyond_64_bits_have_codes_of_their_own(vocabulary: int) -> None:
    numbers = [-(2**100), -1, 7, 2**63, 2**64, 2**64 + 7, 2**100]
    fitted = encoder("uid", vocabulary=vocabulary, buckets=2**30).fit(table(numbers, pl.Int128))
    codes = fitted.transform(table(numbers, pl.Int128)).categorical[:, 0].tolist()
    assert len(set(codes)) == len(codes)
    assert vocabulary == 1 or codes == sorted(codes)
    assert fitted.transform(table([7], pl.Int8)).categorical[:, 0].tolist() == codes[2:3]
    assert fitted.transform(table([2**63, 2**64 - 1], pl.UInt64)).categorical[0, 0] == codes[3]
    assert fitted.transform(table([2**99], pl.Int128)).categorical[0, 0] not in codes


def test_far_numbers_and_times_are_finite() -> None:
    for kind in ("number", "time"):
        for dtype, far in ((pl.Int64, -(2**63)), (pl.Int64, 2**63 - 1), (pl.UInt64, 2**64 - 1), (pl.Int128, 2**120)):
            fitted = encoder(kind).fit(table([0, 1, far], dtype))
            assert np.isfinite(fitted.transform(table([far, None, 5], dtype)).numeric).all()
    cycle = encoder("time").fit(table([0])).transform(table([2**70, 2**70 % 604_800_000], pl.Int128)).numeric
    assert np.array_equal(cycle[0], cycle[1])


def test_arrays_of_a_fixed_size_are_lists() -> None:
    lists = table([["a", "b"], None, ["c", None]], pl.List(pl.String))
    arrays = table(lists["x"], pl.Array(pl.String, 2))
    nested = table([[[1], [2]], None, [[3], None]], pl.Array(pl.Array(pl.Int64, 1), 2))
    fitted = encoder("list").fit(arrays)
    for one in (lists, arrays, nested):
        assert same(fitted.transform(one), encoder("list").fit(lists).transform(lists))


@pytest.mark.parametrize("setting", ["vocabulary", "buckets", "grams"])
def test_more_codes_than_int32_holds_are_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=rf"^{setting} must be a whole number from 1 to 2147483645, got 2147483646$"):
        encoder("string", **{setting: 2**31 - 2}).fit(table(["a"]))
    out = encoder("string", vocabulary=1, buckets=2**31 - 3).fit(table(["a", "b"])).transform(table(["a", "b", "c"]))
    assert ((out.categorical > 1) & (out.categorical < out.cardinalities)).all()


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_column_that_is_all_null_is_encoded_as_one_that_is_not_there(kind: Kind) -> None:
    both = TableEncoder({"x": Feature("x", kind), "n": Feature("n", "number")})
    nulls = pl.DataFrame({"x": [None, None], "n": [1, 2]})
    out = both.fit(nulls).transform(nulls)
    assert both.get_feature_names_out().tolist() == ["unexpected", "n:present", "n"]
    assert same(out, both.fit(nulls.drop("x")).transform(nulls.select("n", "x")))
    only = encoder(kind).fit(nulls.select("x"))
    assert only.transform(nulls).numeric.tolist() == [[0], [0]]
    assert only.transform(nulls[:0]).numeric.shape == (0, 1)


NAMES = ["a", "a/b", "a/b/0.values", "a.b", "a/", "/", "", "labels.app.kubernetes.io/name", "ünï\n", "values", "0"]


@given(
    names=st.sets(st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1)
)
def test_columns_of_any_name_survive_on_disk(names: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "named"
    frame = pl.DataFrame({name: [f"{i}", None, f"{name}"] for i, name in enumerate(sorted(names))})
    fitted = TableEncoder({name: Feature(name, "hostname") for name in names}, vocabulary=2).fit(frame)
    fitted.save(path)
    back = TableEncoder.load(path)
    assert same(back.transform(frame), fitted.transform(frame))
    assert back.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()


def test_outputs_of_one_name_are_encoded_apart() -> None:
    """The scope of the address `a` and the column `a:scope` share a name."""
    alike = TableEncoder({"a": Feature("a", "ip"), "a:scope": Feature("a:scope", "string")})
    out = alike.fit_transform(pl.DataFrame({"a": ["10.0.0.1"] * 2, "a:scope": ["x", "y"]}))
    assert out.categorical.shape == (2, 4)
    assert out.categorical[:, 3].tolist() == [2, 3]
    assert len(out.cardinalities) == 4
