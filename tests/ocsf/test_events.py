"""Tables with structs as nested dicts."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from residual.ocsf.events import dicts

VALUES = st.recursive(
    st.integers(0, 9) | st.text(max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2),
    max_leaves=4,
)


def test_nulls_and_objects_of_nulls_are_left_out() -> None:
    table = pl.DataFrame({"a": [{"b": None, "c": {"d": None}}, {"b": 0, "c": {"d": False}}], "e": [[{"f": None}], []]})
    assert list(dicts(table)) == [{"e": [{}]}, {"a": {"b": 0, "c": {"d": False}}, "e": []}]


@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1, max_size=3), st.integers(1, 3))
def test_what_went_in_comes_out(event: dict[str, object], times: int) -> None:
    assert list(dicts(pl.DataFrame([event] * times))) == [event] * times
