"""What each kind of detector sees of an attack and its twin, RITA's places, the recording, and what the page says."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import days
import numpy as np
import polars as pl
import pytest

from residual.detect.detectors import DETECTORS, PROCESS, TRAFFIC
from residual.detect.score import Memory
from residual.detect.sights import Frames
from residual.detect.stream import DAY
from residual.simulate import TYPES, Simulation
from residual.simulate.calendar import START
from residual_book.claims import judging
from residual_book.evaluation.alerts import checked
from residual_book.evaluation.live import FIRST, Live
from residual_book.evaluation.watched import Truth
from residual_book.part5.patterns import claims, experiment, figures, kinds, rhythms
from residual_book.part5.patterns.experiment import ALL, NAMES, RITA, Ranks, alone, unseen, without
from residual_book.part5.patterns.rhythms import Place

START_HOUR = (FIRST - days.FIRST) * 24


def flow(hour: float, machine: str, to: str, episode: str = "", sent: float = 900.0) -> dict[str, Any]:
    row = {"hour": START_HOUR + hour, "class_uid": TRAFFIC, "machine": machine, "destination": to, "sent": sent}
    return row | {"address": machine, "agent": episode}


def made(*rows: dict[str, Any]) -> Live:
    """An organization of 16 days; the column `agent` says the episode of an event, which is no agent of it."""
    table = days.events(*rows)
    own = table.filter(pl.col("agent") != "")
    labels = own.select(
        pl.col("uid").alias("metadata.uid"), "time", episode="agent", type=pl.col("agent").str.replace(r"-.*", ""),
        twin=pl.col("agent").str.ends_with("-twin"),
    )  # fmt: skip
    by_day = {day: table.filter(pl.col("time") // DAY == day) for day in range(FIRST, FIRST + 16)}
    states: dict[str, Frames] = {}
    for detector in DETECTORS:
        for day, events in by_day.items():
            if detector.name in kinds.VALUES:
                _, states[detector.name] = detector.advance(day, events, states.get(detector.name, {}))
    return Live(cast(Simulation, None), by_day, {}, labels, Memory(FIRST + 16, frames=states))


def pairs_of_two() -> Live:
    """Machine a calls host h now and then, and b calls g all the time; on day 15 each calls thirty times more."""
    rows = [flow(24 * day + 9, "a", "h") for day in range(0, 15, 3)]
    rows += [flow(24 * day + 8 + hour, "b", "g") for day in range(15) for hour in range(8)]
    rows += [flow(24 * 15 + 9 + k / 60, "a", "h", "exfiltration-0") for k in range(30)]
    return made(*rows, *[flow(24 * 15 + 9 + k / 60, "b", "g", "exfiltration-0-twin") for k in range(30)])


def test_a_case_is_the_pair_of_an_episode_and_marks_its_windows() -> None:
    seen = kinds.watched(pairs_of_two())
    attack, twin = (kinds.case(seen, kinds.VOLUME, "exfiltration", twin=twin) for twin in (False, True))
    assert (attack.entities, twin.entities) == (("a", "h"), ("b", "g"))
    inside = attack.sights.filter("inside")
    assert (inside["day"] > 15).all()
    assert inside["value"].to_list() == [30]
    assert attack.sights.filter(~pl.col("inside"))["value"].max() == 1
    assert twin.sights.height > attack.sights.height
    entities, calls = kinds.connections(seen, "exfiltration")
    assert entities == ("a", "h")
    assert (calls.height, calls["inside"].sum()) == (60, 30)
    with pytest.raises(ValueError, match="twin of 'beacon'"):
        kinds.case(seen, kinds.VOLUME, "beacon", twin=True)


def test_a_beacon_and_an_updater_are_shown_machine_by_machine() -> None:
    rows = [flow(24 * day + 9, machine, "x") for day in range(15) for machine in "abc"]
    rows += [flow(24 * 15 + 1 + k / 2, "a", "h", "beacon-0") for k in range(9)]
    rows += [flow(24 * 15 + 1 + k / 2, machine, "g", "beacon-1-twin") for k in range(6) for machine in "bc"]
    seen = kinds.watched(made(*rows))
    (beacon,), updater = kinds.new_pairs(seen, twin=False), kinds.new_pairs(seen, twin=True)
    assert beacon["hours"].to_list() == pytest.approx([k / 2 for k in range(9)])
    assert [calls.height for calls in updater] == [6, 6]


def run_of(hour: float, program: str, system: str, episode: str = "") -> dict[str, Any]:
    row = {"hour": START_HOUR + hour, "class_uid": PROCESS, "machine": f"m-{system}", "system": system}
    return row | {"program": program, "user type": "User", "agent": episode}


def test_values_that_never_met_lie_far_from_those_that_do() -> None:
    rows = [
        run_of(24 * day + k, *what)
        for day in range(15)
        for k in range(20)
        for what in (("cron", "linux"), ("svc", "win"))
    ]
    live = made(*rows, run_of(24 * 15, "svc", "linux", "impossible-0"))
    odd = kinds.impossible(kinds.watched(live), twin=False)
    assert odd.select("value", "expected").row(0) == (0, pytest.approx(150, rel=0.02))
    met = kinds.met(live)
    ratio = (met["seen"] / met["expected"]).to_numpy()
    assert ratio.min() < 0.01  # the pair of the attack, which has now been seen once
    assert np.median(ratio) >= 1


def traffic(calls: Mapping[tuple[str, str], list[float]]) -> pl.DataFrame:
    """Connections by machine and host, at hours from the beginning."""
    rows = [(START + round(hour * 3_600_000), *pair, 100) for pair, hours in calls.items() for hour in hours]
    return pl.DataFrame(rows, schema=["time", "machine", "destination", rhythms.SENT], orient="row")


def test_rita_ranks_what_is_regular_and_says_what_is_new() -> None:
    clock = [24 * 14 + k / 2 for k in range(48)]
    chance = (24 * 14 + np.random.default_rng(0).uniform(0, 24, 8)).tolist()
    judged = rhythms.scores(traffic({("a", "h"): [30, *clock], ("b", "g"): chance, ("c", "f"): clock[:3]}))
    assert judged["machine"].to_list() == ["a", "b"]  # three calls are too few
    assert judged["new"].to_list() == [False, True]
    assert judged["score"][0] == pytest.approx(1)
    assert checked(rhythms.as_scored(judged))["value"].to_list() == ["a", "b"]
    times = [START + round(hour * 3_600_000) for hour in chance]
    truth = Truth(
        pl.DataFrame({"episode": ["beacon-0"], "type": ["beacon"], "twin": [False]}),
        pl.DataFrame(
            [
                ("beacon-0", f"e{k}", time, kind, value)
                for k, time in enumerate(times)
                for kind, value in (("machine", "b"), ("destination", "g"))
            ],
            schema=["episode", "event", "time", "kind", "value"], orient="row",
        ),
    )  # fmt: skip
    contacts = pl.DataFrame({"end": [times[0] + 1], "entity": ["b"], "other": ["g"], "score": [3.0]})
    (place,) = rhythms.places(judged, contacts, truth, 7)
    assert place == Place(7, 14, False, 2, 2.0, 1.0, 1.0)


# The record and the page's claims

OWN = {  # of some types, the detector that was made for it
    "brute_force": "failed sign-ins of a user",
    "scan": "ports that a machine connects to",
    "dns_tunnel": "lookups of a machine below a domain",
    "cascade": "errors of an application",
}
N = 8  # episodes of a type


def ranks(seed: int, **changed: Any) -> Ranks:
    """Ranks for which every claim holds: each type has a detector, which finds all of it with three alerts per day."""
    kinds_ = [kind for kind in TYPES for _ in range(N)]
    detector = OWN | {"beacon": experiment.CONTACTS, "exfiltration": kinds.VOLUME}
    rank: dict[str, tuple[int | None, ...]] = {
        ALL: tuple(None if kind == "exfiltration" and k % N else 4 for k, kind in enumerate(kinds_)),
        RITA: tuple(9 if kind == "beacon" and k % N == 0 else None for k, kind in enumerate(kinds_)),
    }
    rank |= {unseen(kind): (None,) * len(kinds_) for kind in TYPES}
    for name in NAMES:
        rank[alone(name)] = tuple(2 if detector.get(kind) == name else None for kind in kinds_)
        rank[without(name)] = tuple(
            None if detector.get(kind) == name else r for kind, r in zip(kinds_, rank[ALL], strict=True)
        )
    about = dict.fromkeys(rank, (20, 20, 23))
    places = tuple(Place(seed, 14, twin, 900, 300.0, 450.0, 2.0) for twin in (False, True))
    run = Ranks(seed, tuple(f"{kind}-{k}" for k, kind in enumerate(kinds_)), tuple(kinds_), rank, about, places)
    return replace(run, **{name: change(run) for name, change in changed.items()})


def held(runs: list[Ranks]) -> dict[str, bool]:
    with judging() as outcomes:
        claims.on_runs(runs)
    return {outcome.claim.id: outcome.held for outcome in outcomes}


def of(kind: str, arm: str, value: int | None) -> Any:
    """A change of a run's ranks: an arm finds all episodes of a type, or none."""
    return lambda run: (
        run.rank | {arm: tuple(value if of == kind else rank for of, rank in zip(run.type, run.rank[arm], strict=True))}
    )


