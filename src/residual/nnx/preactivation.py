"""The pre-activation block of `residual.vision.preactivation` in Flax NNX. Told in `book/part2/jax.md`."""

import jax
import jax.numpy as jnp
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.nnx.shortcuts import ProjectionShortcut, shortcut_for


class PreActBlock(nnx.Module):
    """Batch norm and ReLU before each convolution, so that nothing follows the addition.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), channels). Arguments as of the torch block, and
    `rngs` for the weights.

    Raises:
        ValueError: for an unknown shortcut.
    """

    expansion = 1
    layers = 2
    preactivated = True

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, shortcut: str | None = "B", rngs: nnx.Rngs
    ) -> None:
        self.residual = shortcut is not None
        self.bn1 = BatchNorm(in_channels, rngs=rngs)
        self.conv1 = convolution(in_channels, channels, 3, stride=stride, rngs=rngs)
        self.bn2 = BatchNorm(channels, rngs=rngs)
        self.conv2 = convolution(channels, channels, 3, rngs=rngs)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride, normalize=False, rngs=rngs)

    def zero_branch(self) -> None:
        """Make the branch return zeros, so that the block starts as the identity."""
        self.conv2.kernel[...] = jnp.zeros_like(self.conv2.kernel[...])

    def branch(self, x: jax.Array) -> jax.Array:
        """F(x)."""
        return self._convolutions(nnx.relu(self.bn1(x)))

    def _convolutions(self, activated: jax.Array) -> jax.Array:
        out = nnx.relu(self.bn2(self.conv1(activated)))
        return self.conv2(out)

    def __call__(self, x: jax.Array) -> jax.Array:
        activated = nnx.relu(self.bn1(x))
        out = self._convolutions(activated)
        if not self.residual:
            return out
        if self.downsample is None:
            return x + out
        return out + self.downsample(activated if isinstance(self.downsample, ProjectionShortcut) else x)
