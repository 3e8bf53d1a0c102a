"""Gradients at initialization are those of autograd, follow the theory, and run the way the page says."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean, median, stdev

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.probes.gradients import Gradient, GradientProfile, gradient_profile
from residual.vision import CifarNet
from residual.vision.data import digits
from residual_book.claims import ClaimError, judging
from residual_book.part1.gradient_flow import claims, experiment, figures
from residual_book.part1.gradient_flow.experiment import CIFAR_NETS, MLPS, THEORY, Run, measure, measure_cifar


@pytest.mark.parametrize("net", ["plain, default init", "skip, no norm"])
def test_it_is_the_published_experiment(net: str) -> None:
    """The same numbers as ten nn.Linear in a loop, one backward pass and the mean absolute weight gradients."""
    torch.manual_seed(3)
    inputs, target = torch.randn(2, 32, 128, dtype=torch.float64)
    layers = [nn.Linear(128, 128, dtype=torch.float64) for _ in range(10)]
    x = inputs
    for layer in layers:
        x = torch.relu(layer(x)) + x if "skip" in net else torch.relu(layer(x))
    ((x - target) ** 2).mean().backward()
    gradients = [layer.weight.grad.abs().mean().item() for layer in layers]
    assert measure(net, 10, 3).weights == pytest.approx(gradients, rel=1e-10)


def test_seeds_decide_everything_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (measure("batch norm and skip", 4, seed, width=16) for seed in (5, 5, 6))
    assert first == again != other
    assert measure_cifar("residual", 8, 5, images=8) == measure_cifar("residual", 8, 5, images=8)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("net", ["skip, no norm", "batch norm and skip"])
def test_layers_whose_branch_is_zero_pass_the_gradient_unchanged(net: str) -> None:
    model = experiment.mlp(net, 12, width=16)
    for layer in model:
        last = layer.norm if "norm and" in net else layer.linear
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    x = torch.randn(8, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = gradient_profile(model, lambda: model(x).square().mean(), outputs=[str(i) for i in range(12)]).outputs
    assert {(gradient.norm, gradient.size) for gradient in outputs} == {(outputs[0].norm, outputs[0].size)}


@pytest.mark.parametrize("net", ["plain, default init", "plain, He init"])
def test_mean_square_of_the_plain_factor_is_exact_at_any_width(net: str) -> None:
    """With a loss whose gradient is independent of the net, the theory's squares hold on average, even 16 wide."""
    seeds = 400
    runs = [measure(net, 4, seed, width=16, batch_size=8, linear_loss=True) for seed in range(seeds)]
    squares = [run.profile.first_over_last**2 for run in runs]
    assert abs(mean(squares) - THEORY[net] ** 6) < 4 * stdev(squares) / seeds**0.5


@pytest.mark.parametrize("net", THEORY)
def test_wide_nets_follow_the_theory(net: str) -> None:
    batch_size = 256 if "norm" in net else 32
    runs = [measure(net, 16, seed, width=384, batch_size=batch_size, linear_loss=True) for seed in range(5)]
    assert median(run.factor for run in runs) == pytest.approx(THEORY[net], rel=0.015)


def test_which_way_gradients_run() -> None:
    def last_over_first(net: str) -> float:
        weights = [measure(net, 30, seed).weights for seed in range(3)]
        return median(of_layers[-1] / of_layers[0] for of_layers in weights)

    assert last_over_first("plain, default init") > 1e8  # vanishes
    assert 0.05 < last_over_first("plain, He init") < 5  # neither
    assert last_over_first("batch norm, no skip") < 0.01  # explodes towards the input
    assert 0.05 < last_over_first("batch norm and skip") < 1  # tame
    deep, shallow = (measure("skip, no norm", depth, 0) for depth in (50, 10))
    assert deep.weights[0] > 1e6 * shallow.weights[0]  # all of it explodes


def test_sweeps_measure_every_net_and_ratios_are_medians() -> None:
    runs, cifar = experiment.sweep((2, 3), range(6)), experiment.sweep_cifar((8,), (1,))
    assert [(run.net, run.depth, run.seed) for run in runs] == [
        (n, d, s) for n in MLPS for d in (2, 3) for s in range(6)
    ]
    assert [(run.net, run.depth, run.seed) for run in cifar] == [(net, 8, 1) for net in CIFAR_NETS]
    assert experiment.ratio(runs, "skip, no norm", 3).estimate == median(
        run.profile.first_over_last for run in runs if (run.net, run.depth) == ("skip, no norm", 3)
    )
    two_layers = [run for run in runs if run.depth == 2]  # whose factor is their ratio
    assert experiment.fitted_factor(two_layers, "plain, He init").estimate == pytest.approx(
        experiment.ratio(runs, "plain, He init", 2).estimate
    )


def test_cifar_ratios_are_those_of_autograd() -> None:
    data = digits()
    torch.manual_seed(4)
    batch = torch.randperm(len(data.train_images))[:16]
    net = CifarNet(20, residual=False, in_channels=1).double()
    outputs: list[Tensor] = []
    for block in (net.layer1[0], net.layer3[2]):
        block.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    loss = F.cross_entropy(net(data.train_images[batch].double()), data.train_labels[batch])
    first, last = (gradient.norm().item() for gradient in torch.autograd.grad(loss, outputs))
    profile = measure_cifar("plain", 20, 4, images=16).profile
    assert profile.loss == pytest.approx(loss.item())
    assert profile.first_over_last == pytest.approx(first / last)
    assert len(profile.outputs) == 9