def test_claims_hold_where_their_sentences_are_true() -> None:
    assert all(held([ranks(seed) for seed in range(5)]).values())


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("patterns-specialists", {"rank": lambda run: run.rank | {alone(NAMES[-1]): (1,) * len(run.type)}}),
        ("patterns-rita", {"rank": of("beacon", RITA, 3)}),
        ("patterns-contacts", {"rank": of("beacon", alone(experiment.CONTACTS), None)}),
        ("patterns-unseen", {"rank": lambda run: run.rank | {unseen(kind): (1,) * len(run.type) for kind in TYPES}}),
        ("patterns-twins", {"alerts": lambda run: dict.fromkeys(run.rank, (20, 0, 43))}),
    ],
)
def test_a_claim_fails_where_its_sentence_is_false(claim: str, changed: dict[str, Any]) -> None:
    assert not held([ranks(seed, **changed) for seed in range(5)])[claim]


def test_a_recording_goes_on_and_comes_back_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(seed: int) -> Ranks:
        asked.append(seed)
        return ranks(seed)

    monkeypatch.setattr(experiment, "measure", measure)
    out = tmp_path / "patterns.json"
    experiment.record(out, (1,))
    experiment.record(out, (0, 1))
    assert asked == [1, 0]
    assert experiment.recorded(out) == [ranks(0), ranks(1)]
    out.write_text(json.dumps({"command": "", "provenance": {}, "runs": [{"seed": 1}]}))
    with pytest.raises(ValueError, match="expected runs"):
        experiment.recorded(out)


def test_one_alert_each_finds_what_any_detector_finds_first() -> None:
    first = ranks(0, rank=of("scan", alone(NAMES[0]), 1))
    assert claims.one_each([first, first]).estimate == pytest.approx(1 / len(TYPES))


def test_figures_say_what_they_show() -> None:
    runs = [ranks(seed) for seed in range(2)]
    for draw in (figures.rhythm, figures.alone_by_type, figures.ablation):
        assert draw(runs).alt
    assert figures.by_type(runs).data.count("\n") == len(TYPES) + 1
    assert set(figures.SHORT) == set(NAMES)
    seen = kinds.watched(pairs_of_two())
    assert figures.volume(seen).alt
