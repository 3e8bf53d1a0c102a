"""The recorded deep nets: written after each net, gone on with, repeated by the command it holds, and there."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from residual import cli
from residual.experiments import depth, depth_record
from residual.experiments.depth import ARMS, RATES, SEEDS, Run, train
from residual.experiments.depth_record import DEPTHS, RECORDED, record, recorded_runs
from residual.experiments.records import RESULTS, read_record

Train = Callable[..., Run]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked to be trained, instead of training it; runs with the lower rate diverge."""
    asked: list[Any] = []

    def scripted(arm: str, layers: int, seed: int, *, peak_lr: float) -> Run:
        asked.append((arm, layers, seed, peak_lr))
        return Run(arm, layers, seed, peak_lr, *((4.0, 5.0) if peak_lr == max(RATES) else ()))

    monkeypatch.setattr(depth_record, "train", scripted)
    return asked


def test_a_recorded_net_is_the_one_that_pages_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_record, "RATES", (0.1,))
    out = tmp_path / "runs.json"
    record(out, arms=("original",), depths=(8,), seeds=(1,), workers=1)
    (run,) = recorded_runs(out)
    assert run == train("original", 8, 1, peak_lr=0.1)
    content = read_record(out)
    assert (content["data"], content["recipe"]["batch_size"]) == ("digits", depth.RECIPE.batch_size)


def test_it_goes_on_and_takes_more_depths_and_seeds(tmp_path: Path, trained: list[Any]) -> None:
    out = tmp_path / "runs.json"
    record(out, depths=(8,), seeds=(0,), workers=1)
    first = set(trained)
    assert first == {(arm, 8, 0, rate) for arm in RECORDED for rate in RATES}
    record(out, depths=(14, 8), seeds=(0, 3), workers=1)
    assert len(trained) == len(set(trained)) == 4 * len(first)  # none of them twice
    runs = recorded_runs(out)
    assert len(runs) == 4 * len(first)
    assert [run.arm for run in runs] == sorted((run.arm for run in runs), key=list(ARMS).index)
    assert all(run.diverged == (run.peak_lr == min(RATES)) for run in runs)
    arguments = shlex.split(read_record(out)["command"])
    assert arguments[-4:] == ["--depths", "8,14", "--seeds", "0,3"]


def test_what_was_made_stands_when_it_is_cut_off(
    tmp_path: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted: Train = depth_record.train

    def cut_off(*arguments: Any, **options: Any) -> Run:
        if len(trained) == 3:
            raise KeyboardInterrupt
        return scripted(*arguments, **options)

    monkeypatch.setattr(depth_record, "train", cut_off)
    out = tmp_path / "runs.json"
    with pytest.raises(KeyboardInterrupt):
        record(out, depths=(8,), workers=1)
    assert len(recorded_runs(out)) == 3


def test_a_recording_of_another_recipe_is_refused(tmp_path: Path, trained: list[Any]) -> None:
    out = tmp_path / "runs.json"
    record(out, depths=(8,), workers=1)
    content = json.loads(out.read_text())
    content["recipe"]["epochs"] = 9
    out.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="was recorded with epochs=9, this run has 2"):
        record(out, depths=(14,), workers=1)


def test_arguments_reach_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(depth_record, "record", lambda out, **options: called.append((out, options)))
    for given in ((), ("--depths", "32,44", "--seeds", "5", "--workers", "1")):
        cli.app(["depth", "--out", "runs.json", *given], standalone_mode=False)
    assert called == [
        (Path("runs.json"), {"depths": [56, 110, 218], "seeds": [0, 1, 2], "workers": 2}),
        (Path("runs.json"), {"depths": [32, 44], "seeds": [5], "workers": 1}),
    ]


def test_the_books_recording_is_whole() -> None:
    runs = recorded_runs(RESULTS / "depth-digits.json")
    assert {(r.arm, r.depth, r.seed, r.peak_lr) for r in runs} == {
        (arm, layers, seed, rate) for arm in RECORDED for layers in DEPTHS for seed in SEEDS for rate in RATES
    }
