"""What blocks cost, what their skips cost, and which pixels a strided block never sees.

Told in `book/part2/blocks.md`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from residual.probes.cost import cost
from residual.vision import BasicBlock, Bottleneck, CifarNet, resnet18, resnet34, resnet50
from residual.vision.basic import conv3x3
from residual.vision.shortcuts import SHORTCUTS

Block = TypeVar("Block", bound=nn.Module)

SEEDS = tuple(range(5))
MAP = (56, 56)  # of the first stage of an ImageNet ResNet


def linear_branch(*widths: int) -> nn.Sequential:
    """Linear layers from width to width, each followed by batch norm: a block's branch for records without places."""
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise(widths)):
        layers += [nn.ReLU()] if i else []
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after)]
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class BlockCost:
    """One block for one input.

    Attributes:
        name: kind of block and its widths.
        weights: of convolutions and linear layers.
        parameters: those and batch norm's.
        multiply_adds: on a map of 56 by 56, or for one record.
        receptive_field: positions from end to end, on an axis.
    """

    name: str
    weights: int
    parameters: int
    multiply_adds: int
    receptive_field: float


def block_costs() -> list[BlockCost]:
    """A basic block and a bottleneck: at 256 channels, as the networks use them, and made of linear layers.

    Also the single convolution that has been taken for a basic block.
    """
    image, narrow = (256, *MAP), (64, *MAP)
    blocks: list[tuple[str, nn.Module, tuple[int, ...]]] = [
        ("basic, 256", BasicBlock(256, 256), image),
        ("bottleneck, 256-64-256", Bottleneck(256, 64), image),
        ("one 3x3 convolution, 256", conv3x3(256, 256), image),
        ("basic, 64", BasicBlock(64, 64), narrow),
        ("linear basic, 256", linear_branch(256, 256, 256), (256,)),
        ("linear bottleneck, 256-64-256", linear_branch(256, 64, 64, 256), (256,)),
    ]
    return [_block_cost(name, block, shape) for name, block, shape in blocks]


def _block_cost(name: str, block: nn.Module, shape: Sequence[int]) -> BlockCost:
    counted = cost(block, shape)
    return BlockCost(
        name=name,
        weights=sum(layer.parameters for layer in counted.layers if layer.multiply_adds),
        parameters=counted.totals["parameters"],
        multiply_adds=counted.totals["multiply_adds"],
        receptive_field=counted.receptive_field[0],
    )


def shortcut_parameters() -> dict[str, dict[str, int]]:
    """Parameters of CIFAR and ImageNet nets, by network and by option: "plain" for none at all, "A", "B", "C"."""
    makers: dict[str, Callable[..., nn.Module]] = {
        "CIFAR ResNet-20": partial(_cifar_net, 20),
        "CIFAR ResNet-56": partial(_cifar_net, 56),
        "ResNet-18": resnet18,
        "ResNet-34": resnet34,
        "ResNet-50": resnet50,
    }
    with torch.device("meta"):  # shapes are all that counts here
        return {
            net: {option or "plain": _parameters(make(shortcut=option)) for option in (None, *SHORTCUTS)}
            for net, make in makers.items()
        }


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _cifar_net(depth: int, shortcut: str | None) -> CifarNet:
    return CifarNet(depth, residual=False) if shortcut is None else CifarNet(depth, shortcut=shortcut)


def strided_costs() -> dict[str, int]:
    """Multiply-adds of the first bottleneck of ResNet-50's second stage, with the paper's stride and torchvision's."""
    blocks = {"V1": Bottleneck(256, 128, stride=2, v1=True), "V1.5": Bottleneck(256, 128, stride=2)}
    return {name: cost(block, (256, *MAP)).totals["multiply_adds"] for name, block in blocks.items()}


def projected_costs() -> dict[str, int]:
    """Weights of a bottleneck that keeps its shape, with the identity on its skip and with a projection there."""
    blocks = {"identity": Bottleneck(256, 64), "projection": Bottleneck(256, 64, shortcut="C")}
    return {name: _block_cost(name, block, (256, 8, 8)).weights for name, block in blocks.items()}


def sensitivity(function: Callable[[Tensor], Tensor], x: Tensor, *, unit: tuple[int, int] | None = None) -> Tensor:
    """How much outputs move with each pixel: gradients of their sum, absolute, summed over images and channels.

    (N, C, H, W) -> (H, W). With `unit`, a row and a column, of the outputs at that place alone.
    """
    x = x.detach().requires_grad_()
    out = function(x)
    chosen = out if unit is None else out[:, :, unit[0], unit[1]]
    (gradient,) = torch.autograd.grad(chosen.sum(), x)
    return gradient.abs().sum((0, 1))


@dataclass(frozen=True)
class Sight:
    """`sensitivity` of the parts of a block, from one seed; by the names that figures show."""

    seed: int
    maps: dict[str, Tensor]

    def unseen(self, name: str) -> float:
        """Share of the pixels whose gradient is exactly zero."""
        return float((self.maps[name] == 0).double().mean())


def central_unit(seed: int, *, size: int = 9) -> Sight:
    """What the unit in the middle sees through the branch of a basic block and through that of a bottleneck."""
    basic, bottleneck = _seeded(seed, lambda: BasicBlock(32, 32)), _seeded(seed, lambda: Bottleneck(32, 8))
    x = torch.randn(4, 32, size, size, generator=torch.Generator().manual_seed(seed))
    middle = (size // 2, size // 2)
    maps = {"basic block": basic.branch, "bottleneck": bottleneck.branch}
    return Sight(seed, {name: sensitivity(branch, x, unit=middle) for name, branch in maps.items()})


def strided(seed: int, *, size: int = 12) -> Sight:
    """What all units together see through a strided bottleneck: the paper's, torchvision's, and the skip of either."""
    paper = _seeded(seed, lambda: Bottleneck(32, 16, stride=2, v1=True))
    later = _seeded(seed, lambda: Bottleneck(32, 16, stride=2))
    assert later.downsample is not None
    x = torch.randn(4, 32, size, size, generator=torch.Generator().manual_seed(seed)).abs()
    parts: dict[str, Callable[[Tensor], Tensor]] = {
        "V1 branch": paper.branch,
        "V1.5 branch": later.branch,
        "skip of either": later.downsample,
        "V1 block": paper,
        "V1.5 block": later,
    }
    return Sight(seed, {name: sensitivity(part, x) for name, part in parts.items()})


def _seeded(seed: int, make: Callable[[], Block]) -> Block:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()  # in training mode batch norm lets each pixel move all others
