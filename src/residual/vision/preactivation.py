"""The pre-activation block of He et al. (2016), Figure 1b: nothing follows the addition.

Told in `book/part1/residual-connections.md`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision.cifar import conv3x3


class PreActBlock(nn.Module):
    """Batch norm and ReLU come before each convolution, so that the block is exactly x + F(x).

    (N, channels, H, W) -> (N, channels, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)

    def branch(self, x: Tensor) -> Tensor:
        """F(x)."""
        out = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(out)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)
