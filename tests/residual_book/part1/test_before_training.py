"""Stacks of equal layers are the page's formula, and the sweeps show which of them shatter, narrow or stay near one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from residual.probes.branches import BranchSize
from residual_book.claims import ClaimError
from residual_book.part1.before_training import branches, claims, figures, stacks
from residual_book.part1.before_training.branches import BLOCKS, Branches
from residual_book.part1.before_training.stacks import ARMS, CIFAR_ARMS, DEPTHS, NETS, Run, stack

NORMED, BOTH, SCALED = "plain, batch norm", "residual, batch norm", "residual, batch norm, branch / √L"


def test_a_layer_without_skip_norm_or_scale_is_the_formula() -> None:
    net = stack("plain", 2, width=5, seed=0)
    x = torch.randn(3, 5, dtype=torch.float64)
    first, second = (layer.linear.weight for layer in net)
    torch.testing.assert_close(net(x), (x.relu() @ first.T).relu() @ second.T)


@pytest.mark.parametrize(("arm", "scale"), [("residual", 1.0), (SCALED, 0.5)])
def test_a_skip_adds_the_input_and_the_scale_knows_the_number_of_layers(arm: str, scale: float) -> None:
    net = stack(arm, 4, width=5, seed=0).eval()
    x = torch.randn(3, 5, dtype=torch.float64)
    normed = net[0].norm(x)
    torch.testing.assert_close(net[0](x), x + scale * normed.relu() @ net[0].linear.weight.T)


def test_the_seed_decides_the_weights_and_all_arms_share_them() -> None:
    weights = {arm: stack(arm, 2, width=5, seed=0)[1].linear.weight for arm in ARMS}
    assert all(torch.equal(weight, weights["plain"]) for weight in weights.values())
    assert not torch.equal(weights["plain"], stack("plain", 2, width=5, seed=1)[1].linear.weight)


def test_a_net_of_two_linear_layers_has_one_gradient_on_the_whole_line() -> None:
    gradients = stacks.line_gradients(NORMED, 2, 0, points=9)
    torch.testing.assert_close(gradients, gradients[:1].expand(9))


def test_nets_are_what_the_page_says_they_are() -> None:
    state = torch.random.get_rng_state()
    seeds = (0, 1)
    assert all(abs(stacks.line_correlation(NORMED, 24, seed).value) < 0.3 for seed in seeds)
    assert all(stacks.line_correlation(BOTH, 24, seed).value > 0.7 for seed in seeds)
    plain, scaled = ([stacks.directions(arm, 20, seed, width=16).value for seed in seeds] for arm in ("plain", SCALED))
    assert 1 / 16 <= max(plain) < min(scaled) <= 1
    plain_20, residual_20 = (stacks.image_correlation(arm, 20, 0, points=9) for arm in (NORMED, BOTH))
    assert plain_20.value < residual_20.value
    assert plain_20 == stacks.image_correlation(NORMED, 20, 0, points=9)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_sweeps_measure_every_net() -> None:
    def measured(runs: list[Run]) -> list[tuple[str, int, int]]:
        return [(run.arm, run.depth, run.seed) for run in runs]

    assert measured(stacks.shattering((3, 5), (1,))) == [(arm, depth, 1) for arm in ARMS for depth in (3, 5)]
    assert measured(stacks.conditioning((2,), (0, 3))) == [(arm, 2, seed) for arm in ARMS for seed in (0, 3)]
    assert measured(stacks.image_shattering((8,), (0,))) == [(arm, 8, 0) for arm in CIFAR_ARMS]


def test_one_layer_of_a_plain_net_has_the_conditioning_of_its_matrix() -> None:
    """Half of its columns are masked by the ReLU of the input; the rest is what participation is of."""
    width = 6
    run = stacks.directions("plain", 1, 3, width=width, inputs=1)
    x = torch.randn(512, width, dtype=torch.float64, generator=torch.Generator().manual_seed(3))[0]
    masked = stack("plain", 1, width=width, seed=3)[0].linear.weight.detach() * (x > 0)
    squares = torch.linalg.svdvals(masked) ** 2
    assert run.value == pytest.approx((squares.sum() ** 2 / (width * (squares**2).sum())).item())


def net_of(block: str, ratios: list[float], seed: int = 0) -> Branches:
    return Branches(block, seed, tuple(BranchSize(f"layer1.{i}", ratio, 1.0) for i, ratio in enumerate(ratios)))


def test_a_power_law_has_its_exponent_whatever_the_first_block_is() -> None:
    assert net_of("original", [7.0, *(3 * m**-0.8 for m in range(1, 7))]).exponent == pytest.approx(-0.8)
    other_stage = BranchSize("layer2.0", 9.0, 1.0)
    net = net_of("original", [7.0, *(m**-0.5 for m in range(1, 7))])
    assert replace(net, sizes=(*net.sizes, other_stage)).exponent == pytest.approx(-0.5)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_start_as_they_are_told_to(block: str) -> None:
    net = branches.measure(block, 0, depth=20, images=16)
    assert len(net.sizes) == 9
    assert len(net.ratios) == 2
    assert all((size.ratio == 0) == ("zero" in block) for size in net.sizes)
    assert net == branches.measure(block, 0, depth=20, images=16)


def made(bases: dict[str, float], depths: tuple[int, ...] = DEPTHS) -> list[Run]:
    """Runs of ten seeds: the base of its arm to the power of the depth."""
    seeds = [(seed, 1 + (seed - 4.5) / 1e5) for seed in range(10)]
    return [Run(arm, d, seed, (bases[arm] * noise) ** d) for arm in bases for d in depths for seed, noise in seeds]


def new_nets(*, power: float = -0.5) -> list[Branches]:
    def net(block: str, seed: int) -> Branches:
        return net_of(block, [1.0, *(m ** (power + seed / 1000) for m in range(1, 6))], seed)

    zeros = [net_of("original, branches start at zero", [0.0, 0.0], seed) for seed in range(3)]
    return [*zeros, *(net(block, seed) for block in ("original", "pre-activation") for seed in range(3))]


LINES = dict.fromkeys(ARMS, 0.998) | {"plain": 0.99, NORMED: 0.8, BOTH: 0.997, SCALED: 0.999}
IMAGES = {NORMED: 0.9, BOTH: 0.99}
SHARES = dict.fromkeys(ARMS, 0.99) | {"plain": 0.9, NORMED: 0.9, "residual": 0.95, SCALED: 0.999}


def test_the_figures_say_what_they_show() -> None:
    gradients = {title: torch.arange(5.0) for title in stacks.EXAMPLES}
    for drawing, labels in (
        (figures.gradient_lines(gradients), stacks.EXAMPLES),
        (figures.shattering(made(LINES)), ARMS),
        (figures.image_shattering(made(IMAGES, NETS)), CIFAR_ARMS),
        (figures.conditioning(made(SHARES)), ARMS),
        (figures.branch_over_skip(new_nets()), ("pre-activation", "original", "new, branches start at zero")),
    ):
        svg = drawing.svg()
        assert all(label in svg for label in (drawing.alt[:20], *labels))


def test_claims_hold_for_such_nets() -> None:
    claims.on_shattering(made(LINES), made(IMAGES, NETS))
    claims.on_conditioning(made(SHARES))
    claims.on_branches(new_nets())


@pytest.mark.parametrize(
    ("id", "claim", "results"),
    [
        ("shatter-plain", claims.on_shattering, (made(LINES | {NORMED: 0.99}), made(IMAGES, NETS))),
        ("shatter-residual", claims.on_shattering, (made(LINES | {BOTH: 0.98}), made(IMAGES, NETS))),
        ("shatter-scaled", claims.on_shattering, (made(LINES | {SCALED: 0.996}), made(IMAGES, NETS))),
        ("shatter-without-norm", claims.on_shattering, (made(LINES | {"plain": 0.95}), made(IMAGES, NETS))),
        ("shatter-images", claims.on_shattering, (made(LINES), made(IMAGES | {NORMED: 0.97}, NETS))),
        ("shatter-images", claims.on_shattering, (made(LINES), made(IMAGES | {BOTH: 0.975}, NETS))),
        ("conditioning-plain", claims.on_conditioning, (made(SHARES | {"plain": 0.97}),)),
        ("conditioning-scaled", claims.on_conditioning, (made(SHARES | {SCALED: 0.99}),)),
        ("conditioning-skip-alone", claims.on_conditioning, (made(SHARES | {"residual": 0.985}),)),
        ("branches-shrink", claims.on_branches, (new_nets(power=-0.7),)),
    ],
)
def test_claims_fail_for_other_nets(id: str, claim: Callable[..., None], results: tuple[Any, ...]) -> None:
    with pytest.raises(ClaimError, match=f"'{id}'"):
        claim(*results)
