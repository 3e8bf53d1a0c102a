"""Rivals by volume and the network of W, the recording, and what the page holds itself to."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from residual.simulate import TYPES, simulation
from residual.simulate.calendar import DAY, HOUR, START
from residual_book.claims import judging
from residual_book.evaluation import volume, windows
from residual_book.evaluation.alerts import SCORED, checked
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import DAYS, Truth, Watched, watch, with_machines
from residual_book.evaluation.windows import Feature
from residual_book.part3.bar import claims, experiment, figures
from residual_book.recording import recorded_runs
from residual_book.rivals.expectation import agreed, expected

FAILED = Feature("authentication", "user", "failed", 4)
ADDRESSES = Feature("authentication", "user", "address", 4)
PAIR = Feature("authentication", "user", "events", 4, "address")


def sign_ins(*rows: tuple[float, str, str | None, int]) -> dict[str, pl.DataFrame]:
    """Sign-ins by hour, user, address and status."""
    names = ["hour", "user", "address", "status_id"]
    table = pl.DataFrame(
        rows, schema=dict(zip(names, [pl.Float64, pl.String, pl.String, pl.Int64], strict=True)), orient="row"
    )
    time = START + (pl.col("hour") * HOUR).cast(pl.Int64)
    return {"authentication": table.with_columns(time=time, uid=pl.int_range(pl.len()).cast(pl.String)).drop("hour")}


def values(events: dict[str, pl.DataFrame], feature: Feature) -> dict[tuple[Any, ...], float]:
    """The feature of each window by its entities and hour."""
    table = windows.windows(events, feature)
    return {row[:-1]: row[-1] for row in table.select(*feature.entities, "hour", "value").rows()}


def test_a_window_holds_the_hours_up_to_its_end() -> None:
    events = sign_ins(
        (0.5, "ann", "a", 2), (3.9, "ann", "a", 2), (4.0, "ann", "a", 2), (4.5, "ann", "a", 1), (9, "bob", "a", 1)
    )
    assert values(events, FAILED) == {("ann", 0): 1, ("ann", 3): 2, ("ann", 4): 2, ("bob", 9): 0}


def test_different_values_count_once_in_a_window_and_leave_with_their_last_event() -> None:
    events = sign_ins(
        (0, "ann", "a", 1), (0, "ann", "b", 1), (2, "ann", "a", 1), (5, "ann", "c", 1), (6, "ann", "c", 1)
    )
    assert values(events, ADDRESSES) == {("ann", 0): 2, ("ann", 2): 2, ("ann", 5): 2, ("ann", 6): 1}


def test_a_pair_needs_both_entities() -> None:
    events = sign_ins((0, "ann", "a", 1), (0, "ann", None, 1), (1, "bob", "a", 1))
    assert values(events, PAIR) == {("ann", "a", 0): 1, ("bob", "a", 1): 1}


def test_windows_agree_with_counting_one_by_one() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (float(rng.uniform(0, 40)), str(rng.choice(["ann", "bob"])), str(rng.choice(list("abcd"))), 1)
        for _ in range(80)
    ]
    for (user, end), value in values(sign_ins(*rows), ADDRESSES).items():
        assert value == len({address for hour, who, address, _ in rows if who == user and end - 3 <= hour < end + 1})


def test_a_machine_is_known_by_its_address_for_some_hours() -> None:
    time = [START + h * HOUR for h in (0, 1, 6)]
    known = pl.DataFrame({"uid": list("abc"), "time": time, "address": ["x"] * 3, "machine": ["m", None, None]})
    other = pl.DataFrame(
        {"uid": ["d"], "time": [START + HOUR], "address": ["y"], "machine": [None]}, schema=known.schema
    )
    named = with_machines({"network_activity": known, "dns_activity": other})
    assert named["network_activity"]["machine"].to_list() == ["m", "m", None]
    assert named["dns_activity"]["machine"].to_list() == [None]


def steady(seed: int = 0) -> dict[str, pl.DataFrame]:
    """Two users who sign in a few times each hour, ann at night ten times as often; nothing odd."""
    rng = np.random.default_rng(seed)
    rows = [
        (hour + 0.5, user, "a", 1)
        for hour in range(DAYS * 24)
        for user in ("ann", "bob")
        for _ in range(1 + rng.poisson(20 if user == "ann" and hour % 24 < 6 else 2))
    ]
    return sign_ins(*rows)


COUNT = Feature("authentication", "user", "events", 1)


def test_deviations_never_look_ahead() -> None:
    events = steady()
    before = volume.deviations(windows.windows(events, COUNT), COUNT)
    later = pl.col("time") < START + 20 * DAY
    changed = {name: pl.concat([table.filter(later), table.filter(~later).head(50)]) for name, table in events.items()}
    after = volume.deviations(windows.windows(changed, COUNT), COUNT)
    early = pl.col("hour") < 20 * 24
    assert before.filter(early).equals(after.filter(early))
    assert before["hour"].min() == 7 * 24


def test_what_is_new_is_not_judged_for_three_days() -> None:
    events = steady()["authentication"]
    new = sign_ins(*[(float(hour), "new", "a", 1) for hour in range(20 * 24, DAYS * 24)])["authentication"]
    table = windows.windows({"authentication": pl.concat([events, new.select(events.columns)])}, COUNT)
    judged = volume.deviations(table, COUNT).filter(pl.col("user") == "new")
    assert judged["hour"].min() == 23 * 24


def test_much_more_than_usual_deviates_most() -> None:
    burst = sign_ins(*[(500.5, "bob", "a", 1)] * 60)["authentication"]
    events = steady()["authentication"]
    table = windows.windows({"authentication": pl.concat([events, burst.select(events.columns)])}, COUNT)
    most = volume.deviations(table, COUNT).sort("score").row(-1, named=True)
    assert (most["user"], most["hour"]) == ("bob", 500)


def test_the_network_learns_the_hour() -> None:
    table = windows.windows(steady(), COUNT).with_columns(mean=pl.col("value").mean().over("user"))
    past, now = table.filter(pl.col("hour") < 14 * 24), table.filter(pl.col("hour") >= 14 * 24)
    learned = np.abs(expected(past, now, ["user"]) - now["value"].to_numpy()).mean()
    assert learned < 0.6 * np.abs(now["mean"].to_numpy() - now["value"].to_numpy()).mean()


def test_rivals_by_volume_hand_in_what_the_evaluation_takes() -> None:
    events = steady()
    for table in (volume.volume(events, (COUNT, PAIR)), agreed(events, (COUNT,))):
        assert checked(table)["day"].is_between(7, DAYS - 1).all()
        assert table.schema == SCORED


@cache
def organization() -> Watched:
    wanted = {name: list(columns) for name, columns in windows.COLUMNS.items()}
    return watch(simulation(users=12, days=3, seed=0, episodes=60.0), wanted)


def test_an_organization_is_watched_without_its_labels() -> None:
    seen, truth = organization().events, organization().truth
    assert not {"episode", "label"} & {column for table in seen.values() for column in table.columns}
    touched = truth.touches.join(truth.episodes, on="episode", how="left")
    assert touched["twin"].null_count() == 0
    user = truth.touches.filter(pl.col("kind") == "user").row(0, named=True)
    event = pl.concat([t.select("uid", "user", "time") for t in seen.values() if "user" in t.columns]).filter(
        uid=user["event"]
    )
    assert event.row(0, named=True) == {"uid": user["event"], "user": user["value"], "time": user["time"]}


# The record and the page's claims


def outcome(rival: str, seed: int, rate: str = "default", shares: dict[str, float] | None = None) -> Outcome:
    """An outcome with ten episodes of each type, of which a share is found, with some alerts about them."""
    kinds = [kind for kind in TYPES for _ in range(10)]
    share = dict.fromkeys(TYPES, 0.5) | (shares or {})
    rank = tuple(1 if k % 10 < 10 * share[kind] else None for k, kind in enumerate(kinds))
    hours = tuple(1.0 if r else None for r in rank)
    alerts, true = (105, 210, 420, 1050), (40, 70, 100, 150) if rate == "default" else (3, 6, 9, 12)
    name = tuple(f"{kind}-{k}" for k, kind in enumerate(kinds))
    return Outcome(
        rival,
        seed,
        rate,
        name,
        tuple(kinds),
        ("",) * len(kinds),
        rank,
        (hours,) * 4,
        alerts,
        true,
        (30, 40, 50, 60),
        alerts,
    )


CROWDED = {"cascade": 1.0, "spraying": 1.0}  # what counting finds better


def as_told(**changed: dict[str, float]) -> list[Outcome]:
    """Outcomes of five organizations for which every claim holds, except where rivals find other shares."""
    shares = {
        "guess": dict.fromkeys(TYPES, 0.0),
        "B": dict.fromkeys(TYPES, 0.2) | CROWDED,
        "Sup": dict.fromkeys(TYPES, 0.8),
    } | changed
    return [
        outcome(rival, seed, rate, shares.get(rival))
        for rate, rivals in experiment.AT.items()
        for rival in rivals
        for seed in experiment.SEEDS
    ]


def held(runs: Sequence[Outcome]) -> dict[str, bool]:
    with judging() as outcomes:
        claims.on_outcomes(runs)
    return {outcome.claim.id: outcome.held for outcome in outcomes}


def test_claims_hold_where_their_sentences_are_true() -> None:
    assert all(held(as_told()).values())


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("bar-chance", {"guess": dict.fromkeys(TYPES, 0.1)}),
        ("bar-volume", {"B": dict.fromkeys(TYPES, 0.5) | CROWDED}),
        ("bar-network", {"W": dict.fromkeys(TYPES, 0.6)}),
        ("bar-single-events", {name: dict.fromkeys(TYPES, 0.6) for name in "UC"}),
        ("bar-untrained", {"C": dict.fromkeys(TYPES, 0.4)}),
        ("bar-everybody", {"Sup": dict.fromkeys(TYPES, 0.8) | {"scan": 0.4}}),
    ],
)
def test_a_claim_fails_where_its_sentence_is_false(claim: str, changed: dict[str, dict[str, float]]) -> None:
    assert [name for name, holds in held(as_told(**changed)).items() if not holds] == [claim]


def test_a_recording_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, str]] = []
    cut: list[tuple[str, int, str]] = []
    watched = Watched(0, {}, Truth(pl.DataFrame(), pl.DataFrame()))

    def rivals(_: object, names: Sequence[str]) -> Iterator[tuple[str, pl.DataFrame]]:
        return ((name, pl.DataFrame()) for name in names)

    def judged(_: object, __: object, *, rival: str, seed: int, rate: str) -> Outcome:
        asked.append((rival, seed, rate))
        if len(asked) == 5 and not cut:
            cut.append(asked.pop())
            raise KeyboardInterrupt
        return outcome(rival, seed, rate)

    monkeypatch.setattr(experiment, "observe", lambda *_: watched)
    monkeypatch.setattr(experiment, "unsupervised", rivals)
    monkeypatch.setattr(experiment, "judge", judged)
    for name in ("look", "lessons", "learn", "score"):
        monkeypatch.setattr(experiment.supervised, name, lambda *_: None)
    out = tmp_path / "bar.json"
    with pytest.raises(KeyboardInterrupt):
        experiment.record(out, (0, 1))
    experiment.record(out, (0, 1))
    assert len(asked) == len(set(asked)) == 2 * sum(map(len, experiment.AT.values()))
    assert cut[0] in asked
    assert len(recorded_runs(out, Outcome)) == len(asked)
    with pytest.raises(ValueError, match="two or more"):
        experiment.record(out, (0,))


def test_figures_say_what_they_show() -> None:
    runs = as_told()
    for draw in (figures.by_type, figures.alerts, figures.delays):
        assert draw(runs).alt
    assert "volume" in figures.budgets(runs).data
    assert figures.everybody(runs).data.count("\n") == len(TYPES) + 1
