import pytest
import torch

from residual.experiments import blocks


def test_block_costs_by_hand() -> None:
    """He et al. 2015, Figure 5: 9 weights a pair of channels for a 3x3 convolution, 1 for a 1x1."""
    found = {block.name: block for block in blocks.block_costs()}
    assert {name: block.weights for name, block in found.items()} == {
        "basic, 256": 2 * 9 * 256 * 256,
        "bottleneck, 256-64-256": 256 * 64 + 9 * 64 * 64 + 64 * 256,
        "one 3x3 convolution, 256": 9 * 256 * 256,
        "basic, 64": 2 * 9 * 64 * 64,
        "linear basic, 256": 2 * 256 * 256,
        "linear bottleneck, 256-64-256": 256 * 64 + 64 * 64 + 64 * 256,
    }
    assert [block.receptive_field for block in found.values()] == [5, 3, 3, 5, float("inf"), float("inf")]
    for block in found.values():  # a stride of 1: each weight works once a place
        assert block.multiply_adds == block.weights * (1 if "linear" in block.name else 56 * 56)
    assert found["bottleneck, 256-64-256"].parameters == 69_632 + 2 * (64 + 64 + 256)


def test_a_linear_branch_ends_with_its_norm() -> None:
    """The ReLU of a block follows the addition, so there is none at the end of its branch."""
    kinds = [type(layer).__name__ for layer in blocks.linear_branch(8, 4, 8)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]


@pytest.fixture(scope="module")
def by_option() -> dict[str, dict[str, int]]:
    return blocks.shortcut_parameters()


def test_options_order_every_net_and_a_is_free(by_option: dict[str, dict[str, int]]) -> None:
    for parameters in by_option.values():
        assert parameters["plain"] == parameters["A"] < parameters["B"] < parameters["C"]


def test_option_b_in_cifar_resnet_20_by_hand(by_option: dict[str, dict[str, int]]) -> None:
    """Two projections with batch norm: 16 to 32 and 32 to 64 channels."""
    parameters = by_option["CIFAR ResNet-20"]
    assert parameters["B"] - parameters["A"] == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def test_the_stride_moves_one_convolution_to_the_larger_map() -> None:
    """In V1.5 the first 1x1, 256 to 128, works on 56 x 56 places instead of 28 x 28."""
    costs = blocks.strided_costs()
    assert costs["V1.5"] - costs["V1"] == 256 * 128 * (56 * 56 - 28 * 28)


def test_a_projection_adds_a_square_of_weights() -> None:
    costs = blocks.projected_costs()
    assert costs["projection"] - costs["identity"] == 256 * 256


@pytest.mark.parametrize("seed", [0, 7])
def test_the_middle_unit_sees_a_square_in_the_middle(seed: int) -> None:
    maps = blocks.central_unit(seed, size=7).maps
    for name, side in (("basic block", 5), ("bottleneck", 3)):
        expected = torch.zeros(7, 7, dtype=torch.bool)
        edge = (7 - side) // 2
        expected[edge : edge + side, edge : edge + side] = True
        assert torch.equal(maps[name] > 0, expected)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_strided_1x1_sees_every_other_pixel_of_every_other_row(seed: int) -> None:
    sight = blocks.strided(seed, size=6)
    corners = torch.zeros(6, 6, dtype=torch.bool)
    corners[::2, ::2] = True
    for name in ("V1 branch", "skip of either", "V1 block"):
        assert torch.equal(sight.maps[name] > 0, corners)
        assert sight.unseen(name) == 0.75
    for name in ("V1.5 branch", "V1.5 block"):
        assert sight.unseen(name) == 0


def test_sensitivity_is_the_gradients_size() -> None:
    x = torch.arange(8.0).reshape(2, 1, 2, 2)
    weights = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    assert torch.equal(blocks.sensitivity(lambda x: x * weights, x), 2 * weights.abs())
    assert torch.equal(
        blocks.sensitivity(lambda x: x * weights, x, unit=(0, 1)), torch.tensor([[0.0, 4.0], [0.0, 0.0]])
    )


def test_the_seed_decides_and_the_global_generator_stays() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (blocks.central_unit(seed).maps["bottleneck"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)
