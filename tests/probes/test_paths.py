from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from nets import images, shake
from peers import torchvision
from torch import Tensor, nn

from residual.probes.paths import PathGradients
from residual.vision import BasicBlock, Bottleneck, CifarNet, PreActBlock, ResNet

KINDS = [(block, shortcut) for block in (BasicBlock, Bottleneck, PreActBlock) for shortcut in "AB"]


class Scaled(nn.Module):
    """x + a x, in one dimension."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.downsample = None
        self.linear = nn.Linear(1, 1, bias=False, dtype=torch.float64)
        nn.init.constant_(self.linear.weight, a)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(x)


def small_net(block: Any, shortcut: str) -> ResNet:
    torch.manual_seed(0)
    return ResNet(block, (2, 2), num_classes=4, in_channels=1, width=8, shortcut=shortcut, small_images=True)


def whole_gradient(net: nn.Module, first: str, x: Tensor, labels: Tensor) -> Tensor:
    kept: list[Tensor] = []

    def leaf(module: nn.Module, inputs: Any) -> tuple[Tensor]:
        kept.append(inputs[0].detach().requires_grad_())
        return (kept[0],)

    handle = net.get_submodule(first).register_forward_pre_hook(leaf)
    loss = F.cross_entropy(net(x), labels)
    handle.remove()
    return torch.autograd.grad(loss, kept[0])[0]


def check_sums(net: nn.Module, x: Tensor) -> None:
    """All paths add up to the gradient, and those of one length to the part of that length, to rounding."""
    net.double().eval()
    shake(net)
    x, labels = x.double(), torch.arange(len(x))
    gradients = PathGradients(net, lambda: F.cross_entropy(net(x), labels))
    n = len(gradients.names)
    whole = whole_gradient(net, gradients.names[0], x, labels)
    lengths = gradients.by_length()
    assert lengths.shape == (n + 1, *whole.shape)
    each = [gradients.along(list(combinations(gradients.names, k))).sum(0) for k in range(n + 1)]
    scale = whole.abs().max()
    assert (sum(each) - whole).abs().max() < 1e-12 * scale
    assert (lengths.sum(0) - whole).abs().max() < 1e-12 * scale
    assert (lengths - torch.stack(each)).abs().max() < 1e-12 * scale
    assert all(part.abs().max() > 0 for part in each)
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()) == 0
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(("block", "shortcut"), KINDS)
def test_paths_add_up_to_the_gradient(block: Any, shortcut: str) -> None:
    check_sums(small_net(block, shortcut), images(3, 1, 8, 8))


@pytest.mark.parametrize("block", ["BasicBlock", "Bottleneck"])
def test_paths_of_torchvision_add_up_too(block: str) -> None:
    resnet = torchvision().models.resnet
    net = resnet.ResNet(getattr(resnet, block), [1, 1, 1, 1], num_classes=4, width_per_group=64)
    check_sums(net, images(2, 3, 32, 32))


@given(factors=st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_linear_blocks_have_the_elementary_symmetric_polynomials(factors: list[float]) -> None:
    """The derivative of the product of (1 + a) over blocks: the coefficient of t^k in the product of (1 + a t)."""
    net = nn.Sequential(*map(Scaled, factors)).eval()
    x = torch.ones(1, 1, dtype=torch.float64)
    lengths = PathGradients(net, lambda: net(x).sum()).by_length().flatten()
    expected = torch.ones(1, dtype=torch.float64)
    for a in factors:
        expected = F.pad(expected, (0, 1)) + a * F.pad(expected, (1, 0))
    assert torch.allclose(lengths, expected, rtol=1e-12, atol=1e-12)


def test_zeroed_branches_carry_nothing() -> None:
    torch.manual_seed(0)
    net = CifarNet(14, in_channels=1, width=4, zero_init_residual=True).eval()
    x, labels = images(3, 1, 8, 8), torch.arange(3)
    lengths = PathGradients(net, lambda: F.cross_entropy(net(x), labels)).by_length()
    assert torch.allclose(lengths[0], whole_gradient(net, "layer1.0", x, labels))
    assert not lengths[1:].any()


def test_no_path_and_a_path_asked_twice() -> None:
    net = small_net(BasicBlock, "A").eval()
    x = images(3, 1, 8, 8)
    gradients = PathGradients(net, lambda: net(x).mean())
    assert len(gradients.along([])) == 0
    first, second = gradients.along([("layer1.0", "layer2.1"), {"layer2.1", "layer1.0"}])
    assert torch.equal(first, second)


class Between(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return self[1](2 * self[0](x))


class ReadsElse(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.linear(2 * x)


NET, X = nn.Sequential(Scaled(1), Scaled(2)).eval(), torch.ones(1, 1, dtype=torch.float64)
BETWEEN, ELSE = Between(Scaled(1), Scaled(1)).eval(), nn.Sequential(ReadsElse(1)).eval()


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [
        (NET, lambda: NET(X).sum(), "such as '0', got '5'"),
        (NET, lambda: NET(X).sum().detach(), "scalar that depends on '1'"),
        (NET, lambda: X.sum(), "each of the 2 blocks once, it ran 0"),
        (BETWEEN, lambda: BETWEEN(X).sum(), "'1' reads something else"),
        (ELSE, lambda: ELSE(X).sum(), "'0': the first layer of its branch"),
        (nn.Sequential(Scaled(1)), lambda: X, "evaluation mode"),
        (CifarNet(8, residual=False).eval(), lambda: X, r"plain block 'layer1.0'"),
    ],
)
def test_bad_input_is_named(model: nn.Module, loss: Callable[[], Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PathGradients(model, loss).along([["0"], ["5"]] if model is NET else [["0"]])
