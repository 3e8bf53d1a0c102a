"""Which sights are one alert: known answers."""

import polars as pl
import pytest

from residual.detect.episodes import SHORT, apart, episodes
from residual.detect.sights import SIGHTS
from residual.detect.stream import HOUR, SCHEMA

SIGN_IN, TRAFFIC = 3002, 4001
FAILED = "failed sign-ins of a user"


def sight(
    entity: str, rate: float, *, at: int = 10, hours: int = 1, other: str | None = None, detector: str = FAILED
) -> dict[str, object]:
    """A sight whose window ends `at` an hour, of a user or of a machine and a host."""
    end, pair = at * HOUR, other is not None
    return {
        "begin": end - hours * HOUR, "end": end, "kind": "machine" if pair else "user", "entity": entity,
        "other_kind": "destination" if pair else None, "other": other, "score": 5.0, "value": 9.0, "expected": 1.0,
        "spread": 1.0, "detail": "", "detector": detector, "class_uid": TRAFFIC if pair else SIGN_IN, "rate": rate,
    }  # fmt: skip


def table(*rows: dict[str, object]) -> pl.DataFrame:
    more = {"detector": pl.String, "class_uid": pl.Int32, "rate": pl.Float64}
    return pl.DataFrame(list(rows), schema={**SIGHTS, **more})


def around(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(SCHEMA), **row} for row in rows], schema=SCHEMA).with_row_index("row")


def sign_in(user: str, hour: float) -> dict[str, object]:
    return {"class_uid": SIGN_IN, "time": int(hour * HOUR), "user": user}


def flow(machine: str, to: str, hour: float) -> dict[str, object]:
    return {"class_uid": TRAFFIC, "time": int(hour * HOUR), "machine": machine, "destination": to}


def named(sights: pl.DataFrame, events: pl.DataFrame, budget: int = 10, **at_most: int) -> list[list[str]]:
    """The entities of each alert."""
    found = episodes(sights, events, budget, 0.0, 0, at_most=at_most)
    return [[entity.value for entity in episode.entities] for episode in found]


def test_users_at_whom_somebody_guesses_in_one_hour_are_one_alert() -> None:
    events = around(sign_in("ann", 9.2), sign_in("bob", 9.4), sign_in("eve", 15.5))
    sights = table(sight("ann", 0.01), sight("bob", 0.2), sight("eve", 0.1, at=16))
    assert named(sights, events) == [["ann", "bob"], ["eve"]]
    assert named(sights, events, budget=1) == [["ann", "bob"]]  # a place in the budget is for a cause, not for a name


def test_other_detectors_other_times_and_long_windows_are_apart() -> None:
    events = around(sign_in("ann", 9.2), sign_in("bob", 9.4))
    for other in (
        sight("bob", 0.2, detector="order of a user's calls"),
        sight("bob", 0.2, at=11),  # begins when the first one ends
    ):
        assert named(table(sight("ann", 0.01), other), events) == [["ann"], ["bob"]]
    hours = SHORT // HOUR
    for long, expected in ((hours, [["ann", "bob"]]), (hours + 1, [["ann"], ["bob"]])):
        sights = table(sight("ann", 0.01, hours=long), sight("bob", 0.2, hours=long))
        assert named(sights, events) == expected


@pytest.mark.parametrize(("host", "alerts"), [("h-1", 1), ("h-2", 2)])
def test_pairs_are_one_alert_where_they_share_the_host(host: str, alerts: int) -> None:
    events = around(flow("ws-1", "h-1", 9.2), flow("ws-2", host, 9.4))
    pairs = "connections of a machine to a host"
    sights = table(
        sight("ws-1", 0.01, hours=12, other="h-1", detector=pairs),
        sight("ws-2", 0.2, hours=12, other=host, detector=pairs),
    )
    assert len(named(sights, events)) == alerts


def test_what_shares_its_events_is_one_alert_whoever_saw_it() -> None:
    event = {**sign_in("ann", 9.2), "address": "10.0.0.1"}
    by_address = {**sight("10.0.0.1", 0.2, detector="users who sign in from an address"), "kind": "address"}
    assert named(table(sight("ann", 0.01), by_address), around(event)) == [["ann", "10.0.0.1"]]


def test_one_cause_is_told_from_the_oddest_on() -> None:
    sights = table(sight("ann", 0.2), sight("bob", 0.01), sight("eve", 0.3, at=20), sight("eve", 0.9))
    first, others = apart(sights, 10)
    assert first["entity"].to_list() == ["bob", "eve"]
    assert others["entity"].to_list() == ["ann"]
    assert [len(part) for part in apart(sights.clear(), 10)] == [0, 0]


def test_a_kind_may_have_a_limit() -> None:
    events = around(sign_in("ann", 9.2), sign_in("bob", 14.4), flow("ws-1", "h-1", 9.2))
    sights = table(sight("ann", 0.01), sight("bob", 0.02, at=15), sight("ws-1", 0.9, hours=12, other="h-1"))
    assert named(sights, events, user=1) == [["ann"], ["ws-1", "h-1"]]
    assert named(sights, events, user=0, machine=5) == [["ws-1", "h-1"]]
    assert named(sights, events, budget=2, address=1) == [["ann"], ["bob"]]
