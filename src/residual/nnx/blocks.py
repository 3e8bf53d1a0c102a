"""The blocks of `residual.vision` in Flax NNX: basic, bottleneck and pre-activation. Told in `book/appendix/jax.md`.

Arguments, methods and errors are those of the torch blocks. `rngs` are the random numbers that weights are made from.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.nnx.shortcuts import ProjectionShortcut, shortcut_for


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions, each with batch norm; the block's input is added before the last ReLU.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), channels).
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


class Bottleneck(nnx.Module):
    """A 1x1 convolution narrows to `channels`, a 3x3 works there, a 1x1 widens to four times as many.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), 4 channels). With `v1` the first 1x1 has the
    stride, as in the paper; without it the 3x3.
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
        self.bn3.scale[...] = jnp.zeros_like(self.bn3.scale[...])

    def branch(self, x: jax.Array) -> jax.Array:
        out = nnx.relu(self.bn1(self.conv1(x)))
        out = nnx.relu(self.bn2(self.conv2(out)))
        return self.bn3(self.conv3(out))

    def __call__(self, x: jax.Array) -> jax.Array:
        out = self.branch(x)
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return nnx.relu(out)


class PreActBlock(nnx.Module):
    """Batch norm and ReLU before each convolution, so that nothing follows the addition.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), channels).
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
        self.conv2.kernel[...] = jnp.zeros_like(self.conv2.kernel[...])

    def branch(self, x: jax.Array) -> jax.Array:
        return self._convolutions(nnx.relu(self.bn1(x)))

    def _convolutions(self, activated: jax.Array) -> jax.Array:
        return self.conv2(nnx.relu(self.bn2(self.conv1(activated))))

    def __call__(self, x: jax.Array) -> jax.Array:
        activated = nnx.relu(self.bn1(x))
        out = self._convolutions(activated)
        if not self.residual:
            return out
        if self.downsample is None:
            return x + out
        return out + self.downsample(activated if isinstance(self.downsample, ProjectionShortcut) else x)
