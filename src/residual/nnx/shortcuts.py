"""What a skip does where its block changes shape: `residual.vision.shortcuts` in Flax NNX.

Told in `book/appendix/jax.md`.
"""

import jax
import jax.numpy as jnp
import torch
from flax import nnx

from residual.nnx.layers import BatchNorm, convolution
from residual.vision import shortcuts as torch_shortcuts


class PadShortcut(nnx.Module):
    """Option A: subsample, then put channels of zeros `before` and `after` the old ones.

    (N, H, W, C) -> (N, ceil(H / stride), ceil(W / stride), before + C + after).
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        self.before, self.after, self.stride = before, after, stride

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
    """The module on a block's skip, or None where the skip passes on its input: of the kind that torch's block has.

    Raises:
        ValueError: as `residual.vision.shortcuts.shortcut_for`.
    """
    with torch.device("meta"):  # only the kind matters: no weights are made
        kind = torch_shortcuts.shortcut_for(option, in_channels, out_channels, stride)
    if kind is None:
        return None
    if isinstance(kind, torch_shortcuts.PadShortcut):
        return PadShortcut(kind.before, kind.after, stride)
    return ProjectionShortcut(in_channels, out_channels, stride, normalize=normalize, rngs=rngs)
