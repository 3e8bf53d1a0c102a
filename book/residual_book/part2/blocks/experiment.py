"""What blocks cost, what their skips cost, and which pixels a strided block never sees."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from residual.probes.cost import Cost, cost
from residual.vision import BasicBlock, Bottleneck, CifarNet
from residual.vision.shortcuts import SHORTCUTS
from residual_book.nets import MAKERS
from residual_book.recording import alone
from residual_book.sights import sensitivity

SEEDS = tuple(range(5))
MAP = (56, 56)  # of the first stage of an ImageNet ResNet


def linear_branch(*widths: int) -> nn.Sequential:
    """Linear layers from width to width, each followed by batch norm: the branch of a block for tables."""
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise(widths)):
        layers += [nn.ReLU()] if i else []
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after)]
    return nn.Sequential(*layers)


def block_costs() -> dict[str, Cost]:
    """A basic block and a bottleneck: at 256 channels, as the networks use them, and made of linear layers.

    Also the single convolution that has been taken for a basic block. The names say the kind of block and its widths.
    """
    image, narrow = (256, *MAP), (64, *MAP)
    return {
        "basic, 256": cost(BasicBlock(256, 256), image),
        "bottleneck, 256-64-256": cost(Bottleneck(256, 64), image),
        "one 3x3 convolution, 256": cost(nn.Conv2d(256, 256, 3, padding=1, bias=False), image),
        "basic, 64": cost(BasicBlock(64, 64), narrow),
        "linear basic, 256": cost(linear_branch(256, 256, 256), (256,)),
        "linear bottleneck, 256-64-256": cost(linear_branch(256, 64, 64, 256), (256,)),
    }


def weights(block: Cost) -> int:
    """Parameters of convolutions and linear layers, without those of batch norm."""
    return sum(layer.parameters for layer in block.layers if layer.multiply_adds)


def shortcut_parameters() -> dict[str, dict[str, int]]:
    """Parameters of CIFAR and ImageNet nets, by network and by option: "plain" for none at all, "A", "B", "C"."""
    makers: dict[str, Callable[..., nn.Module]] = {
        **{f"CIFAR ResNet-{depth}": partial(_cifar_net, depth) for depth in (20, 56)},
        **{name: MAKERS[name] for name in ("ResNet-18", "ResNet-34", "ResNet-50")},
    }
    with torch.device("meta"):  # shapes are all that counts here
        return {
            net: {option or "plain": _parameters(make(shortcut=option)) for option in (None, *SHORTCUTS)}
            for net, make in makers.items()
        }


def _cifar_net(depth: int, shortcut: str | None) -> CifarNet:
    return CifarNet(depth, residual=shortcut is not None, shortcut=shortcut or "A")


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def strided_costs() -> dict[str, Cost]:
    """The first bottleneck of ResNet-50's second stage, with the paper's stride (V1) and with torchvision's (V1.5)."""
    blocks = {"V1": Bottleneck(256, 128, stride=2, v1=True), "V1.5": Bottleneck(256, 128, stride=2)}
    return {name: cost(block, (256, *MAP)) for name, block in blocks.items()}


def projected_costs() -> dict[str, Cost]:
    """A bottleneck that keeps its shape, with the identity on its skip and with a projection there."""
    blocks = {"identity": Bottleneck(256, 64), "projection": Bottleneck(256, 64, shortcut="C")}
    return {name: cost(block, (256, *MAP)) for name, block in blocks.items()}


def central_unit(seed: int) -> dict[str, Tensor]:
    """Sensitivity (9, 9) of the unit in the middle, through the branch of a basic block and that of a bottleneck."""
    with alone(seed):
        basic = BasicBlock(32, 32).eval()  # in training mode batch norm lets each pixel move all others
    with alone(seed):
        bottleneck = Bottleneck(32, 8).eval()
    x = torch.randn(4, 32, 9, 9, generator=torch.Generator().manual_seed(seed))
    branches = {"basic block": basic.branch, "bottleneck": bottleneck.branch}
    return {name: sensitivity(branch, x, unit=(4, 4)) for name, branch in branches.items()}


def strided(seed: int) -> dict[str, Tensor]:
    """Sensitivity (12, 12) of all units of a strided bottleneck together: the paper's, torchvision's, their skip."""
    with alone(seed):
        paper = Bottleneck(32, 16, stride=2, v1=True).eval()
    with alone(seed):
        later = Bottleneck(32, 16, stride=2).eval()
    assert later.downsample is not None
    x = torch.randn(4, 32, 12, 12, generator=torch.Generator().manual_seed(seed)).abs()
    return {
        "V1 branch": sensitivity(paper.branch, x),
        "V1.5 branch": sensitivity(later.branch, x),
        "skip of either": sensitivity(later.downsample, x),
        "V1 block": sensitivity(paper, x),
        "V1.5 block": sensitivity(later, x),
    }


def unseen(sight: Tensor) -> float:
    """Share of the pixels whose sensitivity is exactly zero."""
    return float((sight == 0).double().mean())
