"""Context features against a plain loop over the past; no chunk, no later row changes them."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residual.tabular import ContextFeatures, Entity, TableEncoder

ENTITIES = (
    Entity("user", ("user", "actor"), distinct=("ip", "port"), first=("city", "ip"), peers=("team",)),
    Entity("address", ("ip",), distinct=("user",), first=("city",)),
)
WINDOWS = {"short": 7, "long": 50}
KEY = st.sampled_from([None, "a", "b", "c"])
EVENT = st.fixed_dictionaries(
    {
        "time": st.integers(0, 120),
        "user": KEY,
        "actor": KEY,
        "ip": KEY,
        "city": KEY,
        "team": KEY,
        "port": st.sampled_from([None, 1, 2]),
    }
)
SCHEMA = {"time": pl.Int64, **dict.fromkeys(("user", "actor", "ip", "city", "team"), pl.String), "port": pl.Int16}
STREAMS = st.lists(EVENT, min_size=1, max_size=40).map(
    lambda rows: pl.DataFrame(sorted(rows, key=lambda r: r["time"]), schema=SCHEMA)
)


def stream() -> ContextFeatures:
    return ContextFeatures(ENTITIES, windows=WINDOWS)


def name_of(row: dict[str, Any], columns: tuple[str, ...]) -> Any:
    return next((row[column] for column in columns if row[column] is not None), None)


def by_hand(events: pl.DataFrame) -> Iterator[dict[str, Any]]:
    rows = events.to_dicts()
    for i, row in enumerate(rows):
        past = rows[:i]
        out: dict[str, Any] = {}
        for entity in ENTITIES:
            path, who, group = f"context.{entity.name}", name_of(row, entity.columns), name_of(row, entity.peers)
            own = [event for event in past if name_of(event, entity.columns) == who]
            out[f"{path}.count"] = len(own) if who else None
            out[f"{path}.since"] = (row["time"] - own[-1]["time"]) / 1000 if who and own else None
            for window, width in WINDOWS.items():
                within = [event for event in own if row["time"] - event["time"] < width]
                out[f"{path}.count_{window}"] = len(within) if who else None
                for column in entity.distinct:
                    values = {event[column] for event in within} - {None}
                    out[f"{path}.distinct_{window}.{column}"] = len(values) if who else None
            for column in entity.first:
                value = row[column]
                peers = [event for event in past if name_of(event, entity.peers) == group]
                told = {
                    f"{path}.first.{column}": (who, own),
                    f"context.first.{column}": ("everybody", past),
                    **({f"{path}.peers_first.{column}": (group, peers)} if entity.peers else {}),
                }
                for name, (there, before) in told.items():
                    out[name] = all(event[column] != value for event in before) if value and there else None
        yield out


@given(STREAMS)
def test_equal_to_a_loop_over_the_past(events: pl.DataFrame) -> None:
    found = stream().advance(events)
    assert found.to_dicts() == [{name: row[name] for name in found.columns} for row in by_hand(events)]
    assert found.columns == list(stream().features())
    assert set(found.columns) == set(next(by_hand(events)))


@given(STREAMS, st.data())
def test_chunks_are_the_whole(events: pl.DataFrame, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=5)))
    parts = stream()
    found = pl.concat([parts.advance(events[a:b]) for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)])
    assert found.equals(stream().advance(events))


@given(STREAMS, st.data())
def test_no_row_sees_a_later_one(events: pl.DataFrame, data: st.DataObject) -> None:
    """Cut the table anywhere, between events of one time too: the rows before the cut keep their features."""
    kept = data.draw(st.integers(0, len(events)))
    assert stream().advance(events[:kept]).equals(stream().advance(events)[:kept])


@given(first=STREAMS, second=STREAMS)
def test_saved_and_loaded_it_goes_on_as_if_nothing_was(
    first: pl.DataFrame, second: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream"
    second = second.with_columns(pl.col("time") + first["time"].max())
    going = stream()
    going.advance(first)
    going.save(path)
    before = path.read_bytes()
    back = ContextFeatures.load(path)
    back.save(path)
    assert path.read_bytes() == before
    assert back.advance(second).equals(going.advance(second))


def test_of_events_of_one_time_the_earlier_row_is_the_past() -> None:
    found = stream().advance(pl.DataFrame({"time": [5, 5, 5], "user": ["a", "a", "b"], "city": ["x", "x", "x"]}))
    assert found["context.user.count"].to_list() == [0, 1, 0]
    assert found["context.user.since"].to_list() == [None, 0, None]
    assert found["context.user.first.city"].to_list() == [True, False, True]
    assert found["context.first.city"].to_list() == [True, False, False]


def test_a_window_ends_just_before_its_length() -> None:
    found = stream().advance(pl.DataFrame({"time": [0, 6, 7, 13], "user": ["a"] * 4}))
    assert found["context.user.count_short"].to_list() == [0, 1, 1, 1]


def test_a_key_that_the_table_lacks_is_null() -> None:
    found = stream().advance(pl.DataFrame({"time": [1, 2], "user": ["a", "a"]}))
    assert found["context.address.count"].null_count() == 2
    assert found["context.user.distinct_long.ip"].to_list() == [0, 0]
    assert found["context.user.first.city"].null_count() == 2


def refused(events: pl.DataFrame, past: tuple[int, ...] = ()) -> str:
    """The message of a refusal, after which the stream must go on as if nothing was."""
    going, other = stream(), stream()
    for one in (going, other):
        one.advance(pl.DataFrame({"time": past}, schema={"time": pl.Int64}))
    with pytest.raises(ValueError, match="expected") as error:
        going.advance(events)
    after = pl.DataFrame({"time": [1000], "user": ["a"]})
    assert going.advance(after).equals(other.advance(after))
    return str(error.value)


def test_bad_events_are_named_and_leave_the_past_alone() -> None:
    order = "expected events in order of time"
    assert refused(pl.DataFrame({"time": [3, 9, 8]})) == f"event 2 is at 8 ms, the one before it at 9 ms: {order}"
    assert refused(pl.DataFrame({"time": [8, 9]}), past=(9,)) == (
        f"event 0 is at 8 ms, the one before it at 9 ms: {order}"
    )
    assert refused(pl.DataFrame({"user": ["a"]})) == (
        "column 'time' is missing, expected when each event was (integers, ms since 1970 UTC)"
    )
    expected = "expected integers (ms since 1970 UTC) without nulls"
    assert refused(pl.DataFrame({"time": [1, None]})) == f"column 'time' has type Int64 with 1 nulls, {expected}"
    assert refused(pl.DataFrame({"time": [1.5]})) == f"column 'time' has type Float64, {expected}"
    assert refused(pl.DataFrame({"time": [1], "city": [2.5]})) == (
        "column 'city' has type Float64, expected strings or integers (a key of the context)"
    )


@given(STREAMS, st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=3))
def test_times_far_away_change_no_earlier_row(events: pl.DataFrame, far: list[int]) -> None:
    late = pl.DataFrame({"time": [max(121, time) for time in sorted(far)], "user": ["late"] * len(far)})
    assert stream().advance(pl.concat([events, late], how="diagonal"))[: len(events)].equals(stream().advance(events))


def test_times_at_the_ends_of_their_type() -> None:
    users = [f"u{i}" for i in range(1000)]
    times = [-(2**63)] * 1000 + [0] * 1000 + [2**63 - 1] * 1000
    found = stream().advance(pl.DataFrame({"time": times, "user": users * 3}))
    assert found["context.user.count"].to_list() == [0] * 1000 + [1] * 1000 + [2] * 1000
    assert found["context.user.count_long"].to_list() == [0] * 3000
    assert found["context.user.since"][2000] == pytest.approx(2.0**63 / 1000)
    assert refused(pl.DataFrame({"time": [0, 2**63]}, schema={"time": pl.UInt64})) == (
        "column 'time' holds 9223372036854775808 ms, expected times of 64 bits"
    )


def test_a_window_that_is_too_long_for_its_events_is_refused() -> None:
    endless = ContextFeatures(ENTITIES, windows={"w": 2**62})
    assert len(endless.advance(pl.DataFrame({"time": [0], "user": ["a"]}))) == 1
    with pytest.raises(
        ValueError, match=r"^expected fewer events or a shorter window, got 2 and 4611686018427387904 ms$"
    ):
        endless.advance(pl.DataFrame({"time": [1], "user": ["a"]}))


def test_keys_of_any_width_are_one() -> None:
    for dtype in (pl.Int8, pl.UInt64, pl.Int128):
        going = stream()
        for one in (dtype, pl.Int64):
            found = going.advance(pl.DataFrame({"time": [1], "user": [7]}, schema={"time": pl.Int32, "user": one}))
        assert found["context.user.count"].to_list() == [1]


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match=r"^entities must be one or more, of different names, got \[\]$"):
        ContextFeatures([])
    with pytest.raises(ValueError, match=r"of different names, got \['user', 'user'\]$"):
        ContextFeatures([ENTITIES[0], ENTITIES[0]])
    with pytest.raises(ValueError, match=r"^windows must be one or more lengths from 1 ms, got \{'w': 0\}$"):
        ContextFeatures(ENTITIES, windows={"w": 0})


def test_the_encoder_takes_them_as_columns_like_others() -> None:
    context = stream()
    events = pl.DataFrame({"time": range(0, 400, 4), "user": ["a", "b"] * 50, "city": ["x", "y", "z", "x"] * 25})
    table = events.hstack(context.advance(events))
    out = TableEncoder(context.features()).fit(table)
    names = out.get_feature_names_out().tolist()
    assert {"context.user.count_long", "context.user.since:present", "context.user.first.city"} <= set(names)
    assert out.ignored_ == ("city", "time", "user")
