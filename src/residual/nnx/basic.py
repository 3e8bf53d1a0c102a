"""The basic block of `residual.vision.basic` in Flax NNX. Told in `book/part2/jax.md`."""

import jax
import jax.numpy as jnp
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.nnx.shortcuts import shortcut_for


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions, each with batch norm; the block's input is added before the last ReLU.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), channels). Arguments as of the torch block, and
    `rngs`, the random numbers that the weights are made from.

    Raises:
        ValueError: for an unknown shortcut.
    """

    expansion = 1
    layers = 2
    preactivated = False

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B", rngs: nnx.Rngs
    ) -> None:
        self.residual = shortcut is not None
        self.conv1 = convolution(in_channels, channels, 3, stride=stride, rngs=rngs)
        self.bn1 = BatchNorm(channels, rngs=rngs)
        self.conv2 = convolution(channels, channels, 3, rngs=rngs)
        self.bn2 = BatchNorm(channels, rngs=rngs)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride, rngs=rngs)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity up to its last ReLU."""
        self.bn2.scale[...] = jnp.zeros_like(self.bn2.scale[...])

    def branch(self, x: jax.Array) -> jax.Array:
        """What the block computes besides the skip: F(x), before the addition and the last ReLU."""
        out = nnx.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out))

    def __call__(self, x: jax.Array) -> jax.Array:
        out = self.branch(x)
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return nnx.relu(out)
