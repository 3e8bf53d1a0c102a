import math
from statistics import mean, median, stdev

import pytest
import torch
from torch import nn

from residual.experiments.gradient_flow import (
    Arm,
    Mlp,
    measure,
    summarize,
    sweep,
    theory_backward_factor,
)
from residual.probes.gradients import gradient_profile


@pytest.mark.parametrize("skip", [False, True])
def test_it_is_the_published_experiment(skip: bool) -> None:
    """The same numbers as ten nn.Linear in a loop, one backward pass and the mean absolute weight gradients."""
    torch.manual_seed(3)
    inputs, target = torch.randn(2, 32, 128, dtype=torch.float64)
    layers = [nn.Linear(128, 128, dtype=torch.float64) for _ in range(10)]
    x = inputs
    for layer in layers:
        x = torch.relu(layer(x)) + x if skip else torch.relu(layer(x))
    ((x - target) ** 2).mean().backward()
    run = measure(Arm(10, skip=skip), 3)
    assert [g.mean_abs for g in run.profile.weights] == pytest.approx(
        [layer.weight.grad.abs().mean().item() for layer in layers], rel=1e-10
    )


def test_seeds_decide_everything_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    arm = Arm(4, norm="batch", skip=True, width=16)
    assert measure(arm, 5) == measure(arm, 5)
    assert measure(arm, 5) != measure(arm, 6)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_blocks_whose_branch_is_zero_pass_the_gradient_unchanged(norm: str) -> None:
    net = Mlp(Arm(12, norm=norm, skip=True, width=16))
    for block in net:
        last = block.norm if norm == "batch" else block.linear
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    x = torch.randn(8, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = gradient_profile(net, lambda: net(x).square().mean(), outputs=[str(i) for i in range(12)]).outputs
    assert {g.norm for g in outputs} == {outputs[0].norm}
    assert {g.size for g in outputs} == {outputs[0].size}


@pytest.mark.parametrize("init", ["default", "he"])
def test_mean_square_of_the_plain_factor_is_exact_at_any_width(init: str) -> None:
    """With a loss whose gradient is independent of the net, the theory's squares hold on average, even 16 wide."""
    depth, seeds = 4, 400
    outputs = [
        measure(Arm(depth, init, width=16, batch_size=8, loss="linear"), s).profile.outputs for s in range(seeds)
    ]
    squares = [(o[0].norm / o[-1].norm) ** 2 for o in outputs]
    expected = theory_backward_factor(init) ** (2 * (depth - 1))
    assert abs(mean(squares) - expected) < 4 * stdev(squares) / seeds**0.5


@pytest.mark.parametrize(
    "arm",
    [
        Arm(16, "default", width=512, loss="linear"),
        Arm(16, "he", width=512, loss="linear"),
        Arm(16, "default", "batch", width=256, batch_size=256, loss="linear"),
        Arm(16, "he", "batch", width=256, batch_size=256, loss="linear"),
        Arm(40, "default", skip=True, width=256),
        Arm(40, "he", skip=True, width=256),
    ],
)
def test_wide_nets_follow_the_theory(arm: Arm) -> None:
    expected = theory_backward_factor(arm.init, norm=arm.norm, skip=arm.skip)
    assert median(measure(arm, seed).backward_factor for seed in range(5)) == pytest.approx(expected, rel=0.015)


def test_theory() -> None:
    assert theory_backward_factor("default") == pytest.approx(1 / math.sqrt(6))
    assert theory_backward_factor("he") == pytest.approx(1)
    for init in ("default", "he"):
        assert theory_backward_factor(init, norm="batch") == pytest.approx(1.2112, abs=1e-4)
    for init, variance in (("default", 1 / 3), ("he", 2)):
        # Iterate the two moments that the docstring names: the norm, and the cosine with the constant vector.
        s, cosine, growth = math.sqrt(variance), 0.0, 0.0
        for _ in range(500):
            growth = math.sqrt(1 + 2 * cosine * s / math.sqrt(2 * math.pi) + s**2 / 2)
            cosine = (cosine + s / math.sqrt(2 * math.pi)) / growth
        assert theory_backward_factor(init, skip=True) == pytest.approx(growth)


def test_which_way_gradients_run() -> None:
    def ratio(**options: str | bool) -> float:
        return median(measure(Arm(30, **options), seed).last_over_first for seed in range(3))

    assert ratio() > 1e8  # vanishes
    assert 0.05 < ratio(init="he") < 5  # neither
    assert ratio(norm="batch") < 0.01  # explodes towards the input
    assert 0.05 < ratio(norm="batch", skip=True) < 1  # tame
    deep, shallow = (measure(Arm(depth, skip=True), 0) for depth in (50, 10))
    assert deep.profile.weights[0].mean_abs > 1e6 * shallow.profile.weights[0].mean_abs  # all of it explodes
    assert deep.forward_factor > 1.2


def test_sweep_measures_every_arm_and_summaries_are_medians() -> None:
    runs = sweep((2, 3), range(7), norms=("none",), skips=(True,), width=8, batch_size=4, progress=False)
    assert [(run.arm.init, run.arm.depth, run.seed) for run in runs] == [
        (init, depth, seed) for init in ("default", "he") for depth in (2, 3) for seed in range(7)
    ]
    summaries = summarize(runs)
    assert [(s.arm.init, s.arm.depth) for s in summaries] == [("default", 2), ("default", 3), ("he", 2), ("he", 3)]
    last = runs[-7:]
    assert summaries[-1].last_over_first.estimate == median(run.last_over_first for run in last)
    assert summaries[-1].backward_factor.estimate == median(run.backward_factor for run in last)
    assert summaries[-1].first.estimate == median(run.profile.weights[0].mean_abs for run in last)
    with pytest.raises(ValueError, match="at least 6"):
        summarize(runs[:3])


def test_fitted_factor_of_two_layers_is_their_ratio() -> None:
    run = measure(Arm(2, width=16), 0)
    first, second = run.profile.outputs
    assert run.backward_factor == pytest.approx(first.norm / second.norm)
    assert run.forward_factor == pytest.approx(second.size / first.size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"depth": 5, "init": "zero"}, "init must be one of .* got 'zero'"),
        ({"depth": 5, "norm": "layer"}, "norm must be one of .* got 'layer'"),
        ({"depth": 5, "loss": "l1"}, "loss must be one of .* got 'l1'"),
    ],
)
def test_bad_arms_are_named(options: dict[str, int | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Arm(**options)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="got 'zero' and 'none'"):
        theory_backward_factor("zero")
    with pytest.raises(ValueError, match="no constant factor"):
        theory_backward_factor("he", norm="batch", skip=True)
