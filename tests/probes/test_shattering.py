import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from residual.probes.shattering import correlation, input_gradients
from residual.vision import CifarNet

LINE = torch.linspace(-2, 2, 64, dtype=torch.float64)[:, None]
ONE = torch.ones(1, dtype=torch.float64)


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.value = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) * self.value


SQUARE = Apply(torch.square).eval()


def test_a_linear_net_has_one_gradient_everywhere() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)).double().eval()
    readout = torch.tensor([2.0, -1.0], dtype=torch.float64)
    gradients = input_gradients(model, torch.randn(7, 3, dtype=torch.float64), readout=readout)
    weight = readout @ model[1].weight @ model[0].weight
    torch.testing.assert_close(gradients, weight.detach().expand(7, 3))
    assert correlation(gradients) == pytest.approx(1)
    assert correlation(gradients, 6) == pytest.approx(1)


def test_the_gradient_of_a_square_is_twice_its_input() -> None:
    gradients = input_gradients(SQUARE, LINE, readout=ONE)
    assert torch.equal(gradients, 2 * LINE)
    here, there = LINE[:-1], LINE[1:]
    assert correlation(gradients) == pytest.approx(((here * there).sum() / (here.norm() * there.norm())).item())


def test_gradients_that_alternate_or_are_orthogonal() -> None:
    alternating = torch.tensor([1.0, -1.0] * 8, dtype=torch.float64)
    assert [correlation(alternating, lag) for lag in (1, 2, 3)] == pytest.approx([-1, 1, -1])
    assert correlation(torch.eye(6), 1) == 0


def test_white_noise_has_none_to_its_own_error() -> None:
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    assert abs(correlation(noise)) < 4 / math.sqrt(20_000)


@given(st.integers(0, 2**16), st.integers(1, 9), st.floats(0.01, 100))
def test_it_is_a_cosine(seed: int, lag: int, scale: float) -> None:
    gradients = torch.randn(10, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    value = correlation(gradients, lag)
    assert -1 - 1e-12 <= value <= 1 + 1e-12
    assert correlation(scale * gradients, lag) == pytest.approx(value)


def test_images_do_not_mix() -> None:
    """The gradient of an image is the same alone and among others."""
    net = CifarNet(8, in_channels=1).double().eval()
    images = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    readout = torch.randn(10, dtype=torch.float64)
    together = input_gradients(net, images, readout=readout)
    assert together.shape == images.shape
    torch.testing.assert_close(together[2:3], input_gradients(net, images[2:3], readout=readout))
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Apply(torch.square), "evaluation mode"),
        (nn.Linear(1, 2).double().eval(), r"2 weights, one per output, got \(1,\)"),
        (Apply(torch.ones_like).eval(), "must compute something from its inputs, Apply does not"),
    ],
)
def test_models_that_are_refused(model: nn.Module, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        input_gradients(model, LINE, readout=ONE)


@pytest.mark.parametrize(
    ("gradients", "lag", "said"),
    [
        (torch.ones(4), 0, "lag must be 1 to 3 for 4 gradients, got 0"),
        (torch.ones(4), 4, "lag must be 1 to 3 for 4 gradients, got 4"),
        (torch.zeros(4), 1, "finite and not all zero"),
        (torch.tensor([1.0, math.nan, 1.0]), 1, "finite and not all zero"),
    ],
)
def test_gradients_that_are_refused(gradients: Tensor, lag: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        correlation(gradients, lag)
