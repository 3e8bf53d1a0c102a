"""`TableEncoder`: chunks add up to the whole, rows stand alone, and what does not belong is refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from event_tables import FEATURES, events
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from residual.ocsf.schema import Feature, features
from residual.tabular import Encoded, TableEncoder
from residual.tabular import encode as module

SMALL = {"vocabulary": 6, "buckets": 32, "grams": 4}
TABLE = events(60)
A_NUMBER = "expected integers or floating-point numbers"
A_TIME = "expected integers (milliseconds since 1970, UTC)"
CUTS = st.lists(st.integers(0, len(TABLE)), max_size=6).map(sorted)


def encoder(**settings_: Any) -> TableEncoder:
    return TableEncoder(FEATURES, **{**SMALL, **settings_})


def pieces(table: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    return [table[a:b] for a, b in zip([0, *cuts], [*cuts, len(table)], strict=True)]


def same(a: Encoded, b: Encoded) -> bool:
    return np.array_equal(a.numeric, b.numeric) and np.array_equal(a.categorical, b.categorical)


def saved(fitted: TableEncoder, path: Path) -> bytes:
    fitted.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "state"


@settings(max_examples=25)
@given(cuts=CUTS, seed=st.integers(0, 5), scaling=st.sampled_from(["robust", "quantile"]))
def test_partial_fit_on_chunks_is_fit_on_the_whole(cuts: list[int], seed: int, scaling: str, scratch: Path) -> None:
    whole, parts = encoder(scaling=scaling).fit(TABLE), encoder(scaling=scaling)
    chunks = pieces(TABLE, cuts)
    for i in np.random.default_rng(seed).permutation(len(chunks)):
        parts.partial_fit(chunks[i])
    assert saved(whole, scratch) == saved(parts, scratch)
    assert same(whole.transform(TABLE), parts.transform(TABLE))


@settings(max_examples=25)
@given(cuts=CUTS)
def test_transform_of_chunks_is_transform_of_the_whole(cuts: list[int]) -> None:
    fitted = encoder().fit(events(60, seed=1))
    whole = fitted.transform(TABLE)
    parts = [fitted.transform(chunk) for chunk in pieces(TABLE, cuts)]
    assert np.array_equal(np.concatenate([part.numeric for part in parts]), whole.numeric)
    assert np.array_equal(np.concatenate([part.categorical for part in parts]), whole.categorical)


def test_rows_at_a_time_lazy_tables_and_batches_change_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scratch: Path
) -> None:
    whole = encoder().fit(TABLE)
    expected = whole.transform(TABLE)
    for name, part in (("all", TABLE), ("first", TABLE[:25]), ("second", TABLE[25:])):
        part.write_parquet(tmp_path / f"{name}.parquet", row_group_size=11)
    monkeypatch.setattr(module, "ROWS", 7)
    one, *two = (pl.scan_parquet(tmp_path / f"{name}.parquet") for name in ("all", "first", "second"))
    assert saved(whole, scratch) == saved(encoder().fit(TABLE), scratch)
    for table in (one, pl.concat(two), TABLE, TABLE.lazy()):
        streamed = encoder().fit(table)
        assert saved(streamed, scratch) == saved(whole, scratch)
        assert same(streamed.transform(table), expected)
        batches = list(streamed.batches(table))
        assert len(batches) > 1
        assert np.array_equal(np.concatenate([batch.numeric for batch in batches]), expected.numeric)
        assert np.array_equal(np.concatenate([batch.categorical for batch in batches]), expected.categorical)


def test_shapes_types_names_and_cardinalities() -> None:
    fitted = encoder().fit(TABLE)
    out = fitted.transform(TABLE)
    names = fitted.get_feature_names_out().tolist()
    f, c = out.numeric.shape[1], out.categorical.shape[1]
    assert (out.numeric.dtype, out.categorical.dtype) == (np.float32, np.int32)
    assert len(names) == f + c == len(set(names))
    assert (out.categorical >= 0).all()
    assert (out.categorical < out.cardinalities).all()
    assert np.isfinite(out.numeric).all()
    assert fitted.cardinalities_ is out.cardinalities
    by_name = dict(zip(names[f:], out.cardinalities.tolist(), strict=True))
    assert by_name["a.enum"] == 2 + 4
    assert by_name["a.code"] == 2 + 32
    assert not any(name.startswith(("a.hash", "a.missing")) for name in names)
    assert {"a.number", "a.number:present", "a.code:frequency", "a.ip:scope", "a.ip:subnet", "a.url:gram3"} < set(names)
    assert "time:hour_sin" in names
    assert "time:after" not in names
    assert "a.time:after" in names


def column(fitted: TableEncoder, out: Encoded, name: str) -> list[float]:
    names = fitted.get_feature_names_out().tolist()
    return np.concatenate([out.numeric, out.categorical], axis=1)[:, names.index(name)].tolist()


def test_null_is_zero_unknown_is_one_and_known_values_are_sorted() -> None:
    fitted = TableEncoder({"s": Feature("s", "string"), "n": Feature("n", "number"), "f": Feature("f", "flag")})
    fitted.fit(pl.DataFrame({"s": ["b", None, "a"], "n": [5.0, 1.0, 3.0], "f": [True, None, False]}))
    out = fitted.transform(
        pl.DataFrame({"s": ["a", "b", "c", None], "n": [None, np.nan, np.inf, 5.0], "f": [None, True, False, None]})
    )
    assert column(fitted, out, "s") == [2, 3, 1, 0]
    assert column(fitted, out, "n:present") == [0, 0, 0, 1]
    assert column(fitted, out, "n") == [0, 0, 0, 1]
    assert column(fitted, out, "f") == [0, 1, -1, 0]


def test_a_column_that_the_table_lacks_counts_as_null() -> None:
    fitted = encoder().fit(TABLE)
    without = TABLE.drop("a.ip", "a.number")
    nulls = TABLE.with_columns(pl.lit(None).alias("a.ip"), pl.lit(None, pl.Int8).alias("a.number"))
    assert same(fitted.transform(without), fitted.transform(nulls))
    assert same(fitted.transform(TABLE.select("time")), fitted.transform(nulls.select("time", "a.ip")))


def test_columns_never_filled_in_the_fit_are_counted() -> None:
    fitted = encoder().fit(TABLE)
    out = fitted.transform(
        TABLE[:3].with_columns(pl.Series("a.missing", ["x", None, "y"]), pl.Series("a.hash", ["x", None, None]))
    )
    assert column(fitted, out, "unexpected") == [2, 0, 1]
    assert same(fitted.transform(TABLE[:3].drop("a.hash")), fitted.transform(TABLE[:3]))


def test_columns_not_in_the_dictionary_are_ignored_and_listed() -> None:
    extra = TABLE.with_columns(pl.lit("T1078").alias("attack"), pl.lit(1.0).alias("zz"))
    fitted = encoder().fit(extra)
    assert fitted.ignored_ == ("attack", "zz")
    assert fitted.transform(extra).ignored == ("attack", "zz")
    assert fitted.transform(TABLE).ignored == ()
    assert same(fitted.transform(extra), encoder().fit(TABLE).transform(TABLE))


def test_order_of_dictionary_and_of_columns_changes_nothing(scratch: Path) -> None:
    turned = TableEncoder(dict(reversed(FEATURES.items())), **SMALL).fit(TABLE.select(reversed(TABLE.columns)))
    assert saved(turned, scratch) == saved(encoder().fit(TABLE), scratch)


def test_widths_and_string_types_do_not_matter() -> None:
    fitted = encoder().fit(TABLE)
    other = TABLE.with_columns(
        pl.col("a.enum").cast(pl.UInt8),
        pl.col("a.port").cast(pl.Int64),
        pl.col("a.string").cast(pl.Categorical),
        pl.col("a.uid").cast(pl.String),
    )
    assert same(fitted.transform(other), fitted.transform(TABLE))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("a.number", ["1"], f"column 'a.number' has type String, {A_NUMBER} (kind 'number')"),
        ("a.number", [True], f"column 'a.number' has type Boolean, {A_NUMBER} (kind 'number')"),
        ("a.flag", [1], "column 'a.flag' has type Int64, expected Boolean (kind 'flag')"),
        ("a.ip", [1], "column 'a.ip' has type Int64, expected strings (kind 'ip')"),
        ("a.list", ["x"], "column 'a.list' has type String, expected lists (kind 'list')"),
        ("a.mac", [["x"]], "column 'a.mac' has type List(String), expected strings (kind 'mac')"),
        ("a.enum", [1.5], "column 'a.enum' has type Float64, expected integers or strings (kind 'enum')"),
        ("a.time", [1.5], f"column 'a.time' has type Float64, {A_TIME} (kind 'time')"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named(name: str, values: list[Any], message: str) -> None:
    table = pl.DataFrame({name: values})
    fitted = encoder().fit(TABLE)
    before = fitted.rows_
    for call in (encoder().fit, encoder().partial_fit):
        with pytest.raises(ValueError, match="column") as error:
            call(table)
        assert str(error.value) == message
    for call in (fitted.fit, fitted.partial_fit, fitted.transform):
        with pytest.raises(ValueError, match=f"column '{name}' has type"):
            call(table.lazy())
    assert fitted.rows_ == before


def test_strings_where_integers_were_are_refused() -> None:
    fitted = encoder().fit(TABLE)
    for name, values, got, expected in (("a.enum", ["1"], "String", "integers"), ("a.string", [1], "Int64", "strings")):
        for call in (fitted.partial_fit, fitted.transform):
            with pytest.raises(ValueError, match="column") as error:
                call(pl.DataFrame({name: values}))
            kind = FEATURES[name].kind
            assert (
                str(error.value)
                == f"column '{name}' has type {got}, expected {expected}, as when it was fitted (kind '{kind}')"
            )


def test_labels_are_refused() -> None:
    for call in (encoder().fit, encoder().partial_fit, encoder().fit_transform):
        with pytest.raises(ValueError, match=r"^y must be None, got list: labels never enter the encoder$"):
            call(TABLE, [0] * len(TABLE))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"scaling": "z"}, "scaling must be 'robust' or 'quantile', got 'z'"),
        ({"vocabulary": 0}, "vocabulary must be a whole number from 1 to 2147483645, got 0"),
        ({"buckets": 2.5}, "buckets must be a whole number from 1 to 2147483645, got 2.5"),
        ({"grams": -1}, "grams must be a whole number from 1 to 2147483645, got -1"),
        ({"features": {"a": Feature("b", "flag")}}, "features['a'] has path 'b', expected the same"),
        ({"features": {"a": Feature("a", "blob")}}, "feature 'a' has kind 'blob', expected one of number, "),  # type: ignore[arg-type]
    ],
)
def test_bad_settings_are_named(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"must|expected") as error:
        TableEncoder(**{"features": FEATURES, **settings_}).fit(TABLE)
    assert str(error.value).startswith(message)


def test_what_is_no_table_and_tables_without_events() -> None:
    with pytest.raises(ValueError, match=r"^X must be a polars DataFrame or LazyFrame of dotted columns, got ndarray$"):
        encoder().fit(np.zeros((3, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^X has no events, expected at least one to fit on$"):
        encoder().fit(TABLE[:0])
    for unfitted in (encoder(), encoder().partial_fit(TABLE[:0])):
        with pytest.raises(NotFittedError, match="TableEncoder instance is not fitted"):
            unfitted.transform(TABLE)
    with pytest.raises(
        ValueError, match=r"^X has none of the columns of the dictionary, expected at least one \(dotted, "
    ):
        encoder().fit(pl.DataFrame({"a": [{"ip": "10.0.0.1"}]}))
    assert encoder().fit(TABLE).transform(TABLE[:0]).numeric.shape[0] == 0


def test_scikit_learns_manners() -> None:
    made = encoder(scaling="quantile")
    copy = clone(made)
    assert copy.get_params() == made.get_params()
    assert copy.set_params(buckets=5).buckets == 5
    assert same(made.fit_transform(TABLE), encoder(scaling="quantile").fit(TABLE).transform(TABLE))
    check_is_fitted(made)
    assert made.fit(TABLE) is made
    assert made.n_features_in_ == len(FEATURES) == len(made.feature_names_in_)


def test_fit_forgets_and_a_fit_that_fails_does_not(scratch: Path) -> None:
    fitted = encoder().fit(events(30, seed=3)).fit(TABLE)
    once = saved(encoder().fit(TABLE), scratch)
    assert saved(fitted, scratch) == once
    with pytest.raises(ValueError, match="no events"):
        fitted.fit(TABLE[:0])
    assert saved(fitted, scratch) == once


def test_what_was_fitted_stays_until_the_next_fit(scratch: Path) -> None:
    mine = {path: FEATURES[path] for path in ("time", "a.many", "a.number")}
    fitted = TableEncoder(mine, **SMALL).fit(TABLE)
    before, expected = saved(fitted, scratch), fitted.transform(TABLE)
    for name, value in {"buckets": 8, "vocabulary": 1000, "grams": 1, "scaling": "quantile"}.items():
        fitted.set_params(**{name: value})
    del mine["a.many"]
    mine["a.size"] = FEATURES["a.size"]
    assert saved(fitted, scratch) == before
    for unchanged in (fitted, TableEncoder.load(scratch)):
        assert same(unchanged.transform(TABLE), expected)
        assert unchanged.transform(TABLE).ignored == expected.ignored
    other, again = events(20, seed=4), TableEncoder.load(scratch)
    assert saved(fitted.partial_fit(other), scratch) == saved(again.partial_fit(other), scratch)
    fitted.fit(TABLE)
    assert "a.size" in fitted.numeric_names_
    assert "a.many" not in fitted.categorical_names_
    assert fitted.settings_["buckets"] == 8


def test_state_there_and_back(tmp_path: Path) -> None:
    fitted = encoder().fit(TABLE.with_columns(pl.lit(1).alias("zz")))
    first = saved(fitted, tmp_path / "one")
    back = TableEncoder.load(tmp_path / "one")
    assert saved(back, tmp_path / "two") == first
    assert back.get_params() == fitted.get_params()
    assert back.ignored_ == ("zz",)
    other = events(50, seed=9)
    assert same(back.transform(other), fitted.transform(other))
    assert saved(back.partial_fit(other), tmp_path / "one") == saved(fitted.partial_fit(other), tmp_path / "two")


def test_collisions_are_stated_for_hashed_columns_only() -> None:
    stated = encoder().fit(TABLE).collisions()
    assert {"a.code", "a.many"} <= stated.keys()
    assert not {"a.enum", "a.uid", "a.number"} & stated.keys()
    assert all(0 < rate < 1 for rate in stated.values())


def test_the_whole_dictionary_of_ocsf() -> None:
    fitted = TableEncoder(features()).fit(
        pl.DataFrame({"class_uid": [3002, 4001], "time": [0, 1], "is_mfa": [True, None]})
    )
    assert fitted.n_features_in_ == len(features())
    assert fitted.categorical_names_ == ["class_uid"]
    assert column(
        fitted, fitted.transform(pl.DataFrame({"class_uid": [4001], "actor.app_uid": ["x"]})), "unexpected"
    ) == [1]
