"""The pre-activation block of He et al. (2016), Figure 1b: nothing follows the addition.

Told in `book/part1/residual-connections.md`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.basic import conv3x3
from residual.vision.shortcuts import ProjectionShortcut, shortcut_for


class PreActBlock(nn.Module):
    """Batch norm and ReLU come before each convolution, so that the block is exactly x + F(x) where it keeps its shape.

    Where it does not, a projection (a bare 1x1 convolution) reads what the first batch norm and ReLU made of the input,
    and zero padding (option A) reads the input itself.
    (N, in_channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)).
    Arguments and errors are those of `BasicBlock`.
    """

    expansion = 1
    layers = 2
    preactivated = True
    normalized = True
    folds = (("conv1", "bn2"),)  # a ReLU stands between bn1 and every convolution

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B") -> None:
        super().__init__()
        self.residual = shortcut is not None
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride, normalize=False)
        self.projects = isinstance(self.downsample, ProjectionShortcut)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity."""
        nn.init.zeros_(self.conv2.weight)

    def branch(self, x: Tensor) -> Tensor:
        """What the block adds to its skip: F(x)."""
        return self._convolutions(F.relu(self.bn1(x)))

    def _convolutions(self, activated: Tensor) -> Tensor:
        return self.conv2(F.relu(self.bn2(self.conv1(activated)), inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.bn1(x))
        out = self._convolutions(activated)
        if not self.residual:
            return out
        if self.downsample is None:
            return x + out
        return out + self.downsample(activated if self.projects else x)
