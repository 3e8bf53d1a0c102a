"""The residual network of He et al. (2015): stem, stages of blocks, average pooling, one linear layer.

Told in `book/part2/resnet.md`. Keys of the state dict are torchvision's, and so are the numbers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.probes.blocks import find_blocks
from residual.vision.basic import BasicBlock
from residual.vision.bottleneck import Bottleneck
from residual.vision.normfree import NormFreeBlock
from residual.vision.preactivation import PreActBlock

Block = BasicBlock | Bottleneck | NormFreeBlock | PreActBlock
Net = TypeVar("Net")


class ResNet(nn.Module):
    """A residual network for images: (N, in_channels, H, W) -> logits (N, num_classes).

    Stage i has `width` * 2^i channels in its convolutions; every stage but the first halves height and width. Images of
    any size go through, because the last feature map is averaged over all its positions. `torch.export`,
    `torch.fx.symbolic_trace` and `torch.jit.script` take it; what the last two make no longer checks its images.

    Args:
        block: the kind of block.
        layers: the number of blocks in each stage.
        num_classes: number of logits.
        in_channels: channels of the images.
        width: channels of the stem and of the first stage.
        shortcut: "A", "B" or "C" as in `residual.vision.shortcuts`; None makes the plain net.
        zero_init_residual: start each block's branch at zero, so that every block starts as the identity up to its
            last ReLU (Goyal et al. 2017, section 5.1).
        small_images: a 3x3 stem that keeps the size, for images such as CIFAR's; otherwise the stem quarters it.
        v1: bottlenecks stride on their first 1x1 convolution, as in the paper.

    Raises:
        ValueError: for a bad argument; when called, for images of another rank, dtype or number of channels.
    """

    def __init__(
        self,
        block: type[Block],
        layers: Sequence[int],
        *,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: int = 64,
        shortcut: str | None = "B",
        zero_init_residual: bool = False,
        small_images: bool = False,
        v1: bool = False,
    ) -> None:
        super().__init__()
        self.block, self.layers, self.shortcut = block, tuple(layers), shortcut
        self.num_classes, self.in_channels, self.width = num_classes, in_channels, width
        self.small_images, self.v1 = small_images, v1
        check_network(self, zero_init_residual=zero_init_residual)
        self.preactivated = block.preactivated
        size, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, width, size, stride, padding=size // 2, bias=False)
        make: Callable[..., Block] = partial(Bottleneck, v1=True) if v1 else block
        features = width
        if not self.preactivated:
            self.bn1: nn.Module = nn.BatchNorm2d(width)
        for i, blocks in enumerate(layers):
            stage = nn.Sequential()
            for j in range(blocks):
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(make(features, width * 2**i, stride=stride, shortcut=shortcut))
                features = width * 2**i * block.expansion
            self.add_module(f"layer{i + 1}", stage)
        if self.preactivated:  # nothing follows the last addition yet
            self.bn1 = nn.BatchNorm2d(features) if block.normalized else nn.Identity()
        self.fc = nn.Linear(features, num_classes)
        self.stages = tuple(f"layer{i + 1}" for i in range(len(layers)))
        self.depth = 2 + block.layers * sum(layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for made in self.blocks():
                made.zero_branch()

    def blocks(self) -> list[Block]:
        """All blocks, from the stem to the head."""
        return [cast(Block, block.module) for block in find_blocks(self).values()]

    def stem(self, images: Tensor) -> Tensor:
        """What the first stage reads: (N, in_channels, H, W) -> (N, width, H / 4, W / 4), or H, W for small images."""
        x = self.conv1(images)
        if not self.preactivated:
            x = F.relu(self.bn1(x), inplace=True)
        return x if self.small_images else F.max_pool2d(x, kernel_size=3, stride=2, padding=1)

    def features(self, images: Tensor) -> Tensor:
        """The embedding that the linear layer reads: (N, in_channels, H, W) -> (N, fc.in_features)."""
        self._check(images)
        x = self.stem(images)
        for name, stage in self.named_children():
            if name in self.stages:
                x = stage(x)
        if self.preactivated:
            x = F.relu(self.bn1(x), inplace=True)
        return torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images))
        return logits

    def _check(self, images: Tensor) -> None:
        # torch's stub lacks the name; the compiler of `torch.jit.script` takes a second comment on the line for a type
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            check_images(self, images)


def check_images(net: ResNet, images: Tensor) -> None:
    """Refuse what `net` cannot read; what torch.fx passes through a net to trace it has no shape yet, and is let by.

    Raises:
        ValueError: for images of another rank, dtype or number of channels than the net's.
    """
    if isinstance(images, torch.fx.Proxy):
        return
    if images.ndim != 4 or images.shape[1] != net.in_channels:
        raise ValueError(f"images must have shape (N, {net.in_channels}, H, W), got {tuple(images.shape)}")
    dtype = net.conv1.weight.dtype
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point, as {dtype}, got {images.dtype}")
    if images.dtype != dtype and not torch.is_autocast_enabled(images.device.type):
        raise ValueError(f"images must have the weights' dtype, {dtype}, got {images.dtype}")


def check_network(net: Any, *, zero_init_residual: bool) -> None:
    """Refuse the arguments that a net, torch's or its JAX copy, was given and has as attributes.

    Raises:
        ValueError: for no stage, an empty one, a size below 1, branches that start at zero with no skip beside them, or
            `v1` with another block than the bottleneck.
    """
    if not net.layers or min(net.layers) < 1:
        raise ValueError(f"layers must hold at least one block a stage, got {list(net.layers)}")
    for name in ("num_classes", "in_channels", "width"):
        if getattr(net, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(net, name)}")
    if zero_init_residual and net.shortcut is None:
        raise ValueError("zero_init_residual=True needs skips: a plain net would output zeros only")
    if net.v1 and net.block.__name__ != "Bottleneck":
        raise ValueError(f"v1=True needs block=Bottleneck, got {net.block.__name__}: no other has two places to stride")


def named(net: Callable[..., Net], name: str, block: type, layers: Sequence[int], count: int) -> Callable[..., Net]:
    """A function that makes one of the nets of He et al. (2015), Table 1; it takes the other options of `net`."""

    def make(**options: Any) -> Net:
        return net(block, layers, **options)

    make.__module__, make.__name__, make.__qualname__ = net.__module__, name, name
    make.__doc__ = f"{name}: {count:,} parameters for 1,000 classes. Options as in `ResNet`."
    return make


resnet18 = named(ResNet, "resnet18", BasicBlock, (2, 2, 2, 2), 11_689_512)
resnet34 = named(ResNet, "resnet34", BasicBlock, (3, 4, 6, 3), 21_797_672)
resnet50 = named(ResNet, "resnet50", Bottleneck, (3, 4, 6, 3), 25_557_032)
resnet101 = named(ResNet, "resnet101", Bottleneck, (3, 4, 23, 3), 44_549_160)
resnet152 = named(ResNet, "resnet152", Bottleneck, (3, 8, 36, 3), 60_192_808)
