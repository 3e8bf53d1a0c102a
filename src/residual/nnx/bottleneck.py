"""The bottleneck block of `residual.vision.bottleneck` in Flax NNX. Told in `book/part2/jax.md`."""

import jax
import jax.numpy as jnp
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.nnx.shortcuts import shortcut_for


class Bottleneck(nnx.Module):
    """A 1x1 convolution narrows to `channels`, a 3x3 works there, a 1x1 widens to four times as many.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), 4 channels). Arguments as of the torch block (`v1`
    strides on the first 1x1, as in the paper; without it on the 3x3), and `rngs` for the weights.

    Raises:
        ValueError: for an unknown shortcut.
    """

    expansion = 4
    layers = 3
    preactivated = False

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        shortcut: str | None = "B",
        v1: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        self.residual = shortcut is not None
        out_channels = channels * self.expansion
        self.conv1 = convolution(in_channels, channels, 1, stride=stride if v1 else 1, rngs=rngs)
        self.bn1 = BatchNorm(channels, rngs=rngs)
        self.conv2 = convolution(channels, channels, 3, stride=1 if v1 else stride, rngs=rngs)
        self.bn2 = BatchNorm(channels, rngs=rngs)
        self.conv3 = convolution(channels, out_channels, 1, rngs=rngs)
        self.bn3 = BatchNorm(out_channels, rngs=rngs)
        self.downsample = shortcut_for(shortcut, in_channels, out_channels, stride, rngs=rngs)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity up to its last ReLU."""
        self.bn3.scale[...] = jnp.zeros_like(self.bn3.scale[...])

    def branch(self, x: jax.Array) -> jax.Array:
        """What the block computes besides the skip: F(x), before the addition and the last ReLU."""
        out = nnx.relu(self.bn1(self.conv1(x)))
        out = nnx.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def __call__(self, x: jax.Array) -> jax.Array:
        out = self.branch(x)
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return nnx.relu(out)
