"""Detectors on small cases, lists, single events of an organization; and what the page holds itself to."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from residual.simulate import TYPES
from residual.simulate.calendar import DAY, START
from residual_book.claims import ClaimError, judging
from residual_book.evaluation.alerts import checked
from residual_book.evaluation.watched import BUDGETS, DAYS, Truth, Watched
from residual_book.part5.distance import cases, claims, figures, organization, thresholds
from residual_book.part5.distance.cases import CASES, DETECTORS, KS, NORMAL, ODD, Run, Sample
from residual_book.part5.distance.organization import CHANCE, CLEAN, COUNTING, RIVALS
from residual_book.part5.distance.thresholds import Listed
from residual_book.recording import recorded_runs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_its_odd_points_last_and_only_a_contaminated_past_has_any(case: str) -> None:
    clean, dirty = (cases.sample(case, 3, contaminated=contaminated) for contaminated in (False, True))
    assert clean.past.shape == (NORMAL, 2)
    assert dirty.past.shape == clean.new.shape == (NORMAL + ODD, 2)
    assert np.array_equal(clean.new, dirty.new)
    assert np.array_equal(clean.past, dirty.past[:NORMAL])
    assert not np.array_equal(cases.sample(case, 4, contaminated=False).new, clean.new)


def test_odd_points_lie_where_the_case_says() -> None:
    radius = np.linalg.norm(cases.ring(RNG, 500), axis=1)
    assert (radius.min() > 4 * 0.15) & (radius.max() < 8 * 0.15)
    far = cases.scattered(RNG, 500)
    assert len(far) == 500
    assert np.linalg.norm(far, axis=1).min() > 1.5
    assert np.linalg.norm(cases.clump(RNG, 500) - [1.5, 4], axis=1).max() < 0.3
    against, with_it = cases.against(RNG, 500), cases.ribbon(RNG, 500)
    assert np.abs(against).max() < np.abs(with_it).max() + 0.3  # each number by itself is usual


def test_found_is_the_share_of_odd_points_among_as_many_reported() -> None:
    points = Sample(RNG.normal(size=(100, 2)), np.concatenate([RNG.normal(size=(NORMAL, 2)), np.full((ODD, 2), 50.0)]))
    assert cases.found(points, DETECTORS["neighbors"](0)) == 1
    hidden = Sample(np.concatenate([points.past, np.full((ODD, 2), 50.0)]), points.new)
    assert cases.found(hidden, DETECTORS["neighbors"](0)) == 0


def test_every_detector_meets_every_case_and_shares_are_sorted_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "NORMAL", 200)
    runs = cases.measure([1, 0])
    assert len(runs) == 2 * 2 * len(CASES) * len(DETECTORS)
    assert runs[len(runs) // 2 :] == cases.measure([0])
    of_seed = {
        run.seed: run.found for run in runs if (run.case, run.detector, run.contaminated) == ("local", "tails", True)
    }
    assert cases.shares(runs, "local", "tails", contaminated=True) == [of_seed[0], of_seed[1]]
    assert {run.detector for run in cases.by_neighbor([0])} == {str(k) for k in KS}


def test_a_list_needs_scores_to_compare_with_and_these_must_be_of_normal_points() -> None:
    runs = thresholds.measure([0, 1])
    assert thresholds.found(runs, max(n for n in thresholds.SIZES if n < thresholds.NEEDED)).high == 0
    assert thresholds.found(runs).low > 0.9
    assert thresholds.false(runs, spoiled=0.05).high <= thresholds.false(runs).estimate
    assert thresholds.NEEDED == 199  # 50 odd points of 1,000 and a tenth of false alarms: p of 0.005


@pytest.fixture(scope="module")
def watched() -> Watched:
    """Six people who sign in at their desks, and two attacks: from a machine that is new to all, and like any other."""
    rng = np.random.default_rng(0)
    time = np.sort(rng.integers(0, DAYS * DAY, 4000)) + START
    who = rng.integers(0, 6, len(time))
    table = pl.DataFrame({
        "time": time,
        "uid": [f"{i:05d}" for i in range(len(time))],
        "user": [f"user{i}" for i in who],
        "address": [f"10.0.0.{i}" for i in who],
        "machine": [f"desk{i}" for i in who],
        "session": None,
    })  # fmt: skip
    strange, usual = (int(np.searchsorted(time, START + day * DAY)) for day in (20, 25))
    new = pl.col("uid") == f"{strange:05d}"
    table = table.with_columns(
        address=pl.when(new).then(pl.lit("6.6.6.6")).otherwise("address"),
        machine=pl.when(new).then(pl.lit("laptop")).otherwise("machine"),
    ).with_columns(
        pl.lit("user").alias("user.type"), pl.lit("Linux").alias("device.os.name"),
        **{"user.name": "user", "src_endpoint.ip": "address", "device.hostname": "machine"},
    )  # fmt: skip
    attacks = table[[strange, usual]].with_columns(episode=pl.Series(["strange", "usual"]))
    kinds = ("user", "address", "machine")
    touches = pl.concat(
        attacks.select("episode", event="uid", time="time", kind=pl.lit(kind), value=kind) for kind in kinds
    )
    episodes = attacks.select(
        "episode", type=pl.lit("impossible"), twin=pl.lit(False), campaign=pl.lit(""), first="time", last="time"
    )
    return Watched(0, {"authentication": table}, Truth(episodes, touches))


@pytest.mark.parametrize("rival", [*DETECTORS, CLEAN])
def test_the_strange_event_is_found_and_the_usual_one_has_company(watched: Watched, rival: str) -> None:
    scores = list(organization.scored(watched, organization.in_context(watched.events), rival))
    table = pl.concat(map(organization.hours, scores))
    assert checked(table)["day"].is_between(7, DAYS - 1).all()
    run = organization.judged(watched, rival, table, scores)
    assert run.episode == ("strange", "usual")
    assert run.rank[0] is not None
    assert run.odder[0] < run.odder[1]
    if rival != "tails":  # for which a rare hour counts as much as a first time
        assert run.odder[0] < 1


def test_scores_do_not_look_ahead(watched: Watched) -> None:
    early = watched.events["authentication"].filter(pl.col("time") < START + 18 * DAY)
    scores = []
    for table in (watched.events["authentication"], early):
        own = replace(watched, events={"authentication": table})
        (part,) = organization.scored(own, organization.in_context(own.events), "neighbors")
        scores.append(part.odd[: early.height])
    assert np.allclose(*scores, equal_nan=True)
    assert np.isnan(scores[0]).any()  # the first week has no past


def test_a_clean_past_is_one_without_labels(watched: Watched) -> None:
    points = organization.in_context(watched.events)
    half = watched.events["authentication"][::2]
    labeled = half.select(episode=pl.lit("x"), event="uid", time="time", kind=pl.lit("user"), value="user")
    own = replace(watched, truth=Truth(watched.truth.episodes, labeled))
    (clean,), (dirty,) = (list(organization.scored(own, points, rival)) for rival in (CLEAN, "neighbors"))
    assert not np.allclose(clean.odd, dirty.odd, equal_nan=True)


def test_the_day_that_is_shown_has_the_attack(watched: Watched) -> None:
    (scores,) = organization.scored(watched, organization.in_context(watched.events), "neighbors")
    shown = organization.shown(watched, scores)
    assert shown.attack.sum() == 1
    assert len(shown.hour) == len(shown.odd)
    assert (shown.hour >= 0).all()
    assert (shown.hour < 24).all()
    assert "Sign-ins" in figures.day(shown).svg()


def test_a_recording_goes_on(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def observe(seed: int) -> Watched:
        asked.append(seed)
        return replace(watched, seed=seed)

    monkeypatch.setattr(organization, "observe", observe)
    monkeypatch.setattr(
        organization,
        "counted",
        lambda own: pl.concat(
            map(organization.hours, organization.scored(own, organization.in_context(own.events), "tails"))
        ),
    )
    out = tmp_path / "single-events.json"
    organization.record(out, [1])
    organization.record(out, [1, 0])
    runs = recorded_runs(out, organization.Run)
    assert asked == [1, 0]
    assert [(run.seed, run.rival) for run in runs] == [(seed, rival) for seed in (0, 1) for rival in RIVALS]
    assert runs[0].odder == ()
    assert len(runs[1].odder) == 2


def made_cases() -> list[Run]:
    """Runs in which all that the page says is so, a little different from seed to seed."""
    found = {name: dict.fromkeys(CASES, (0.95, 0.9)) for name in DETECTORS}
    found["neighbors"] |= {"local": (0.4, 0.1), "clump": (0.98, 0.01)}
    found["local outliers"] |= {"clump": (0.95, 0.05)}
    found["isolation forest"] |= {"local": (0.2, 0.1), "clump": (0.98, 0.3), "scattered": (0.8, 0.95)}
    found["tails"] |= {"against the grain": (0.08, 0.08)}
    return [
        Run(case, name, bool(dirty), seed, share + seed / 500)
        for seed in range(3)
        for name, of_case in found.items()
        for case, both in of_case.items()
        for dirty, share in enumerate(both)
    ]


def made_neighbors() -> list[Run]:
    ring = {k: max(0.0, 0.7 - 0.2 * i) for i, k in enumerate(KS)}
    return [
        Run(case, str(k), case == "clump", seed, (float(k > ODD) if case == "clump" else ring[k]) + seed / 500)
        for seed in range(3)
        for case in ("local", "clump")
        for k in KS
    ]


def made_lists() -> list[Listed]:
    settings = [(size, 0.0) for size in thresholds.SIZES] + [
        (thresholds.SIZES[-1], share) for share in thresholds.SPOILED[1:]
    ]
    return [
        Listed(size, share, seed, 0.08 + seed / 500, float(size > thresholds.NEEDED and share < 0.01))
        for seed in range(3)
        for size, share in settings
    ]


def made_organizations() -> list[organization.Run]:
    """Five organizations with ten episodes of each type; counting finds the collective ones."""
    kinds = tuple(kind for kind in TYPES for _ in range(10))
    collective = [kind in claims.COLLECTIVE for kind in kinds]
    runs = []
    for seed in range(5):
        for rival in RIVALS:
            if rival == COUNTING:
                hit = [many and n % 5 > 0 for n, many in enumerate(collective)]
            else:
                hit = [
                    rival != CHANCE and (kind in ("impossible", "valid_account") or n % 7 == seed)
                    for n, kind in enumerate(kinds)
                ]
            runs.append(
                organization.Run(
                    rival=rival,
                    seed=seed,
                    rate="default",
                    episode=tuple(f"{n}" for n in range(len(kinds))),
                    type=kinds,
                    campaign=("",) * len(kinds),
                    rank=tuple(1 if found else None for found in hit),
                    hours=((None,) * len(kinds),) * len(BUDGETS),
                    alerts=(1,) * len(BUDGETS),
                    true=(1,) * len(BUDGETS),
                    at_twins=(0,) * len(BUDGETS),
                    raised=(1,) * len(BUDGETS),
                    odder=()
                    if rival in (COUNTING, CHANCE)
                    else tuple(80.0 if many and n % 10 else 0.5 for n, many in enumerate(collective)),
                )
            )
    return runs


def test_what_the_page_says_holds_for_good_numbers() -> None:
    with judging() as outcomes:
        claims.on_cases(made_cases())
        claims.on_neighbors(made_neighbors())
        claims.on_lists(made_lists())
        claims.on_organizations(made_organizations())
    assert [outcome.claim.id for outcome in outcomes if not outcome.held] == []
    assert len(outcomes) == 13


@pytest.mark.parametrize(
    ("claim", "case", "detector", "dirty", "found"),
    [
        ("local", "local", "neighbors", False, 0.8),
        ("clump", "clump", "neighbors", True, 0.3),
        ("forest", "clump", "isolation forest", True, 0.08),
        ("grain", "against the grain", "tails", False, 0.3),
        ("no-best", "clump", "local outliers", True, 0.6),
    ],
)
def test_a_claim_that_fails_stops_the_page(claim: str, case: str, detector: str, dirty: bool, found: float) -> None:
    runs = [
        replace(run, found=found) if (run.case, run.detector, run.contaminated) == (case, detector, dirty) else run
        for run in made_cases()
    ]
    with pytest.raises(ClaimError, match=f"distance-{claim}'"):
        claims.on_cases(runs)


@pytest.mark.parametrize(
    ("claim", "rival", "change"),
    [
        ("counting", "tails", {"rank": (1,) * 110}),
        ("crowd", "neighbors", {"odder": (0.0,) * 110}),
        ("alone", COUNTING, {"rank": (1,) * 110}),
    ],
)
def test_a_claim_about_organizations_that_fails_stops_the_page(claim: str, rival: str, change: dict[str, Any]) -> None:
    runs = [replace(run, **change) if run.rival == rival else run for run in made_organizations()]
    with pytest.raises(ClaimError, match=f"distance-{claim}'"):
        claims.on_organizations(runs)


def test_figures_draw_what_was_measured() -> None:
    organizations = made_organizations()
    for drawing in (
        figures.maps(),
        figures.cases(made_cases()),
        figures.by_neighbor(made_neighbors()),
        figures.lists(made_lists()),
        figures.by_type(organizations),
    ):
        assert drawing.alt in drawing.svg()
    assert "| at random | 0.00<br>" in figures.budgets(organizations).data
