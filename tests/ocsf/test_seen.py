"""The set of keys that came before, against Python's own."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from residual.ocsf.seen import Seen

keys = st.lists(st.integers(0, 50).map(str), max_size=20, unique=True)


def series(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String())


@given(st.lists(keys, max_size=12), keys)
def test_it_holds_what_was_added_and_nothing_else(batches: list[list[str]], asked: list[str]) -> None:
    seen, known = Seen(), set[str]()
    for batch in batches:
        new = [key for key in batch if key not in known]
        seen.add(series(new))
        known.update(new)
    assert seen.holds(series(asked)).to_list() == [key in known for key in asked]


@given(keys, keys)
def test_two_sets_become_one(some: list[str], others: list[str]) -> None:
    seen, other = Seen(), Seen()
    seen.add(series(some))
    other.add(series([key for key in others if key not in some]))
    seen.update(other)
    assert seen.holds(series([*some, *others])).all()


def test_a_million_keys_are_told_from_a_million_others() -> None:
    seen = Seen()
    for start in range(0, 1_000_000, 10_000):
        seen.add(pl.select(pl.int_range(start, start + 10_000).cast(pl.String)).to_series())
    numbers = pl.select(pl.int_range(0, 2_000_000).cast(pl.String)).to_series()
    assert seen.holds(numbers).arg_true().to_list() == list(range(1_000_000))
