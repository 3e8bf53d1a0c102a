import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from residual.probes.gradients import Gradient, gradient_profile, recorded_outputs


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 2)
    ).double()


def images() -> Tensor:
    return torch.randn(6, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def linear_net(weights: list[Tensor]) -> nn.Sequential:
    net = nn.Sequential(*(nn.Linear(8, 8, bias=False, dtype=torch.float64) for _ in weights))
    for layer, weight in zip(net, weights, strict=True):
        layer.weight.data = weight
    return net


def random_weights(count: int) -> list[Tensor]:
    return list(torch.randn(count, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))


def test_gradients_are_those_of_autograd() -> None:
    net, x = small_net(), images()
    profile = gradient_profile(net, lambda: net(x).square().mean(), outputs=["1", "5"])

    normalized = net[1](net[0](x))
    hidden = net[5](net[4](net[3](net[2](normalized))))
    loss = net[6](hidden).square().mean()
    tensors = {"0": net[0].weight, "4": net[4].weight, "6": net[6].weight, "1": normalized, "5": hidden}
    expected = [
        Gradient(name, g.norm().item(), g.abs().mean().item(), tensors[name].norm().item())
        for name, g in zip(tensors, torch.autograd.grad(loss, list(tensors.values())), strict=True)
    ]
    assert profile.loss == pytest.approx(loss.item(), rel=1e-12)
    for got, want in zip([*profile.weights, *profile.outputs], expected, strict=True):
        assert got.name == want.name
        assert (got.norm, got.mean_abs, got.size) == pytest.approx((want.norm, want.mean_abs, want.size), rel=1e-12)
        assert got.relative == got.norm / got.size


def test_weights_exclude_biases_normalization_and_what_is_frozen() -> None:
    net, x = small_net(), images()
    net[4].weight.requires_grad_(False)
    assert [g.name for g in gradient_profile(net, lambda: net(x).mean()).weights] == ["0", "6"]


def test_grad_fields_are_left_alone() -> None:
    net, x = small_net(), images()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    gradient_profile(net, lambda: net(x).mean())
    assert torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert net[4].weight.grad is None


def test_hooks_are_removed() -> None:
    net, x = small_net(), images()
    with recorded_outputs(net, ["0", "4"]) as outputs:
        assert hooks(net) == 2
        net(x)
    assert list(outputs) == ["0", "4"]
    assert hooks(net) == 0


def test_hooks_are_removed_after_an_error() -> None:
    net = small_net()
    with pytest.raises(RuntimeError):
        gradient_profile(net, lambda: net(torch.zeros(1, 2, 4, 4, dtype=torch.float64)).mean(), outputs=["0", "4"])
    assert hooks(net) == 0


def test_orthogonal_linear_net_keeps_the_gradient() -> None:
    net = linear_net([torch.linalg.qr(weight)[0] for weight in random_weights(20)])
    x = images().reshape(-1, 8)
    outputs = gradient_profile(net, lambda: net(x).square().mean(), outputs=[str(i) for i in range(20)]).outputs
    assert [g.norm for g in outputs] == pytest.approx([outputs[0].norm] * 20, rel=1e-12)


@given(c=st.floats(0.05, 20))
def test_scaled_weights_scale_every_backward_step(c: float) -> None:
    weights = random_weights(4)
    x = images().reshape(-1, 8)

    def steps(scale: float) -> list[float]:
        net = linear_net([scale * weight for weight in weights])
        norms = [g.norm for g in gradient_profile(net, lambda: net(x).sum(), outputs=list("0123")).outputs]
        return [back / front for back, front in pairwise(norms)]

    assert steps(c) == pytest.approx([c * step for step in steps(1.0)], rel=1e-9)


@given(c=st.floats(1e-6, 1e6))
def test_scaled_loss_scales_gradients_and_not_sizes(c: float) -> None:
    net, x = small_net(), images()
    one = gradient_profile(net, lambda: net(x).square().mean(), outputs=["5"])
    scaled = gradient_profile(net, lambda: c * net(x).square().mean(), outputs=["5"])
    for a, b in zip([*one.weights, *one.outputs], [*scaled.weights, *scaled.outputs], strict=True):
        assert (b.norm, b.mean_abs, b.relative) == pytest.approx((c * a.norm, c * a.mean_abs, c * a.relative), rel=1e-9)
        assert b.size == a.size


def test_zero_weight_has_an_infinite_relative_gradient() -> None:
    net = linear_net([torch.zeros(8, 8, dtype=torch.float64)])
    x = images().reshape(-1, 8)
    assert gradient_profile(net, lambda: net(x).sum()).weights[0].relative == math.inf


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(3, 3)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(self.used(x))


def test_bad_input_is_named() -> None:
    net, x = small_net(), images()
    with pytest.raises(ValueError, match="modules of Sequential, got 'stem'"):
        gradient_profile(net, lambda: net(x).mean(), outputs=["stem"])
    with pytest.raises(ValueError, match=r"scalar with a gradient, got shape \(6, 2\)"):
        gradient_profile(net, lambda: net(x))
    with pytest.raises(ValueError, match="requires_grad False"):
        gradient_profile(net, lambda: net(x).mean().detach())

    twice, y = Twice(), torch.ones(2, 3)
    with pytest.raises(ValueError, match="'used' must run once"):
        gradient_profile(twice, lambda: twice(y).mean(), outputs=["used"])
    with pytest.raises(ValueError, match="depend on 'unused'"):
        gradient_profile(twice, lambda: twice(y).mean(), outputs=["unused"])
    with pytest.raises(ValueError, match="depend on 'unused'"):
        gradient_profile(twice, lambda: twice(y).mean())
    assert hooks(twice) == 0

    lstm = nn.LSTM(3, 3)
    with pytest.raises(ValueError, match="'' must return one tensor, got tuple"):
        gradient_profile(lstm, lambda: lstm(y)[0].mean(), outputs=[""])
