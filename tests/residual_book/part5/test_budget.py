"""The record of all rivals and the detectors, the aims, the traps of calibration, and what the page holds itself to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from residual import simulate
from residual.detect.alert import Alert
from residual.detect.calibrate import rates
from residual.detect.score import Memory
from residual.detect.stream import DAY, narrowed
from residual.simulate import TYPES, flat
from residual_book.claims import judging
from residual_book.evaluation.live import FIRST, Live
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.watched import SECOND_WEEK, Truth, Watched
from residual_book.part5.budget import aims, claims, experiment, figures, trap_figures, traps
from residual_book.part5.budget.experiment import DEFAULT, REALISTIC
from residual_book.part5.budget.traps import MOVED
from residual_book.recording import recorded_runs


def outcome(rival: str, seed: int, rate: str = DEFAULT, share: float = 0.9, hours: float = 1.0) -> Outcome:
    """An outcome with 20 episodes of each type, of which a share is found with any budget."""
    kinds = tuple(kind for kind in TYPES for _ in range(20))
    rank = tuple(1 if k % 20 < 20 * share else None for k in range(len(kinds)))
    taken = tuple(hours if r else None for r in rank)
    alerts, true = (105, 210, 420, 1050), (40, 70, 100, 150) if rate == DEFAULT else (3, 6, 9, 12)
    names = tuple(f"{kind}-{k}" for k, kind in enumerate(kinds))
    return Outcome(
        rival, seed, rate, names, kinds, ("",) * len(kinds), rank, (taken,) * 4, alerts, true, (30, 40, 50, 60), alerts
    )


def as_told(**changed: dict[str, float]) -> list[Outcome]:
    """Outcomes for which every claim holds, except where rivals find another share or take other hours."""
    told = (
        {name: {"share": 0.5} for name in experiment.NAMES} | {"D": {"share": 0.9}, "D clean": {"share": 0.9}} | changed
    )
    return [
        outcome(rival, seed, rate, **told[rival])
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
        ("budget-more", {"kNN": {"share": 0.9}}),
        ("budget-soon", {"D": {"share": 0.9, "hours": 3.0}}),
        ("budget-clean", {"D clean": {"share": 0.85}}),
        ("budget-clean", {"D clean": {"share": 1.0}}),
    ],
)
def test_a_claim_fails_where_its_sentence_is_false(claim: str, changed: dict[str, dict[str, float]]) -> None:
    assert [name for name, holds in held(as_told(**changed)).items() if not holds] == [claim]


def test_the_claim_about_collective_types_is_about_these() -> None:
    def without_some(run: Outcome) -> Outcome:
        """Two more in twenty of each collective type are not found."""
        lost = [kind in aims.COLLECTIVE and k % 20 < 2 for k, kind in enumerate(run.type)]
        return replace(run, rank=tuple(None if gone else r for gone, r in zip(lost, run.rank, strict=True)))

    runs = [without_some(run) if run.rival.startswith("D") else run for run in as_told()]
    assert [name for name, holds in held(runs).items() if not holds] == ["budget-collective"]


def test_an_aim_that_was_missed_stays_in_the_table() -> None:
    runs = as_told(D={"share": 0.6}, **{"D clean": {"share": 0.6}})
    reached = {name: aim.reached for name, aim in aims.aims(runs).items()}
    assert reached == {
        "ten": False, "more": False, "collective": False, "twenty": False, "soon": True, "each": True, "clean": True,
    }  # fmt: skip
    assert figures.aimed(runs).data.count("missed") == 4


def test_the_hardest_type_and_the_best_rival_are_named() -> None:
    runs = as_told(ECOD={"share": 0.7})
    ours = [run for run in runs if run.rival == "D"]
    missing = [replace(run, rank=(*run.rank[:-20], *[None] * 20)) for run in ours]
    assert aims.best_rival(runs) == "ECOD"
    assert aims.hardest([run for run in runs if run.rival != "D"] + missing) == list(TYPES)[-1]


def test_figures_say_what_they_show() -> None:
    runs = as_told()
    for draw in (figures.budgets, figures.by_type, figures.delays):
        assert draw(runs).alt
    assert figures.everything(runs).data.count("\n") == len(experiment.NAMES) + 1


def test_a_recording_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, str]] = []
    cut: list[tuple[str, int, str]] = []

    def rivals(_: object, __: object, names: Sequence[str]) -> Iterator[tuple[str, pl.DataFrame]]:
        return ((name, pl.DataFrame()) for name in names)

    def judged(_: object, __: object, *, rival: str, seed: int, rate: str = DEFAULT) -> Outcome:
        asked.append((rival, seed, rate))
        if len(asked) == 5 and not cut:
            cut.append(asked.pop())
            raise KeyboardInterrupt
        return outcome(rival, seed, rate)

    watched = Watched(0, {}, Truth(pl.DataFrame(), pl.DataFrame()))
    monkeypatch.setattr(experiment, "simulated", lambda *_: None)
    monkeypatch.setattr(experiment, "observe", lambda *_: watched)
    monkeypatch.setattr(experiment, "rivals", rivals)
    monkeypatch.setattr(experiment, "judge", judged)
    for name in ("look", "lessons", "learn", "score"):
        monkeypatch.setattr(experiment.supervised, name, lambda *_: None)
    out = tmp_path / "detect.json"
    with pytest.raises(KeyboardInterrupt):
        experiment.record(out, (0, 1))
    experiment.record(out, (0, 1))
    assert len(asked) == len(set(asked)) == 2 * (len(experiment.NAMES) + 1)
    assert cut[0] in asked
    assert {run.rival for run in recorded_runs(out, Outcome) if run.rate == REALISTIC} == {"D"}
    with pytest.raises(ValueError, match="two or more"):
        experiment.record(out, (0,))


# The traps, on an organization that is as small as they allow, with three of the detectors

SOME = ("failed sign-ins of a user", "lookups of a machine below a domain", "values of a process")


@cache
def tiny() -> tuple[Live, traps.Seen]:
    simulation = simulate.simulation(users=10, days=MOVED.stop, seed=0)
    parts = [list(simulation.parts(day)) for day in range(MOVED.stop)]
    events = {
        FIRST + day: pl.concat(narrowed(flat(part.events)) for part in of_day).sort("time", "uid")
        for day, of_day in enumerate(parts)
    }
    labels = pl.concat(part.labels for of_day in parts for part in of_day)
    scored = range(FIRST + 14, FIRST + MOVED.stop)
    alerts = {day: [_alert(day, labels["metadata.uid"][n])] for n, day in enumerate(scored)}
    organization = Live(simulation, events, alerts, labels, Memory(FIRST))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traps, "DETECTORS", [detector for detector in traps.DETECTORS if detector.name in SOME])
        return organization, traps.see(organization)


def _alert(day: int, event: str) -> Alert:
    noon = day * DAY + DAY // 2
    return Alert(str(day), noon, noon, noon, (), (), (), (event,), 1)


def test_days_are_scored_once_per_entity_and_say_what_they_are_about() -> None:
    _, seen = tiny()
    for table in (seen.honest, seen.in_sample):
        assert not table.select("detector", "day", "kind", "entity").is_duplicated().any()
        assert set(table["about"]) <= {"episode", "twin", "nothing"}
    assert set(seen.in_sample["day"]) <= set(SECOND_WEEK)
    assert seen.honest["day"].min() == SECOND_WEEK.start


def test_a_day_that_is_in_the_statistics_looks_less_odd() -> None:
    _, seen = tiny()
    both = seen.honest.join(seen.in_sample, on=["detector", "day", "kind", "entity"], suffix=" in")
    far = both.filter(pl.col("score") > 3)
    assert far.height > 10
    assert (far["score in"] < far["score"]).mean() > 0.9


def test_new_names_are_alerted_on_where_nothing_holds_them_back() -> None:
    _, seen = tiny()
    assert 0 < traps.newcomers(seen)["new"] <= traps.newcomers(seen)["alerts"]
    old = seen.moved.filter(~pl.col("moved"))
    assert not old["entity"].str.contains("(new)", literal=True).any()


def test_an_attack_in_the_null_makes_the_tail_longer_unless_it_is_censored() -> None:
    rng = np.random.default_rng(0)
    normal, odd = rng.exponential(1.0, 700), np.array([15.0])
    attacked = np.concatenate([normal, [30.0, 40.0, 50.0]])
    clean, censored, whole = rates(odd, normal, 7), rates(odd, attacked, 7), traps.whole(odd, attacked, 7)
    assert clean < censored < whole
    assert whole / clean > 10 * censored / clean


def test_all_alerts_at_midnight_find_the_same_and_later() -> None:
    organization, _ = tiny()
    late, early = traps.told_at_midnight(organization), organization.evaluation()
    assert late.episodes["found"].equals(early.episodes["found"])
    later = (late.episodes["hours"] - early.episodes["hours"]).drop_nulls()
    assert later.to_list() == pytest.approx([12.0] * len(later))
    assert traps.in_the_day(organization.all_alerts) == len(organization.alerts)
    assert traps.in_the_day([replace(alert, raised=3 * DAY) for alert in organization.all_alerts]) == 0


def test_the_figures_of_the_traps_say_what_they_show() -> None:
    organization, seen = tiny()
    for drawing in (trap_figures.in_sample(seen), trap_figures.attacks(seen), trap_figures.days(seen, organization)):
        assert drawing.alt
    reported = traps.discovered(seen, 0.5, clean=True)
    assert set(reported) == {"episode", "twin", "nothing"}
