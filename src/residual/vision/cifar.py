"""The CIFAR networks of He et al. (2015), section 4.2: plain and residual from the same code.

Told in `book/part1/degradation.md` (the comparison) and `book/part1/residual-connections.md` (the block).
"""

from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

SHORTCUTS = ("A", "B")


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps height and width at stride 1. No bias: batch norm follows and has its own."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)


class PadShortcut(nn.Module):
    """Option A of He et al. (2015): subsample, then fill the new channels with zeros. It has no parameters.

    Half of the zero channels go before the old ones and half after, as in the weights published for these nets.
    (N, C, H, W) -> (N, C + new_channels, ceil(H / stride), ceil(W / stride)).

    Raises:
        ValueError: for fewer channels out than in; padding can only add.
    """

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        if new_channels < 0:
            raise ValueError(f"new_channels must be at least 0, got {new_channels}: shortcut 'A' only adds channels")
        self.before = new_channels // 2
        self.after = new_channels - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


class ProjectionShortcut(nn.Sequential):
    """Option B of He et al. (2015): subsample, a 1x1 convolution and batch norm. Keys `0` and `1`, as in torchvision.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False), nn.BatchNorm2d(out_channels))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        # The same as a convolution with this stride, whose gradient for few channels in channels_last order writes
        # outside its memory on CPUs (oneDNN, issue 6035).
        projected: Tensor = self[1](self[0](x[:, :, :: self.stride, :: self.stride]))
        return projected


class CifarBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm; with `residual`, their input is added before the last ReLU.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises:
        ValueError: for an unknown shortcut.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int = 1, residual: bool = True, shortcut: str = "A"
    ) -> None:
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(f"shortcut must be one of {SHORTCUTS}, got {shortcut!r}")
        self.residual = residual
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module | None = None
        if residual and (stride != 1 or in_channels != out_channels):
            if shortcut == "A":
                self.downsample = PadShortcut(out_channels - in_channels, stride)
            else:
                self.downsample = ProjectionShortcut(in_channels, out_channels, stride)

    def branch(self, x: Tensor) -> Tensor:
        """What the block computes besides the skip: F(x), before the addition and the last ReLU."""
        out: Tensor = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return F.relu(out)


class CifarNet(nn.Module):
    """The CIFAR net of He et al. (2015), section 4.2.

    A stem, three stages of n blocks, average pooling over the whole image, one linear layer.
    (N, in_channels, H, W) -> logits (N, num_classes). Stages have `width`, 2 `width` and 4 `width` channels; the
    second and third halve height and width.

    Args:
        depth: weighted layers, 6n + 2 (20, 32, 44, 56, 110, ...).
        residual: add each block's input to its output; without it the same layers make the plain net.
        shortcut: where a block changes shape, "A" (zero padding) or "B" (1x1 convolution).
        zero_init_residual: start each block's last batch-norm weight at zero, so that every block starts as the
            identity up to its last ReLU (Goyal et al. 2017, section 5.1).
        in_channels: channels of the images.
        num_classes: number of logits.
        width: channels of the first stage.

    Raises:
        ValueError: for a depth that is not 6n + 2, an unknown shortcut, or `zero_init_residual` in a plain net.
    """

    def __init__(
        self,
        depth: int,
        *,
        residual: bool = True,
        shortcut: str = "A",
        zero_init_residual: bool = False,
        in_channels: int = 3,
        num_classes: int = 10,
        width: int = 16,
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            below = max(8, depth - (depth - 2) % 6)
            raise ValueError(f"depth must be 6n+2 with n of at least 1, got {depth}; nearest: {below} and {below + 6}")
        if zero_init_residual and not residual:
            raise ValueError("zero_init_residual=True needs residual=True: a plain net would output zeros only")
        blocks = (depth - 2) // 6
        self.depth = depth
        self.residual = residual
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)

        def stage(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
            widths = [in_channels] + [out_channels] * blocks
            return nn.Sequential(
                *(
                    CifarBlock(a, b, stride=stride if i == 0 else 1, residual=residual, shortcut=shortcut)
                    for i, (a, b) in enumerate(pairwise(widths))
                )
            )

        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.fc = nn.Linear(4 * width, num_classes)
        self._initialize(zero_init_residual)

    def _initialize(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, CifarBlock):
                    nn.init.zeros_(module.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def resnet20(**options: Any) -> CifarNet:
    """ResNet-20 for CIFAR, 269,722 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(20, **options)


def resnet32(**options: Any) -> CifarNet:
    """ResNet-32 for CIFAR, 464,154 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(32, **options)


def resnet44(**options: Any) -> CifarNet:
    """ResNet-44 for CIFAR, 658,586 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(44, **options)


def resnet56(**options: Any) -> CifarNet:
    """ResNet-56 for CIFAR, 853,018 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(56, **options)


def resnet110(**options: Any) -> CifarNet:
    """ResNet-110 for CIFAR, 1,727,962 parameters with shortcut A. Options as in `CifarNet`."""
    return CifarNet(110, **options)
