from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from residual.probes.cost import cost
from residual.probes.effective_field import effective_field, shares_within, side_holding
from residual.vision import CifarNet


def convolutions(layers: int, *, kernel: int = 3, channels: int = 1) -> nn.Sequential:
    widths = [1, *[channels] * layers]
    return nn.Sequential(*(nn.Conv2d(a, b, kernel, padding=kernel // 2, bias=False) for a, b in pairwise(widths)))


def variance(field: Tensor) -> tuple[float, float]:
    """Of the field's distribution, along each axis."""
    position = torch.arange(len(field), dtype=torch.float64)
    sums = (field.sum(1), field.sum(0))
    return tuple(float(((position - (position * s).sum()) ** 2 * s).sum()) for s in sums)


def test_one_convolution_gives_its_squared_kernel() -> None:
    torch.manual_seed(0)
    net = convolutions(1, kernel=5)
    field = effective_field(net, "", (1, 11, 11), samples=1, seed=0)
    kernel = net[0].weight[0, 0].detach().double().square()
    expected = torch.zeros(11, 11, dtype=torch.float64)
    expected[3:8, 3:8] = kernel / kernel.sum()  # the gradient correlates, as the layer does: no flip
    assert torch.allclose(field, expected)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_uniform_kernels_give_the_squared_trinomial(layers: int) -> None:
    """Every gradient is a count of paths, which for L kernels of ones is a product of trinomials (1 + x + 1/x)^L."""
    net = convolutions(layers).double()
    for weight in net.parameters():
        nn.init.ones_(weight)
    size = 2 * layers + 5
    field = effective_field(net, "", (1, size, size), samples=2, seed=1)
    paths = np.ones(1)
    for _ in range(layers):
        paths = np.convolve(paths, np.ones(3))
    line = np.pad(paths**2, 2)
    assert np.allclose(field.numpy(), np.outer(line, line) / line.sum() ** 2, rtol=1e-12, atol=1e-15)


def test_random_kernels_give_the_binomial_width() -> None:
    """With independent weights the expected squares of layers convolve: each adds 2/3 to the variance along an axis."""
    torch.manual_seed(0)
    layers = 9
    net = convolutions(layers, channels=24)
    field = effective_field(net, "", (1, 23, 23), samples=40, seed=0)
    assert variance(field) == pytest.approx((2 * layers / 3, 2 * layers / 3), rel=0.1)


def test_no_pixel_outside_the_theoretical_field_matters_and_its_edge_does() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, in_channels=1, width=4).eval()
    layer = "layer3.0"
    (side,) = {row.receptive_field[0] for row in cost(net, (1, 32, 32)).layers if row.name == f"{layer}.conv2"}
    field = effective_field(net, layer, (1, 41, 41), samples=4, seed=0)
    seen = field.nonzero()
    assert seen.amin(0).tolist() == [20 - side // 2] * 2
    assert seen.amax(0).tolist() == [20 + side // 2] * 2


def test_signs_sum_over_the_channels_of_the_layer() -> None:
    """Two channels that read one pixel each, with 1 and 3: their squares are 1 and 9, and nothing crosses."""
    net = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    nn.init.zeros_(net.weight)
    net.weight.data[0, 0, 0, 0], net.weight.data[1, 0, 2, 2] = 1, 3
    field = effective_field(net, "", (1, 5, 5), samples=3, seed=0)
    assert field[1, 1].item() == pytest.approx(0.1)
    assert field[3, 3].item() == pytest.approx(0.9)


def test_is_a_distribution_that_the_seed_decides_and_leaves_everything_as_it_was() -> None:
    net = CifarNet(8, in_channels=1, width=4).eval()
    state = torch.random.get_rng_state()
    first, again, other = (effective_field(net, "layer2", (1, 17, 17), samples=2, seed=s) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.sum().item() == pytest.approx(1)
    assert (first >= 0).all()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(p.grad is None for p in net.parameters())


@given(st.lists(st.floats(0, 1), min_size=25, max_size=25).filter(lambda v: sum(v) > 1e-6), st.floats(0.01, 0.99))
def test_smallest_square_that_holds_a_share(values: list[float], share: float) -> None:
    field = torch.tensor(values, dtype=torch.float64).reshape(5, 5)
    within = shares_within(field)
    assert within[-1].item() == pytest.approx(1)
    assert (within.diff() >= 0).all()
    assert within[1].item() == pytest.approx((field[1:4, 1:4].sum() / field.sum()).item())
    half = side_holding(field, share) // 2
    assert within[half] >= share
    assert half == 0 or within[half - 1] < share


def test_a_uniform_field_has_the_side_of_its_share() -> None:
    assert side_holding(torch.ones(101, 101), 0.25) == 51
    assert side_holding(torch.ones(101, 101), 0.999) == 101


@pytest.mark.parametrize(
    ("layer", "shape", "samples", "said"),
    [
        ("layer1", (9, 9), 1, r"shape must be \(C, H, W\), got \(9, 9\)"),
        ("layer1", (1, 9, 9), 0, "samples must be at least 1, got 0"),
        ("fc", (1, 9, 9), 1, r"layer 'fc' must put out one map .* got shape \(1, 10\)"),
        ("layer9", (1, 9, 9), 1, "names must be modules of CifarNet, got 'layer9'"),
        ("conv1", (1, 9, 9), 1, "gradient of zero"),
    ],
)
def test_bad_input_is_named(layer: str, shape: tuple[int, ...], samples: int, said: str) -> None:
    net = CifarNet(8, in_channels=1, width=4)
    nn.init.zeros_(net.conv1.weight)
    with pytest.raises(ValueError, match=said):
        effective_field(net.eval(), layer, shape, samples=samples, seed=0)
    with pytest.raises(ValueError, match="'bn1' is in training mode"):
        effective_field(net.train(), "layer1", (1, 9, 9), samples=1, seed=0)


def test_shares_need_a_middle_pixel_and_a_share() -> None:
    with pytest.raises(ValueError, match=r"square of odd side, got shape \(4, 4\)"):
        shares_within(torch.ones(4, 4))
    with pytest.raises(ValueError, match="share must be between 0 and 1, got 1"):
        side_holding(torch.ones(3, 3), 1)
