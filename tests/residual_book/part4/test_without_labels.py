"""Panels of events, all arms on one of them, what is handed in as windows, the record, and the figures."""

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats

from residual.simulate.calendar import HOUR, START
from residual.training import Recipe
from residual_book.claims import judging
from residual_book.evaluation.alerts import SCORED, checked
from residual_book.evaluation.outcome import judge
from residual_book.evaluation.watched import Truth
from residual_book.part4.without_labels import claims, expectation_figures, expectations, million, one_entity
from residual_book.part4.without_labels.expectations import Fitted, Run
from residual_book.part4.without_labels.panels import KINDS, Feature, Panel, panel, panels
from residual_book.recording import recorded_runs, write_record

DAYS = 16
FEATURES = (Feature("network_activity", "events"), Feature("network_activity", "traffic.bytes_out"))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "RECIPE", Recipe(epochs=1, batch_size=64, peak_lr=1e-3))


def flows(*rows: tuple[float, str, str, int, int]) -> dict[str, pl.DataFrame]:
    """Records of traffic by hour, machine, destination, port and bytes."""
    names = {"hour": pl.Float64, "machine": pl.String, "destination": pl.String, "port": pl.Int64, "bytes": pl.Int64}
    table = pl.DataFrame(rows, schema=names, orient="row")
    time = START + (pl.col("hour") * HOUR).cast(pl.Int64)
    table = table.with_columns(time=time, kind=pl.lit("Laptop")).rename(
        {"port": "dst_endpoint.port", "bytes": "traffic.bytes_out", "kind": "device.type"}
    )
    none = table.select("time", "machine", "device.type").clear()
    return {"network_activity": table, "dns_activity": none, "process_activity": none}


def test_a_panel_counts_sums_and_tells_different_values() -> None:
    events = flows(
        (0.5, "b-1", "x", 80, 10), (0.7, "b-1", "x", 80, 5), (0.9, "b-1", "y", 443, 1), (2, "a-1", "x", 80, 7)
    )
    features = (*FEATURES, Feature("network_activity", "destination"), Feature("network_activity", "dst_endpoint.port"))
    made = panel(events, ("machine",), features, 1, 1)
    assert made.names["machine"].to_list() == ["a-1", "b-1"]
    assert made.values.shape == (2, 24, 4)
    assert made.values[1, 0].tolist() == [3, 16, 2, 2]
    assert made.values[0, 2].tolist() == [1, 7, 1, 1]
    assert made.values.sum() == 33
    assert made.sums.tolist() == [False, True, False, False]
    assert len(set(made.peers.tolist())) == 2  # two sites


def test_a_pair_that_is_rare_in_the_first_week_has_no_row() -> None:
    often = [(h, "a-1", "10.1.2.3", 80, 1) for h in range(20)]
    late = [(24 * 7 + h, "a-1", "1.2.3.4", 80, 1) for h in range(20)]
    made = panel(flows(*often, *late), ("machine", "destination"), FEATURES, 4, 9)
    assert made.names.rows() == [("a-1", "10.1.2.3")]
    assert made.values[0, :5, 0].tolist() == [4] * 5
    assert made.hour[:7].tolist() == [0, 4, 8, 12, 16, 20, 24]


@cache
def fit_of(seed: int) -> Fitted:
    rng = np.random.default_rng(seed)
    rate = 1 + 3 * (np.arange(DAYS * 24) % 24 > 12)[:, None]
    counts = rng.poisson(rate, (8, DAYS * 24, 1)).astype(np.float32)
    values = np.concatenate([counts, counts * rng.lognormal(5, 1, counts.shape).astype(np.float32)], axis=2)
    names = pl.DataFrame({"machine": [f"m-{i}" for i in range(8)]})
    values[3, 15 * 24 + 5, 0] = 60
    made = Panel(("machine",), names, FEATURES, 1, torch.from_numpy(values), torch.zeros(8, dtype=torch.int64))
    return expectations.fitted(made, seed=seed)


def run_of(seed: int) -> Run:
    fit = fit_of(seed)
    nothing = pl.DataFrame(
        schema={"episode": pl.String, "twin": pl.Boolean, "first": pl.Int64, "type": pl.String, "campaign": pl.String}
    )
    touches = pl.DataFrame(
        schema={"episode": pl.String, "event": pl.String, "time": pl.Int64, "kind": pl.String, "value": pl.String}
    )
    found = judge(expectations.windows(fit, "network"), Truth(nothing, touches), rival="network", seed=seed)
    return expectations.measured(seed, [fit], [found])


def test_every_arm_is_scored_on_the_same_windows() -> None:
    run = run_of(0)
    assert set(run.score) == set(run.rare) == set(expectations.ARMS)
    assert all(len(scores) == 2 and np.isfinite(scores).all() for scores in run.score.values())
    assert run.windows == (8 * 2 * 24,) * 2
    assert len(run.curve["machine"]) == 2
    assert run.curve["machine"][0] != run.curve_without["machine"][0]


