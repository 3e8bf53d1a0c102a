import math

import pytest
import torch
import torch.nn.functional as F
from nets import shake
from peers import torchvision
from torch import Tensor, nn

from residual.probes.landscape import filter_normalized, loss_slice, sharpness
from residual.vision import CifarNet

STEPS = (-1.0, -0.5, 0.0, 0.5, 2.0)


class Regression:
    """A linear net under the squared error, where loss and Hessian are known: 1/n sum (w x + b - y)^2."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
        self.y = torch.randn(20, 1, generator=generator, dtype=torch.float64)
        self.model = nn.Linear(4, 1).double().eval()

    def loss(self) -> Tensor:
        return F.mse_loss(self.model(self.x), self.y)

    def at(self, change: Tensor) -> float:
        """The loss with `change` added to the weight, in closed form."""
        weight = self.model.weight.detach() + change
        return ((self.x @ weight.T + self.model.bias.detach() - self.y) ** 2).mean().item()

    def curvature(self, d: Tensor) -> float:
        return (2 / len(self.x) * d @ self.x.T @ self.x @ d.T).item()


def test_a_line_and_a_plane_through_a_quadratic_are_what_the_formula_says() -> None:
    problem = Regression()
    first, second = (filter_normalized(problem.model, seed=seed) for seed in (0, 1))
    line = loss_slice(problem.model, problem.loss, [first], STEPS)
    assert line.losses.tolist() == pytest.approx([problem.at(s * first["weight"]) for s in STEPS])
    plane = loss_slice(problem.model, problem.loss, [first, second], STEPS)
    expected = [[problem.at(a * first["weight"] + b * second["weight"]) for b in STEPS] for a in STEPS]
    assert plane.losses.tolist() == [pytest.approx(row) for row in expected]


def test_sharpness_of_a_quadratic_is_half_its_curvature_times_the_step_squared() -> None:
    problem = Regression()
    curvatures = [problem.curvature(filter_normalized(problem.model, seed=seed)["weight"]) for seed in range(5, 9)]
    measured = sharpness(problem.model, problem.loss, step=0.3, directions=4, seed=5)
    assert measured == pytest.approx(0.3**2 / 2 * sum(curvatures) / 4)


def test_each_filter_moves_by_its_own_length_and_nothing_else_moves() -> None:
    model = torchvision().models.resnet18()
    direction = filter_normalized(model, seed=0)
    weights = {name: p for name, p in model.named_parameters() if p.ndim > 1}
    assert direction.keys() == weights.keys()
    for name, change in direction.items():
        torch.testing.assert_close(change.flatten(1).norm(dim=1), weights[name].detach().flatten(1).norm(dim=1))
    again, other = (filter_normalized(model, seed=seed) for seed in (0, 1))
    assert torch.equal(again["fc.weight"], direction["fc.weight"])
    assert not torch.equal(other["fc.weight"], direction["fc.weight"])


def test_a_filter_of_zeros_stays_where_it_is() -> None:
    model = nn.Linear(3, 2)
    nn.init.zeros_(model.weight[0:1].data)
    assert filter_normalized(model, seed=0)["weight"][0].tolist() == [0, 0, 0]


def scaled(net: CifarNet, factor: float) -> None:
    """Multiply the convolutions and what batch norm knows of them: the same function from other weights."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data *= factor
        elif isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean *= factor
            module.running_var *= factor**2
            module.eps *= factor**2


def test_the_scale_that_batch_norm_hides_does_not_count() -> None:
    net = CifarNet(8, in_channels=1, residual=False).double()
    shake(net)
    net.eval()
    x, y = torch.randn(16, 1, 8, 8, dtype=torch.float64), torch.arange(16) % 10

    def rises(steps_of_filters: bool) -> float:
        if steps_of_filters:
            return sharpness(net, lambda: F.cross_entropy(net(x), y), step=0.2, directions=2, seed=0)
        fixed = {name: torch.ones_like(p) for name, p in net.named_parameters() if p.ndim == 4}
        low, high = loss_slice(net, lambda: F.cross_entropy(net(x), y), [fixed], (0.0, 0.1)).losses
        return (high - low).item()

    before = [rises(True), rises(False)]
    scaled(net, 10)
    assert rises(True) == pytest.approx(before[0], rel=1e-9)
    assert rises(False) != pytest.approx(before[1], rel=0.1)  # without the normalization the same net looks another


def test_the_weights_come_back_bit_for_bit_even_from_an_error() -> None:
    net = CifarNet(8, in_channels=1).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = torch.randn(4, 1, 8, 8)

    def fails() -> Tensor:
        raise RuntimeError("no")

    loss_slice(net, lambda: net(x).square().mean(), [filter_normalized(net, seed=0)], (-0.3, 0.1))
    with pytest.raises(RuntimeError, match="no"):
        loss_slice(net, fails, [filter_normalized(net, seed=0)], (-0.3, 0.1))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_not_finite_are_gaps_and_counted(value: float) -> None:
    problem = Regression()
    start = problem.model.weight.detach().clone()

    def loss() -> Tensor:
        moved = (problem.model.weight - start).norm() / start.norm()
        return problem.loss() * (value if moved > 0.6 else 1)

    line = loss_slice(problem.model, loss, [filter_normalized(problem.model, seed=0)], STEPS)
    assert line.losses.isnan().tolist() == [True, False, False, False, True]
    assert sharpness(problem.model, loss, step=1.0, directions=2, seed=0) == math.inf


PROBLEM = Regression()
GOOD = filter_normalized(PROBLEM.model, seed=0)


@pytest.mark.parametrize(
    ("directions", "steps", "said"),
    [
        ([GOOD] * 3, STEPS, "one or two, got 3"),
        ([GOOD], (0.0,), "two or more that ascend"),
        ([GOOD], (1.0, 0.0), "two or more that ascend"),
        ([GOOD], (0.0, 0.0), "two or more that ascend"),
        ([{"weights": GOOD["weight"]}], STEPS, r"'weights' must fit the model, no such parameter, got \(1, 4\)"),
        ([{"weight": GOOD["weight"].T}], STEPS, r"direction 'weight' must fit the model, \(1, 4\), got \(4, 1\)"),
    ],
)
def test_slices_that_are_refused(directions: list[dict[str, Tensor]], steps: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        loss_slice(PROBLEM.model, PROBLEM.loss, directions, steps)


def test_losses_models_and_numbers_that_are_refused() -> None:
    problem = Regression()
    with pytest.raises(ValueError, match=r"loss must return a scalar, got shape \(20, 1\)"):
        loss_slice(problem.model, lambda: problem.model(problem.x), [GOOD], STEPS)
    for step, directions in ((0.0, 1), (1.0, 0)):
        with pytest.raises(ValueError, match="step and directions must be above zero"):
            sharpness(problem.model, problem.loss, step=step, directions=directions, seed=0)
    with pytest.raises(ValueError, match="weights of two or more axes, BatchNorm1d has none"):
        filter_normalized(nn.BatchNorm1d(2), seed=0)
    with pytest.raises(ValueError, match="evaluation mode"):
        loss_slice(problem.model.train(), problem.loss, [GOOD], STEPS)
