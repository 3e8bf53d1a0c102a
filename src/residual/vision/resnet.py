"""The residual network of He et al. (2015): stem, stages of blocks, average pooling, one linear layer.

Told in `book/part2/resnet.md`. Keys of the state dict are torchvision's, and so are the numbers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.arguments import check_network
from residual.vision.basic import BasicBlock, conv3x3
from residual.vision.bottleneck import Bottleneck
from residual.vision.normfree import NormFreeBlock
from residual.vision.preactivation import PreActBlock

Block = BasicBlock | Bottleneck | NormFreeBlock | PreActBlock


class ResNet(nn.Module):
    """A residual network for images: (N, in_channels, H, W) -> logits (N, num_classes).

    Stage i has `width` * 2^i channels in its convolutions; every stage but the first halves height and width. Images of
    any size go through, because the last feature map is averaged over all its places.

    Args:
        block: the kind of block.
        layers: blocks a stage, one number a stage.
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
        check_network(
            layers,
            shortcut=shortcut,
            zero_init_residual=zero_init_residual,
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
        )
        if v1 and block is not Bottleneck:
            raise ValueError(f"v1=True needs block=Bottleneck, got {block.__name__}: no other has two places to stride")
        self.in_channels = in_channels
        self.small_images = small_images
        self.preactivated = block.preactivated
        self.conv1 = (
            conv3x3(in_channels, width)
            if small_images
            else nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3, bias=False)
        )
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
        self._initialize(zero_init_residual)

    def _initialize(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for block in self.blocks():
                block.zero_branch()

    def blocks(self) -> list[Block]:
        """All blocks, from the stem to the head."""
        return [block for block in self.modules() if isinstance(block, Block)]

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
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        if self.preactivated:
            x = F.relu(self.bn1(x), inplace=True)
        return torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.features(images))
        return logits

    def _check(self, images: Tensor) -> None:
        expected = f"(N, {self.in_channels}, H, W)"
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(f"images must have shape {expected}, got {tuple(images.shape)}")
        if not images.is_floating_point():
            raise ValueError(f"images must be floating point, as {self.conv1.weight.dtype}, got {images.dtype}")
        if images.dtype != self.conv1.weight.dtype and not torch.is_autocast_enabled(images.device.type):
            raise ValueError(f"images must have the weights' dtype, {self.conv1.weight.dtype}, got {images.dtype}")


def resnet18(**options: Any) -> ResNet:
    """ResNet-18: 11,689,512 parameters for 1,000 classes. Options as in `ResNet`."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **options)


def resnet34(**options: Any) -> ResNet:
    """ResNet-34: 21,797,672 parameters for 1,000 classes. Options as in `ResNet`."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **options)


def resnet50(**options: Any) -> ResNet:
    """ResNet-50: 25,557,032 parameters for 1,000 classes. Options as in `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **options)


def resnet101(**options: Any) -> ResNet:
    """ResNet-101: 44,549,160 parameters for 1,000 classes. Options as in `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **options)


def resnet152(**options: Any) -> ResNet:
    """ResNet-152: 60,192,808 parameters for 1,000 classes. Options as in `ResNet`."""
    return ResNet(Bottleneck, (3, 8, 36, 3), **options)