def test_windows_are_handed_in_with_their_times_and_the_odd_one_is_highest() -> None:
    table = expectations.windows(fit_of(0), "network")
    assert dict(table.schema) == SCORED
    highest = checked(table).sort("score")[-1].row(0, named=True)
    assert highest["value"] == "m-3"
    assert highest["begin"] == START + (15 * 24 + 5) * HOUR


def test_the_example_is_the_most_surprising_window() -> None:
    shown = one_entity.example(fit_of(0), number=0)
    assert shown.entity == "m-3"
    assert shown.seen[shown.at] == 60
    assert shown.hour[shown.at] == 15 * 24 + 5
    assert shown.surprise[shown.at] == shown.surprise.max()
    assert (np.diff(shown.expected["network"], axis=1) >= 0).all()


def test_the_live_run_is_small_and_names_the_episode_of_its_example() -> None:
    run, shown = one_entity.live(0, users=10, days=15)
    assert len(run.feature) == 3
    assert set(run.score) == {*expectations.RIVALS, "network", "without skip"}
    assert shown.feature == "dns, events"
    assert isinstance(shown.episode, str)


def test_quantiles_are_those_of_the_distribution() -> None:
    expected = torch.tensor([[np.log(3.0), np.log(0.5), 0]])
    known = stats.nbinom(2, 1 / 2.5)
    assert one_entity.quantiles(expected).tolist() == [[known.ppf(q) for q in (0.05, 0.5, 0.95)]]


def test_a_record_goes_on_and_reads_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def instead(seed: int, *, checkpoint: Path) -> Run:
        asked.append(seed)
        return replace(run_of(0), seed=seed)

    monkeypatch.setattr(expectations, "experiment", instead)
    expectations.record(tmp_path / "e.json", [1])
    expectations.record(tmp_path / "e.json", [1, 2])
    assert asked == [1, 2]
    read = recorded_runs(tmp_path / "e.json", Run)
    assert [run.seed for run in read] == [1, 2]
    assert asdict(read[0]) == asdict(replace(run_of(0), seed=1))


def test_gains_are_over_the_better_rival() -> None:
    runs = [replace(run_of(0), seed=seed, score={
        "own mean": (-2.0, -1.0), "seasonal mean": (-1.0, -2.0), "network": (-0.5 + seed / 100, -1.1)
    }) for seed in range(3)]  # fmt: skip
    first, second = expectations.gains(runs).values()
    assert first.estimate == pytest.approx(0.51)
    assert second.estimate == pytest.approx(-0.1)


@pytest.mark.parametrize(("network", "share"), [(-0.5, 1.0), (-1.5, 0.5), (-3.0, 0.0)])
def test_a_feature_is_expected_better_than_every_rival_or_not(network: float, share: float) -> None:
    score = {"own mean": (-2.0, -1.0), "seasonal mean": (-1.0, -2.0), "network": (network, min(network + 0.6, -0.9))}
    run = replace(run_of(0), score=score | dict.fromkeys(("linear", "without skip", "without past"), (-2.0, -2.0)))
    assert expectations.better(run) == share
    with judging() as outcomes:
        claims.on_expectation([replace(run, seed=seed) for seed in range(3)])
    assert {o.claim.id: o.held for o in outcomes}["expectation-both"] is (share > 0.8)


def test_figures_and_tables_are_drawn() -> None:
    runs = [replace(run_of(0), seed=seed) for seed in range(2)]
    for drawing in (
        expectation_figures.gain_by_feature(runs),
        expectation_figures.training(runs),
        expectation_figures.one_window(one_entity.example(fit_of(0), number=0)),
    ):
        assert "<svg" in drawing.svg()
    table: Any = expectation_figures.arms(runs)
    assert table.data.count("\n") == 5


def test_a_recorded_fit_is_read_and_drawn(tmp_path: Path) -> None:
    fit = million.Fit(1000, 300, 400, 200, 2, 60.0, 10**9, (3.0, 1.0, 1.5), (5.0, 2.0), 50.0, True)
    write_record(tmp_path / "fit.json", {"command": "", "provenance": {}, "runs": [asdict(fit)]})
    assert million.read(tmp_path / "fit.json") == fit
    assert million.curve(fit).alt


def test_a_million_events_took_less_than_20_minutes_and_4_gb_and_kills_changed_nothing() -> None:
    fit = million.read()
    assert fit.events >= 1_000_000
    assert fit.columns >= 300
    assert fit.seconds < 20 * 60
    assert fit.memory < 4e9
    assert len(fit.killed) == 5
    assert fit.same


def test_features_have_names_that_can_be_read() -> None:
    made = {str(feature) for _, (features, _) in KINDS.items() for feature in features}
    assert {
        "network, bytes out",
        "api, failures",
        "authentication, different addresses",
        "process, different names",
    } < made


def test_an_organization_has_a_panel_for_each_kind() -> None:
    watched = expectations.observe(0, users=10, days=8)
    made = panels(watched.events, 8)
    assert [p.entities for p in made] == list(KINDS)
    assert all(p.values.shape == (p.names.height, 8 * 24 // p.hours, len(p.features)) for p in made)