def test_what_each_layer_does_makes_up_the_whole() -> None:
    mlp, cifar = measure("plain, He init", 6, 0, width=16), measure_cifar("plain", 20, 0, images=8)
    assert mlp.per_layer**5 == pytest.approx(mlp.profile.first_over_last)
    assert cifar.per_layer**16 == pytest.approx(cifar.profile.first_over_last)  # nine blocks of two layers


def test_cifar_nets_explode_without_skips_only() -> None:
    plain, residual = (measure_cifar(net, 56, 0, images=16).profile for net in ("plain", "residual"))
    assert plain.first_over_last > 20 * residual.first_over_last


def test_zeroed_gammas_make_the_gradient_independent_of_depth() -> None:
    """Blocks are identities up to a ReLU: what is lost is lost in the ReLU and in the channels that option A adds."""
    runs = [measure_cifar("residual, last gamma zero", depth, 0, images=16) for depth in (8, 20, 56)]
    ratios = [run.profile.first_over_last for run in runs]
    # 16 of the 64 channels lead back to the first block, and at most all of their activations are positive.
    assert all(0.2 < ratio < 0.7 for ratio in ratios)
    assert ratios[-1] == pytest.approx(ratios[0], rel=0.2)


FACTORS = {**THEORY, "skip, no norm": 1.5, "batch norm and skip": 1.05}
CIFAR_FACTORS = {"plain": 1.25, "residual": 1.02, "residual, last gamma zero": 1.0}


def made(factors: dict[str, float], depths: tuple[int, ...] = experiment.DEPTHS) -> list[Run]:
    """Runs of ten seeds in which the gradient grows by each net's factor, but for the weights of the first layer.

    In nets with zeroed branches the ReLUs and the added channels take two thirds of it.
    """

    def run(net: str, depth: int, seed: int) -> Run:
        factor = factors[net] * (1 + (seed - 4.5) / 1e4)
        outputs = [Gradient(str(i), factor ** (depth - i), factor ** (depth - i), 1.0) for i in range(depth)]
        first = replace(outputs[1], mean_abs=1.1 * outputs[1].mean_abs)
        loss = 1 / 3 if "zero" in net else 1.0
        first_output = replace(outputs[0], norm=loss * outputs[0].norm)
        return Run(net, depth, seed, GradientProfile(1.0, (first, *outputs[1:]), (first_output, *outputs[1:])))

    return [run(net, depth, seed) for net in factors for depth in depths for seed in range(10)]


def test_the_figures_say_what_they_show() -> None:
    runs, cifar = made(FACTORS), made(CIFAR_FACTORS, experiment.CIFAR_DEPTHS)
    for drawing, labels in (
        (figures.weight_gradients(runs), ("plain, default init", "skip, no norm")),
        (figures.ratios_of_mlps(runs), MLPS),
        (figures.factors(made(THEORY, (20,))), [*THEORY, "theory"]),
        (figures.ratios_of_cifar_nets(cifar), CIFAR_NETS),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))
    rows = figures.fifty_layers(runs, cifar).data.splitlines()[2:]
    assert rows[0].split("|")[2:4] == [" 0.900 ", " 0.00515 "]
    assert len(rows) == 1 + len(THEORY) + 2


def test_claims_are_judged_again_on_other_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[int]] = []
    for name, runs in (
        ("sweep", made(FACTORS)),
        ("sweep_wide", made(THEORY, (20,))),
        ("sweep_cifar", made(CIFAR_FACTORS, experiment.CIFAR_DEPTHS)),
    ):
        monkeypatch.setattr(experiment, name, lambda seeds, runs=runs: (asked.append(seeds), runs)[1])
    with judging() as outcomes:
        claims.on_fresh_seeds((7, 8))
    assert asked == [(7, 8)] * 3
    assert len(outcomes) == 11
    assert all(outcome.held for outcome in outcomes)


def check(**other: dict[str, float]) -> None:
    """The claims on made runs, with other factors for some of the nets."""
    runs, wide, cifar = (other.get(family, {}) for family in ("runs", "wide", "cifar"))
    claims.on_mlps(made(FACTORS | runs), made(THEORY | wide, (20,)))
    claims.on_cifar_nets(made(CIFAR_FACTORS | cifar, experiment.CIFAR_DEPTHS))


@pytest.mark.parametrize(
    ("id", "other"),
    [
        ("flow-default-vanishes", {"wide": {"plain, default init": 0.45}}),
        ("flow-he-keeps", {"wide": {"plain, He init": 1.03}}),
        ("flow-batch-norm-explodes", {"wide": {"batch norm, no skip": 1.17}}),
        ("flow-batch-norm-explodes", {"wide": {"batch norm, no skip": 1.25}}),
        ("flow-skip-explodes", {"runs": {"skip, no norm": 1.3}}),
        ("flow-skip-tames", {"runs": {"batch norm and skip": 1.15}}),
        ("flow-plain-56-starts-exploding", {"cifar": {"plain": 1.05}}),
        ("flow-fifty-layers", {"cifar": {"plain": 1.15}}),
        ("flow-zeros-level", {"cifar": {"residual, last gamma zero": 1.01}}),
        ("flow-residual-tame", {"cifar": {"residual": 0.99}}),
        ("flow-residual-tame", {"cifar": {"residual": 1.06}}),
    ],
)
def test_claims_fail_for_other_nets(id: str, other: dict[str, dict[str, float]]) -> None:
    check()
    with pytest.raises(ClaimError, match=f"'{id}'"):
        check(**other)
