import math
from dataclasses import replace

import pytest
import torch

from residual.experiments import depth
from residual.experiments.depth import (
    ARMS,
    RECIPE,
    SCALES,
    Run,
    build,
    choose_rates,
    difference,
    select,
    sweep,
    train,
    trend,
)
from residual.experiments.limits import DEPTH
from residual.vision import NormFreeBlock

SHORT = replace(RECIPE, epochs=1)


def test_arms_start_with_their_scales() -> None:
    expected = {"no norm, scale 1": 1.0, "no norm, scale 1/√L": 1 / 3, "no norm, scale 0": 0.0}
    assert SCALES.keys() == expected.keys() < ARMS.keys()
    for arm in ARMS:
        scales = [block.scale.item() for block in build(arm, 20).blocks() if isinstance(block, NormFreeBlock)]
        assert scales == pytest.approx([expected[arm]] * 9 if arm in expected else [])


def test_all_arms_but_the_plain_one_have_skips() -> None:
    assert [arm for arm in ARMS if not build(arm, 8).residual] == ["plain"]


@pytest.mark.parametrize("arm", ["pre-activation", "no norm, scale 0"])
def test_a_run_is_decided_by_its_seed_and_learns(arm: str) -> None:
    state = torch.random.get_rng_state()
    run = train(arm, 8, 3, peak_lr=0.1, recipe=SHORT)
    assert run == train(arm, 8, 3, peak_lr=0.1, recipe=SHORT)
    assert run != train(arm, 8, 4, peak_lr=0.1, recipe=SHORT)
    assert not run.diverged
    assert run.train_error < 89
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_net_that_diverges_is_a_result() -> None:
    run = train("no norm, scale 1", 110, 0, peak_lr=0.1, recipe=SHORT)
    assert run.diverged
    assert run == Run("no norm, scale 1", 110, 0, 0.1)


def test_weights_that_the_last_step_broke_count_as_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(net: torch.nn.Module, *_: object, **__: object) -> None:
        next(net.parameters()).data[0] = math.inf

    monkeypatch.setattr(depth, "fit", broken)
    assert train("original", 8, 0, peak_lr=0.1).diverged


def scripted(errors: dict[float, float | None]) -> object:
    return lambda arm, layers, seed, peak_lr: Run(arm, layers, seed, peak_lr, errors[peak_lr], errors[peak_lr])


def test_the_rate_with_the_lower_training_error_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def rate(errors: dict[float, float | None]) -> float:
        monkeypatch.setattr(depth, "train", scripted(errors))
        rates, runs = choose_rates(["plain"], workers=1, progress=False)
        assert [(r.depth, r.seed, r.peak_lr) for r in runs] == [(20, 99, 0.1), (20, 99, 0.01)]
        return rates["plain"]

    assert rate({0.1: 3.0, 0.01: 2.0}) == 0.01
    assert rate({0.1: 2.0, 0.01: 2.0}) == 0.1
    assert rate({0.1: None, 0.01: 90.0}) == 0.01
    assert rate({0.1: None, 0.01: None}) == 0.1
    assert depth.CHOICE_SEED not in depth.SEEDS


def test_every_net_from_every_seed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "train", scripted({0.1: 1.0, 0.01: 2.0}))
    rates = {"plain": 0.01, "original": 0.1}
    runs = sweep(rates, (8, 56, 20), (4, 2), workers=1, progress=False)
    nets = [(arm, layers) for arm in ("plain", "original") for layers in (8, 56, 20)]
    assert [(r.arm, r.depth, r.seed) for r in runs] == [(*net, seed) for net in nets for seed in (4, 2)]
    assert all(run.peak_lr == rates[run.arm] for run in runs)
    assert [run.seed for run in select(runs, "plain", 56)] == [4, 2]
    assert select(runs, "plain", 110) == []


def test_differences_are_paired_by_seed() -> None:
    one = [Run("original", 8, s, 0.1, 0.0, e) for s, e in ((0, 10.0), (1, 20.0), (2, 30.0))]
    other = [Run("original", 56, s, 0.1, 0.0, e) for s, e in ((0, 7.0), (1, 18.0), (2, 29.0))]
    found = difference(one, other, "test_error")
    assert found.estimate == pytest.approx(2)
    assert found.high - found.estimate == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    with pytest.raises(ValueError, match=r"same seeds to pair, got \[0, 1, 2\] and \[0, 1\]"):
        difference(one, other[:2], "test_error")
    with pytest.raises(ValueError, match=r"must have an error, got .*seed=1.*diverged"):
        difference(one, [other[0], Run("original", 56, 1, 0.1), other[2]], "test_error")


def test_the_trend_is_points_a_doubling_of_each_seed() -> None:
    runs = [
        Run("original", layers, seed, 0.1, 0.0, rise * doublings)
        for seed, rise in ((0, 1.0), (1, 2.0), (2, 3.0))
        for doublings, layers in ((3, 8), (5, 32))
    ]
    found = trend([*runs, Run("plain", 8, 0, 0.1)], "original", "test_error")
    assert found.estimate == pytest.approx(2)
    assert found.high - found.estimate == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    with pytest.raises(ValueError, match="must have an error"):
        trend([*runs, Run("original", 8, 0, 0.1)], "original", "test_error")


def test_very_deep_nets_are_those_named_and_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(depth, "first_steps", lambda arm, seed, **options: called.append((arm, seed, options)))
    depth.very_deep((5, 6), steps=3, workers=1, progress=False)
    assert [call[:2] for call in called] == [(depth.VERY_DEEP, seed) for seed in (5, 6)]
    assert all(options == {"steps": 3, "arms": ARMS} for *_, options in called)
    assert depth.VERY_DEEP in ARMS
    assert DEPTH > 1000


def test_a_norm_free_net_of_some_hundred_layers_takes_steps() -> None:
    run = depth.first_steps("no norm, scale 0", 0, depth=104, steps=8, arms=ARMS)
    assert run.finite
    assert run.losses[-1] < run.losses[0]


def test_unknown_arms_are_named() -> None:
    with pytest.raises(ValueError, match="got 'wide'"):
        build("wide", 8)
