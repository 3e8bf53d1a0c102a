"""The evaluation on hand-made alerts: what finds an episode and what does not, budgets, twins, thresholds."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from residual.simulate.calendar import DAY, HOUR, START
from residual_book.evaluation.alerts import SCORED, in_time, ranked
from residual_book.evaluation.calibration import calibrated
from residual_book.evaluation.outcome import Outcome, hits, judge
from residual_book.evaluation.recall import campaigns, difference, recall
from residual_book.evaluation.watched import BUDGETS, TEST, Truth

NOON = START + 14 * DAY + 12 * HOUR  # of the first test day


def windows(*rows: dict[str, Any]) -> pl.DataFrame:
    """Scored windows of one hour up to 13:00 on the first test day, about ann, except where a row says otherwise."""
    usual = {"begin": NOON, "end": NOON + HOUR, "kind": "user", "value": "ann", "score": 1.0}
    return pl.DataFrame([dict.fromkeys(SCORED) | usual | row for row in rows], schema=SCORED)


def truth(*events: dict[str, Any]) -> Truth:
    """Labels of events at half past twelve, of one attack by ann from one address, except where one says otherwise."""
    table, touches = [], []
    for number, event in enumerate(events):
        usual = {"episode": "a", "time": NOON + HOUR // 2, "user": "ann", "address": "10.0.0.1"}
        usual = usual | {"twin": False, "campaign": ""} | event
        table.append({k: usual[k] for k in ("episode", "twin", "campaign", "time")} | {"type": "scan"})
        touches += [
            {"episode": usual["episode"], "event": str(number), "time": usual["time"], "kind": k, "value": usual[k]}
            for k in ("user", "address")
        ]
    episodes = pl.DataFrame(table).group_by("episode", "twin", "campaign", "type").agg(first=pl.col("time").min())
    return Truth(episodes, pl.DataFrame(touches))


def outcome(scored: pl.DataFrame, *events: dict[str, Any]) -> Outcome:
    return judge(scored, truth(*events), rival="by hand", seed=0)


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ({}, True),
        ({"kind": "address", "value": "10.0.0.1"}, True),
        ({"value": "bob"}, False),  # another entity
        ({"kind": "machine"}, False),  # of the same name, of another kind
        ({"begin": NOON - HOUR, "end": NOON}, False),  # before the event
        ({"begin": NOON + HOUR, "end": NOON + 2 * HOUR}, False),  # after it
        ({"begin": NOON - HOUR, "end": NOON + HOUR // 2}, False),  # ends with it, which does not include it
        ({"begin": NOON + HOUR // 2}, True),  # begins with it
        ({"other_kind": "address", "other_value": "10.0.0.1"}, True),
        ({"other_kind": "address", "other_value": "10.0.0.2"}, False),  # no event has both
    ],
)
def test_an_alert_finds_an_episode_by_entity_and_window(window: dict[str, Any], found: bool) -> None:
    assert (outcome(windows(window), {}).rank == (1,)) is found


def test_a_pair_needs_both_entities_in_one_event() -> None:
    events = truth({"address": "10.0.0.2"}, {"user": "bob"})
    pair = windows({"other_kind": "address", "other_value": "10.0.0.1"})
    assert hits(pair, events).is_empty()


def test_one_alert_per_entity_and_day() -> None:
    later = {"begin": NOON + HOUR, "end": NOON + 2 * HOUR}
    pair = {"other_kind": "address", "other_value": "10.0.0.1", "score": 2.0}
    alerts = ranked(windows({"score": 3.0}, later, pair, {"value": "bob"}, {"end": NOON + DAY}), 50)
    raised = alerts.select("day", "value", "rank", "score").rows()
    assert raised == [(14, "ann", 1, 3.0), (14, "bob", 2, 1.0), (15, "ann", 1, 1.0)]


def test_budgets_are_exact_in_all() -> None:
    many = [{"kind": kind, "value": str(k), "score": float(k)} for k in range(40) for kind in ("user", "machine")]
    crowd = outcome(windows(*many, {"value": "ann", "score": 29.5}), {})
    assert crowd.alerts == tuple(budget for budget in BUDGETS)
    assert crowd.rank == (21,)
    assert [t for t, budget in zip(crowd.true, BUDGETS, strict=True) if budget > 20] == [1]


def test_a_window_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    end = START + 15 * DAY
    assert ranked(windows({"begin": end - HOUR, "end": end}), 1)["day"].to_list() == [14]


def test_twins_are_false_alarms_and_counted_apart() -> None:
    attack, twin = {}, {"episode": "a-twin", "twin": True, "user": "bob", "address": "10.0.0.2"}
    both = outcome(windows({}, {"value": "bob"}, {"value": "eve"}), attack, twin)
    assert (both.episode, both.alerts[0], both.true[0], both.at_twins[0]) == (("a",), 3, 1, 1)


def test_episodes_that_ended_before_the_test_do_not_count() -> None:
    assert outcome(windows({}), {"time": START + 14 * DAY - 1}).episode == ()


def steady(*, until: int) -> list[dict[str, Any]]:
    """Scores of twenty users each day: 1 to 20, so that ten exceed 10."""
    return [
        {"value": str(k), "score": float(k), "begin": START + day * DAY, "end": START + day * DAY + HOUR}
        for day in range(7, until)
        for k in range(1, 21)
    ]


def test_thresholds_use_the_past_only() -> None:
    past = steady(until=TEST.start)
    attack = {"score": 10.5}
    alone = in_time(windows(*past, attack), 10)
    assert alone["value"].to_list() == ["ann"]
    later = [{"value": str(k), "score": 100.0, "begin": NOON + HOUR, "end": NOON + 2 * HOUR} for k in range(50)]
    crowd = in_time(windows(*past, attack, *later), 10)
    assert "ann" in crowd["value"]  # what comes later the same day does not matter
    assert crowd.height == 51
    assert in_time(windows(*past, {"score": 10.0}), 10).is_empty()


def test_time_to_detect_ends_with_the_first_window_that_found_it() -> None:
    second = {"begin": NOON + HOUR, "end": NOON + 2 * HOUR, "score": 99.0}
    rows = windows(*steady(until=TEST.start), {"begin": NOON - 3 * HOUR, "score": 50.0}, second)
    assert outcome(rows, {}, {"time": NOON + HOUR}).hours[BUDGETS.index(10)] == (0.5,)


@pytest.mark.parametrize("row", [{"score": float("nan")}, {"score": None}, {"begin": NOON + HOUR}])
def test_scored_tables_of_another_form_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"score|begin"):
        ranked(windows(row), 1)
    with pytest.raises(ValueError, match="columns"):
        ranked(windows().drop("other_kind"), 1)


def recorded(seed: int, ranks: dict[str, list[int | None]]) -> Outcome:
    """An outcome with these ranks by type of episode; the first two of each type are one campaign."""
    kinds = [kind for kind, found in ranks.items() for _ in found]
    none: tuple[Any, ...] = (None,) * len(kinds)
    zero = (0,) * len(BUDGETS)
    names = tuple(f"{kind}-{k}" for kind, found in ranks.items() for k in range(len(found)))
    campaign = tuple(kind if int(name[-1]) < 2 else "" for kind, name in zip(kinds, names, strict=True))
    rank = tuple(r for found in ranks.values() for r in found)
    hours = (none,) * len(BUDGETS)
    return Outcome("x", seed, "default", names, tuple(kinds), campaign, rank, hours, zero, zero, zero, zero)


def test_recall_counts_episodes_found_within_the_budget() -> None:
    outcomes = [recorded(0, {"scan": [1, 10, 11]}), recorded(1, {"scan": [None, 5], "beacon": [50, None, 3]})]
    assert recall(outcomes, 10).estimate == pytest.approx(4 / 8)
    assert recall(outcomes, 50).estimate == pytest.approx(6 / 8)
    assert recall(outcomes, 10, ["beacon"]).estimate == pytest.approx(1 / 3)
    assert campaigns(outcomes, 10) == (2, 3)


def test_the_interval_knows_that_organizations_differ() -> None:
    same = [recorded(seed, {"scan": [1, None] * 5}) for seed in range(5)]
    apart = [recorded(seed, {"scan": [1 if seed % 2 else None] * 10}) for seed in range(5)]
    narrow, wide = recall(same), recall(apart)
    assert narrow.high - narrow.low < 0.6 * (wide.high - wide.low)


def test_a_difference_is_paired() -> None:
    one = [recorded(seed, {"scan": [1, None] * 5}) for seed in range(3)]
    same = difference(one, one)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="same episodes"):
        difference(one, [recorded(seed + 1, {"scan": [1]}) for seed in range(3)])


def test_calibration_says_how_many_entities_per_day_reach_a_score() -> None:
    noise = np.random.default_rng(0).exponential(size=(28, 200))
    ends = [START + (7 + day) * DAY + HOUR for day in range(28)]
    entities = [
        {"value": str(k), "score": noise[day, k], "begin": end - HOUR, "end": end}
        for day, end in enumerate(ends)
        for k in range(200)
    ]
    scores = calibrated(windows(*entities))
    test = scores.filter(pl.col("begin") >= START + 14 * DAY)["score"]
    for rate in (0.5, 5, 50):
        assert (test > -np.log10(rate)).sum() / 21 == pytest.approx(rate, rel=0.4)


def test_calibration_does_not_hear_what_the_highest_of_the_null_are() -> None:
    rows = [
        {"value": str(k), "score": k / 1000, "begin": START + 8 * DAY, "end": START + 8 * DAY + HOUR}
        for k in range(1000)
    ]
    loud = [row | {"score": 1e6} if row["score"] > 0.98 else row for row in rows]
    probe = {"begin": NOON, "score": 2.0}
    calm, spoiled = (calibrated(windows(*table, probe))["score"][-1] for table in (rows, loud))
    assert calm == pytest.approx(spoiled)
