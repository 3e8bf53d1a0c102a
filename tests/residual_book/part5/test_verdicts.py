"""Analysts and what their answers find: the same without answers, episodes counted as told, a record that goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from residual import simulate
from residual_book.claims import judging
from residual_book.evaluation.outcome import Outcome
from residual_book.part5.verdicts import claims, experiment, figures, live, outcomes
from residual_book.part5.verdicts.experiment import (
    ANALYSTS,
    NOBODY,
    RIGHT,
    WEEKS,
    Analyst,
    Desk,
    Played,
    Run,
    play,
    record,
    run_of,
)
from residual_book.recording import recorded_runs

NEVER = Analyst("never right", wrong=1.0)


@pytest.fixture(scope="module")
def played() -> Played:
    return play(simulate.simulation(users=10, days=17, seed=0), (NOBODY, RIGHT, NEVER))


def test_the_first_day_is_the_same_for_all_and_later_ones_depend_on_answers(played: Played) -> None:
    nobody, right, never = played.desks
    assert nobody.alerts[0] == right.alerts[0] == never.alerts[0]
    assert nobody.answers == {}
    assert not any(nobody.lowered.values())
    first = [alert.uid for alert in right.alerts[0]]
    assert all({right.answers[uid][0], never.answers[uid][0]} == {"true", "benign"} for uid in first)
    assert right.alerts != nobody.alerts
    assert right.alerts != never.alerts


def test_a_mistake_is_about_one_true_alert(played: Played) -> None:
    events = [alert.events[0] for alert in played.desks[0].alerts[0][:3]]
    for flipped, expected in ((None, 3), (0, 2), (1, 3)):
        desk = Desk(Analyst("one", flipped=flipped), np.random.default_rng(0), alerts=played.desks[0].alerts)
        desk.answer(0, frozenset(events))
        own = [desk.answers[alert.uid][0] for alert in desk.alerts[0][:3]]
        assert own.count("true") == expected


def test_runs_say_what_alerts_found(played: Played) -> None:
    (run, *_) = played.runs()
    desk = played.desks[0]
    owner = dict(played.labels.select("metadata.uid", "episode").iter_rows())
    met = {owner[uid] for some in desk.alerts.values() for one in some for uid in one.events if uid in owner}
    for episode, found in zip(run.episode, run.found, strict=True):
        assert (episode in met) == (found is not None)
    assert sum(run.alerts) == sum(map(len, desk.alerts.values()))
    assert all(t + w <= n for t, w, n in zip(run.true, run.twins, run.alerts, strict=True))
    assert sum(run_of(replace(desk, alerts={}), run.seed, played.labels).alerts) == 0


def made(analyst: Analyst, seed: int, found: tuple[int | None, ...]) -> Run:
    count = (70,) * WEEKS
    names = tuple(f"e{n}" for n in range(len(found)))
    return Run(
        analyst.name, seed, names, ("scan",) * len(found), ((0,), (0, 1), (2,)), found, count, count, (10,) * WEEKS, 3
    )


def test_an_episode_counts_in_each_of_its_weeks_and_only_if_found_by_then() -> None:
    runs = [made(RIGHT, seed, (8, 8, None)) for seed in (0, 1)]
    assert [outcomes.recall(runs, [week]).estimate for week in range(WEEKS)] == [0, 1, 0]
    assert outcomes.changed(runs[0], made(NOBODY, 0, (None, 3, 20))) == (1, 1)
    others = [made(NOBODY, seed, (None, 3, 20)) for seed in (0, 1)]
    assert outcomes.gain(runs, others, [2]).estimate == -1
    assert outcomes.lost(runs, others).estimate == 0.5


def counted(seed: int, ranks: tuple[int | None, ...]) -> Outcome:
    """What counting found of the episodes of `made`."""
    each: list[Any] = [("e0", "e1", "e2"), ("scan",) * 3, ("",) * 3, ranks, ((None,) * 3,) * 4, *[(0,) * 4] * 4]
    return Outcome("B", seed, "default", *each)


def test_counting_is_judged_on_the_same_episodes() -> None:
    rival = [counted(seed, (1, 11, None)) for seed in (0, 1)]
    share = outcomes.counting(rival, [made(NOBODY, seed, (None,) * 3) for seed in (0, 1)], 0)
    assert share.estimate == 0.5


def test_what_the_page_says_is_drawn_and_judged(played: Played) -> None:
    figures.moves(played)
    assert len(live.shown(played)) >= sum(map(len, played.desks[1].alerts.values()))
    survive, true = live.survive_mimicry(played)
    assert 0 <= survive <= true
    for line in live.first_displaced(played):
        assert line
    runs = [made(analyst, seed, (8, seed or None, 20)) for analyst in ANALYSTS for seed in (0, 1)]
    rival = [counted(seed, (1, 11, 2)) for seed in (0, 1)]
    figures.weeks(runs, rival)
    assert "scan" in figures.by_type(runs).data
    with judging() as judged:
        claims.on_live(played)
        claims.on_runs(runs, rival)
    assert len({one.claim.id for one in judged}) == len(judged)


def test_a_record_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def quick(simulation: simulate.Simulation) -> Played:
        asked.append(simulation.org.seed)
        return Played(simulation.org.seed, [], pl.DataFrame())

    monkeypatch.setattr(experiment, "USERS", 10)
    monkeypatch.setattr(experiment, "play", quick)
    monkeypatch.setattr(Played, "runs", lambda self: [made(RIGHT, self.seed, (None, None, None))])
    record(tmp_path / "verdicts.json", (0, 1))
    record(tmp_path / "verdicts.json", (0, 1, 2))
    assert asked == [0, 1, 2]
    assert [run.seed for run in recorded_runs(tmp_path / "verdicts.json", Run)] == [0, 1, 2]
