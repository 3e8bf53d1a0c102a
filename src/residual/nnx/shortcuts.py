"""What a skip does where its block changes shape: `residual.vision.shortcuts` for the twin.

Told in `book/part2/jax.md`.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.vision.shortcuts import SHORTCUTS


class PadShortcut(nnx.Module):
    """Option A: subsample, then put half of the new channels, all zeros, before the old ones and half after.

    (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), C + new_channels).

    Raises:
        ValueError: for fewer channels out than in; padding can only add.
    """

    def __init__(self, new_channels: int, stride: int) -> None:
        if new_channels < 0:
            raise ValueError(f"new_channels must be at least 0, got {new_channels}: shortcut 'A' only adds channels")
        self.before = new_channels // 2
        self.after = new_channels - self.before
        self.stride = stride

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x[:, :: self.stride, :: self.stride, :]
        return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (self.before, self.after)))


class ProjectionShortcut(nnx.Module):
    """Options B and C: a 1x1 convolution with the block's stride and, with `normalize`, batch norm.

    (N, H, W, in_channels) -> (N, ceil(H / stride), ceil(W / stride), out_channels).
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, *, normalize: bool = True, rngs: nnx.Rngs
    ) -> None:
        self.conv = convolution(in_channels, out_channels, 1, stride=stride, rngs=rngs)
        self.norm = BatchNorm(out_channels, rngs=rngs) if normalize else None

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


def shortcut_for(
    option: str | None, in_channels: int, out_channels: int, stride: int, *, normalize: bool = True, rngs: nnx.Rngs
) -> PadShortcut | ProjectionShortcut | None:
    """The module on a block's skip, or None where the skip passes on its input. As `residual.vision.shortcuts`'.

    Raises:
        ValueError: for another option than "A", "B", "C" or None, or for "A" with fewer channels out than in.
    """
    if option is None:
        return None
    if option not in SHORTCUTS:
        raise ValueError(f"shortcut must be one of {SHORTCUTS}, or None for no skip at all, got {option!r}")
    if option != "C" and stride == 1 and in_channels == out_channels:
        return None
    if option == "A":
        return PadShortcut(out_channels - in_channels, stride)
    return ProjectionShortcut(in_channels, out_channels, stride, normalize=normalize, rngs=rngs)
