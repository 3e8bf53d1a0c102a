"""A pre-activation block without batch norm: x + scale F(x), with a learned scale for each block.

The block of SkipInit (De & Smith 2020) and, with another F, of ReZero (Bachlechner et al. 2021). Told in
`book/part1/depth.md`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.shortcuts import ProjectionShortcut, shortcut_for


class NormFreeBlock(nn.Module):
    """x + scale * F(x), F = convolution after ReLU, twice. The learned `scale` starts at 0: the block is the identity.

    Convolutions have biases, which start at zero, since no batch norm brings its own. Where the block changes shape, a
    projection (a bare 1x1 convolution) reads the input after its ReLU, and zero padding (option A) the input itself.
    (N, in_channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)).
    Arguments and errors are those of `BasicBlock`.
    """

    expansion = 1
    layers = 2
    preactivated = True
    normalized = False
    folds: tuple[tuple[str, str], ...] = ()

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B") -> None:
        super().__init__()
        self.residual = shortcut is not None
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        for convolution in (self.conv1, self.conv2):
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)
        self.scale = nn.Parameter(torch.zeros(()))
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride, normalize=False)
        self.projects = isinstance(self.downsample, ProjectionShortcut)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity, as a new block does."""
        nn.init.zeros_(self.scale)

    def branch(self, x: Tensor) -> Tensor:
        """What the block adds to its skip: scale * F(x)."""
        return self._scaled(F.relu(x))

    def _scaled(self, activated: Tensor) -> Tensor:
        return self.scale * self.conv2(F.relu(self.conv1(activated), inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(x)
        out = self._scaled(activated)
        if not self.residual:
            return out
        if self.downsample is None:
            return x + out
        return out + self.downsample(activated if self.projects else x)
