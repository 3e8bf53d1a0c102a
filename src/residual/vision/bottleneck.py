"""The bottleneck block of He et al. (2015), Figure 5 right: 1x1, 3x3, 1x1. ResNet-50, 101 and 152.

Told in `book/part2/blocks.md`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.basic import conv3x3
from residual.vision.shortcuts import shortcut_for


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution: a linear map of the channels, the same at each pixel."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)


class Bottleneck(nn.Module):
    """A 1x1 convolution narrows to `channels`, a 3x3 works there, a 1x1 widens to four times as many.

    (N, in_channels, H, W) -> (N, 4 channels, ceil(H / stride), ceil(W / stride)).
    Arguments and errors are those of `BasicBlock`. With `v1` the first 1x1 has the stride, as in the paper; without it
    the 3x3, as in torchvision's "V1.5": a strided 1x1 never sees three quarters of its pixels, a strided 3x3 sees all.
    """

    expansion = 4
    layers = 3
    preactivated = False
    normalized = True
    folds = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B", v1: bool = False
    ) -> None:
        super().__init__()
        self.residual = shortcut is not None
        out_channels = channels * self.expansion
        self.conv1 = conv1x1(in_channels, channels, stride if v1 else 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, 1 if v1 else stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = conv1x1(channels, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut_for(shortcut, in_channels, out_channels, stride)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity up to its last ReLU."""
        nn.init.zeros_(self.bn3.weight)

    def branch(self, x: Tensor) -> Tensor:
        """What the block computes besides the skip: F(x), before the addition and the last ReLU."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        branch: Tensor = self.bn3(self.conv3(out))
        return branch

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        if self.residual:
            out += x if self.downsample is None else self.downsample(x)
        return F.relu(out, inplace=True)
