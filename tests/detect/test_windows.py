"""Windows of entities and pairs: what is counted, what is expected, and what is too new to say anything about."""

import numpy as np
import polars as pl
import pytest
from days import events, run

from residual.detect.windows import PRIOR, Volume

FAILED = Volume("failed sign-ins of a user", 3002, ("user",), "failed", 1)
PORTS = Volume("ports of a machine", 4001, ("machine",), "port", 4)
PAIR = Volume("connections of a machine to a host", 4001, ("machine", "destination"), "events", 12)


def sign_in(hour: float, user: str = "ann", status: int = 2) -> dict[str, object]:
    return {"hour": hour, "class_uid": 3002, "user": user, "status_id": status}


def flow(hour: float, port: str = "443", to: str = "10.0.0.9") -> dict[str, object]:
    return {"hour": hour, "class_uid": 4001, "machine": "ws-1", "destination": to, "port": port}


def values(found: pl.DataFrame) -> dict[int, float]:
    return dict(found.select("hour", "value").iter_rows())


def test_the_mean_and_spread_of_the_days_before_are_mixed_with_everybodys() -> None:
    ann = [3.0, 0.0, 2.0, 1.0]  # failures in an hour of each day
    rows = [sign_in(24 * day + 9 + k / 100) for day, n in enumerate(ann) for k in range(int(n))]
    rows += [sign_in(24 * day + 9, status=1) for day in range(6)] + [
        sign_in(24 * day + 9, "bob", 1) for day in range(6)
    ]
    rows += [sign_in(24 * 5 + 9.5)] * 8
    found = (
        run(FAILED, events(*rows), 6).filter((pl.col("entity") == "ann") & (pl.col("hour") == 129)).row(0, named=True)
    )
    past, bob = np.array([*ann, 0.0]), np.zeros(5)
    mean, everybody = past.mean(), np.concatenate([past, bob]).mean()
    within = (past.var() * 5 + bob.var() * 5) / 10
    expected = (5 * mean + PRIOR * everybody) / (5 + PRIOR)
    spread = np.sqrt((5 * past.var() + PRIOR * within) / (5 + PRIOR))
    assert found["value"] == 8
    assert found["expected"] == pytest.approx(expected)
    assert found["spread"] == pytest.approx(spread)
    assert found["score"] == pytest.approx((8 - expected) / max(spread, 1.0))


def test_windows_reach_over_midnight_and_count_a_value_once() -> None:
    settled = [flow(hour) for hour in range(0, 96, 6)]
    rows = [*settled, flow(118, "22"), flow(119.5, "23"), flow(120.5, "22"), flow(122.5, "80"), flow(125.5, "22")]
    found = values(run(PORTS, events(*rows), 6))
    assert {hour: found[hour] for hour in (118, 119, 120, 122, 125)} == {118: 1, 119: 2, 120: 2, 122: 3, 125: 2}


def test_a_pair_has_its_own_windows() -> None:
    rows = [flow(hour, to=to) for hour in range(0, 120, 2) for to in ("10.0.0.9", "10.0.0.7")]
    rows += [flow(119.5, to="10.0.0.7")] * 5
    last = run(PAIR, events(*rows), 5).filter(pl.col("hour").is_in([118, 119]))
    assert dict(last.filter(pl.col("hour") == 118).select("other", "value").iter_rows()) == {
        "10.0.0.9": 6,
        "10.0.0.7": 6,
    }
    assert dict(last.filter(pl.col("hour") == 119).select("other", "value").iter_rows()) == {"10.0.0.7": 11}
    assert set(last["other_kind"]) == {"destination"}
    assert set(last["kind"]) == {"machine"}
    assert ((last["end"] - last["begin"]) == 12 * 3_600_000).all()


def test_a_constant_series_does_not_alert_on_its_first_wiggle() -> None:
    rows = [sign_in(24 * day + 9 + k / 100) for day in range(20) for k in range(5)] + [
        sign_in(24 * 20 + 9 + k / 100) for k in range(6)
    ]
    found = run(FAILED, events(*rows), 21).filter(pl.col("hour") == 489)
    assert found["value"].item() == 6
    assert found["score"].item() <= 1.01


def test_nothing_is_said_about_an_entity_in_its_first_three_days() -> None:
    rows = [sign_in(hour) for hour in range(0, 200, 3)] + [sign_in(hour, "new") for hour in range(100, 200, 3)]
    found = run(FAILED, events(*rows), 9).filter(pl.col("entity") == "new")
    assert found["hour"].min() == 172  # the first event's hour is 100
    assert run(FAILED, events(*rows), 9).filter(pl.col("entity") == "ann")["hour"].min() == 72


def test_events_without_the_entity_are_no_windows() -> None:
    rows = [{"hour": h, "class_uid": 3002, "status_id": 2} for h in range(120)]
    assert run(FAILED, events(*rows), 5).is_empty()


def test_what_is_said_does_not_depend_on_later_events() -> None:
    rng = np.random.default_rng(0)
    rows = [flow(float(h), str(rng.integers(5))) for h in np.sort(rng.uniform(0, 144, 400))]
    table = events(*rows)
    all_of_it = run(PORTS, table, 6)
    cut = table["time"][300]
    some = run(PORTS, table.filter(pl.col("time") < cut), 6)
    whole = some.filter(pl.col("end") <= cut)
    assert whole.equals(all_of_it.filter(pl.col("end") <= cut))
    assert whole.height > 30
