import math
from typing import Any

import pytest
import torch
from nets import images
from peers import torchvision
from torch import Tensor, nn

from residual.probes.branches import BranchSize, branch_sizes
from residual.vision import BasicBlock, Bottleneck, CifarNet, PreActBlock, resnet18


def small_net(block: Any = BasicBlock, **options: Any) -> CifarNet:
    torch.manual_seed(0)
    return CifarNet(20 if block is Bottleneck else 14, block=block, in_channels=1, width=4, **options)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock])
def test_zeroed_branches_have_no_size(block: Any) -> None:
    for size in branch_sizes(small_net(block, zero_init_residual=True), images(4, 1, 8, 8)):
        assert size.branch == 0
        assert size.ratio == 0
        assert size.skip > 0


@pytest.mark.parametrize("block", [BasicBlock, PreActBlock])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_sizes_are_those_of_the_two_summands(block: Any, shortcut: str) -> None:
    """Also where a block adds in place to what its branch returned."""
    net, x = small_net(block, shortcut=shortcut).eval(), images(4, 1, 8, 8)

    def rms(values: Tensor) -> float:
        return values.double().square().mean().sqrt().item()

    sizes = branch_sizes(net, x)
    with torch.no_grad():
        at = net.stem(x)
        for size, module in zip(sizes, net.blocks(), strict=True):
            branch, after = module.branch(at).clone(), module(at)
            if block is PreActBlock:
                skip = after - branch
            else:
                skip = at if module.downsample is None else module.downsample(at)
            assert (size.branch, size.skip) == pytest.approx((rms(branch), rms(skip)), rel=1e-5)
            at = after


def test_variances_add_up_in_a_new_pre_activation_stage() -> None:
    """Branches of new blocks have one size, and each adds its square to the skip's."""
    torch.manual_seed(0)
    net = CifarNet(122, block=PreActBlock, in_channels=1, width=16)
    sizes = [size for size in branch_sizes(net, images(32, 1, 8, 8)) if size.name.startswith("layer1.")]
    assert len(sizes) == 20
    branches = [size.branch for size in sizes]
    assert max(branches) / min(branches) < 1.4
    for m, size in enumerate(sizes[1:], start=1):
        assert size.ratio * math.sqrt(m) == pytest.approx(1, abs=0.25)


def test_measuring_changes_nothing() -> None:
    net, x = small_net().eval(), images(4, 1, 8, 8)
    before = net(x)
    branch_sizes(net, x)
    assert torch.equal(net(x), before)
    assert sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()) == 0


def test_torchvision_has_the_same_sizes() -> None:
    ours, theirs = resnet18(num_classes=10), torchvision().models.resnet18(num_classes=10)
    theirs.load_state_dict(ours.state_dict())
    x = images(2, 3, 32, 32)
    for one, other in zip(branch_sizes(ours, x), branch_sizes(theirs, x), strict=True):
        assert one.name == other.name
        assert (one.branch, one.skip) == pytest.approx((other.branch, other.skip), rel=1e-4)


class Twice(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.block(x))


class ScaledBlock(BasicBlock):
    def __init__(self) -> None:
        super().__init__(4, 4)
        self.scale = nn.Parameter(torch.zeros(()))


def test_a_ratio_of_zeros() -> None:
    assert BranchSize("a", 1.0, 0.0).ratio == math.inf
    assert BranchSize("a", 0.0, 0.0).ratio == 0


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(ScaledBlock()), "'0' must add what its last layer puts out, it has 'scale' besides"),
        (CifarNet(8, residual=False), "all blocks of CifarNet are plain"),
        (nn.Linear(2, 2), "must have residual blocks"),
        (Twice(BasicBlock(4, 4)), "'block' must run once, it ran 2"),
    ],
)
def test_models_that_are_refused(model: nn.Module, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        branch_sizes(model, images(2, 4, 8, 8))
