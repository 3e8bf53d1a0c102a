"""The basic block of He et al. (2015), Figure 5 left: two 3x3 convolutions. ResNet-18, ResNet-34, the CIFAR nets.

Told in `book/part1/degradation.md` (plain against residual) and `book/part2/blocks.md`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.shortcuts import shortcut_for


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps height and width at stride 1. No bias: batch norm follows and has its own."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm; the block's input is added before the last ReLU.

    (N, in_channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: of the input.
        channels: of both convolutions.
        stride: of the first convolution.
        shortcut: "A", "B" or "C" as in `shortcut_for`; None omits the skip, which makes the plain block.

    Raises:
        ValueError: for an unknown shortcut.
    """

    expansion = 1  # channels out of the block, over `channels`
    layers = 2  # convolutions on the branch
    preactivated = False
    normalized = True  # by batch norm
    folds = (("conv1", "bn1"), ("conv2", "bn2"))  # each batch norm that directly follows a convolution

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B") -> None:
        super().__init__()
        self.residual = shortcut is not None
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity up to its last ReLU."""
        nn.init.zeros_(self.bn2.weight)

    def branch(self, x: Tensor) -> Tensor:
        """What the block computes besides the skip: F(x), before the addition and the last ReLU."""
        out: Tensor = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        return out

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        if self.residual:
            out += x if self.downsample is None else self.downsample(x)
        return F.relu(out, inplace=True)
