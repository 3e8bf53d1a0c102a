"""What blocks cost and see, by hand; and the page's claims, which bad results must break."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from residual.probes.cost import Cost
from residual_book.claims import ClaimError
from residual_book.part2.blocks import claims, experiment, figures

Costs = dict[str, Cost]
Options = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def costs() -> Costs:
    return experiment.block_costs()


@pytest.fixture(scope="module")
def by_option() -> Options:
    return experiment.shortcut_parameters()


def test_block_costs_by_hand(costs: Costs) -> None:
    """He et al. 2015, Figure 5: a pair of channels has 9 weights in a 3x3 convolution and 1 in a 1x1."""
    assert {name: experiment.weights(block) for name, block in costs.items()} == {
        "basic, 256": 2 * 9 * 256 * 256,
        "bottleneck, 256-64-256": 256 * 64 + 9 * 64 * 64 + 64 * 256,
        "one 3x3 convolution, 256": 9 * 256 * 256,
        "basic, 64": 2 * 9 * 64 * 64,
        "linear basic, 256": 2 * 256 * 256,
        "linear bottleneck, 256-64-256": 256 * 64 + 64 * 64 + 64 * 256,
    }
    assert [block.receptive_field[0] for block in costs.values()] == [5, 3, 3, 5, float("inf"), float("inf")]
    for name, block in costs.items():  # a stride of 1: each weight works once per pixel
        places = 1 if "linear" in name else 56 * 56
        assert block.totals["multiply_adds"] == experiment.weights(block) * places
    assert costs["bottleneck, 256-64-256"].totals["parameters"] == 69_632 + 2 * (64 + 64 + 256)


def test_a_linear_branch_ends_with_its_norm() -> None:
    """The ReLU of a block follows the addition, so there is none at the end of its branch."""
    kinds = [type(layer).__name__ for layer in experiment.linear_branch(8, 4, 8)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]


def test_options_order_every_net_and_a_is_free(by_option: Options) -> None:
    for parameters in by_option.values():
        assert parameters["plain"] == parameters["A"] < parameters["B"] < parameters["C"]
    small = by_option["CIFAR ResNet-20"]  # two projections with batch norm: 16 to 32 and 32 to 64 channels
    assert small["B"] - small["A"] == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_strides_and_projections_by_hand() -> None:
    """In V1.5 the first 1x1, 256 to 128, works on 56 x 56 pixels instead of 28 x 28."""
    strides, skips = experiment.strided_costs(), experiment.projected_costs()
    moved = strides["V1.5"].totals["multiply_adds"] - strides["V1"].totals["multiply_adds"]
    assert moved == 256 * 128 * (56 * 56 - 28 * 28)
    assert experiment.weights(skips["projection"]) - experiment.weights(skips["identity"]) == 256 * 256


@pytest.mark.parametrize("seed", [0, 7])
def test_units_see_squares_and_a_strided_1x1_every_other_pixel_of_every_other_row(seed: int) -> None:
    middle = experiment.central_unit(seed)
    assert torch.equal(middle["basic block"] > 0, F.pad(torch.ones(5, 5), (2, 2, 2, 2)) > 0)
    assert torch.equal(middle["bottleneck"] > 0, F.pad(torch.ones(3, 3), (3, 3, 3, 3)) > 0)
    strided = experiment.strided(seed)
    corners = torch.zeros(12, 12, dtype=torch.bool)
    corners[::2, ::2] = True
    for name in ("V1 branch", "skip of either", "V1 block"):
        assert torch.equal(strided[name] > 0, corners)
        assert experiment.unseen(strided[name]) == 0.75
    assert experiment.unseen(strided["V1.5 branch"]) == experiment.unseen(strided["V1.5 block"]) == 0


def test_the_seed_decides_and_the_global_generator_stays() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (experiment.central_unit(seed)["bottleneck"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_figures_name_their_blocks_and_numbers(costs: Costs, by_option: Options) -> None:
    bars = figures.weights_by_block(costs).svg()
    assert all(f">{name}<" in bars for name in costs)
    assert f"{2 * 9 * 256 * 256:,}, sees 5x5 pixels" in bars
    options = figures.added_parameters(by_option).svg()
    assert all(f">{name}<" in options for name in (*by_option, "option B", "option C"))
    assert "75% unseen" in figures.strided(experiment.strided(0)).svg()
    assert all(
        f">{name}<" in figures.central_unit(experiment.central_unit(0)).svg() for name in experiment.central_unit(0)
    )
    assert "| basic, 64 | 73,728 |" in figures.costs(costs).data
    chosen = figures.choice(costs, ["basic, 64", "bottleneck, 256-64-256"]).data
    assert "| channels that it hands on | 64 | 256 |" in chosen
    assert "| numbers kept for the way back | 401,408 | 1,204,224 |" in chosen


def seen(side: int) -> Tensor:
    pixels = torch.zeros(9, 9)
    pixels[:side, :side] = 1
    return pixels


SEEN = {"basic block": seen(5), "bottleneck": seen(3)}
LOST = torch.arange(16.0).reshape(4, 4) % 4 == 0  # a quarter of the pixels is used
USED = {
    "V1 branch": LOST,
    "V1.5 branch": LOST | True,
    "skip of either": LOST,
    "V1 block": LOST,
    "V1.5 block": LOST | True,
}


def test_claims_hold_for_good_results_only(costs: Costs, by_option: Options) -> None:
    claims.on_costs(costs)
    for id, changed, by in (
        ("blocks-equal-width", "basic, 256", "one 3x3 convolution, 256"),
        ("blocks-linear", "linear bottleneck, 256-64-256", "basic, 64"),
        ("blocks-as-used", "basic, 64", "basic, 256"),
    ):
        with pytest.raises(ClaimError, match=id):
            claims.on_costs({**costs, changed: costs[by]})

    claims.on_receptive_fields(costs, [SEEN, SEEN])
    with pytest.raises(ClaimError, match="blocks-receptive-field"):
        claims.on_receptive_fields(costs, [SEEN, {**SEEN, "bottleneck": seen(5)}])

    skips, strides = experiment.projected_costs(), experiment.strided_costs()
    claims.on_skips(by_option, skips)
    with pytest.raises(ClaimError, match="blocks-option-a"):
        claims.on_skips({**by_option, "other": {"plain": 10, "A": 11}}, skips)
    with pytest.raises(ClaimError, match="blocks-projected-bottleneck"):
        claims.on_skips(by_option, {**skips, "identity": skips["projection"]})

    claims.on_strides([USED, USED], strides)
    with pytest.raises(ClaimError, match="blocks-unseen"):
        claims.on_strides([USED, {**USED, "V1 block": LOST | True}], strides)
    with pytest.raises(ClaimError, match="blocks-v15"):
        claims.on_strides([USED, {**USED, "V1.5 block": LOST}], strides)
