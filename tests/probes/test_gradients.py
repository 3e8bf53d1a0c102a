from collections.abc import Callable
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
    assert profile.first_over_last == profile.outputs[0].norm / profile.outputs[1].norm

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


def test_hooks_are_removed_even_after_an_error() -> None:
    net, x = small_net(), images()
    with recorded_outputs(net, ["0", "4"]) as outputs:
        assert hooks(net) == 2
        net(x)
    assert list(outputs) == ["0", "4"]
    assert hooks(net) == 0
    with pytest.raises(RuntimeError):
        gradient_profile(net, lambda: net(x.expand(6, 2, 4, 4)).mean(), outputs=["0", "4"])
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
        assert (b.norm, b.mean_abs) == pytest.approx((c * a.norm, c * a.mean_abs), rel=1e-9)
        assert b.size == a.size


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(3, 3)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(self.used(x))


NET, TWICE, LSTM = small_net(), Twice(), nn.LSTM(3, 3)
ROWS = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("model", "loss", "outputs", "said"),
    [
        (NET, lambda: NET(images()).mean(), ["stem"], "modules of Sequential, got 'stem'"),
        (NET, lambda: NET(images()), [], r"scalar with a gradient, got shape \(6, 2\)"),
        (NET, lambda: NET(images()).mean().detach(), [], "requires_grad False"),
        (TWICE, lambda: TWICE(ROWS).mean(), ["used"], "'used' must run once"),
        (TWICE, lambda: TWICE(ROWS).mean(), ["unused"], "depend on 'unused'"),
        (TWICE, lambda: TWICE(ROWS).mean(), [], "depend on 'unused'"),
        (LSTM, lambda: LSTM(ROWS)[0].mean(), [""], "'' must return one tensor, got tuple"),
    ],
)
def test_bad_input_is_named(model: nn.Module, loss: Callable[[], Tensor], outputs: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gradient_profile(model, loss, outputs=outputs)
    assert hooks(model) == 0
