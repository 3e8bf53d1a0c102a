"""Convolution, batch norm and linear layer that compute, and start, as torch's do.

Told in `book/appendix/jax.md`. Flax's defaults differ from torch's in padding, initialization and running statistics.
"""

import jax
import jax.numpy as jnp
from flax import nnx

HE = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")  # He et al. (2015), "Delving deep", section 2.2


def convolution(in_channels: int, out_channels: int, size: int, *, stride: int = 1, rngs: nnx.Rngs) -> nnx.Conv:
    """A convolution without bias that keeps height and width at stride 1.

    Padded by size // 2 on every side. Flax's default, "SAME", pads a strided convolution on one side more than on the
    other, and then its output is another.
    """
    return nnx.Conv(
        in_channels, out_channels, (size, size), stride, padding=size // 2, use_bias=False, kernel_init=HE, rngs=rngs
    )


class BatchNorm(nnx.BatchNorm):
    """Batch norm over all axes but the last, with running statistics as torch keeps them.

    Four things differ from `nnx.BatchNorm`. The momentum is 0.9, which torch calls 0.1. The running variance is the
    unbiased one, n / (n - 1) times the variance of the n values. A batch of nothing leaves both statistics as they are.
    And batches are counted, in `batches`.

    Raises:
        ValueError: when called in training mode with one value per channel, which has no variance.
    """

    scale: nnx.Param[jax.Array]  # always there, unlike the parent's

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        # The fast variance, E[x^2] - E[x]^2, loses digits where the mean is large.
        super().__init__(channels, momentum=0.9, use_fast_variance=False, rngs=rngs)
        self.batches = nnx.BatchStat(jnp.zeros((), jnp.int32))

    def __call__(self, x: jax.Array) -> jax.Array:  # type: ignore[override]  # the mode is the module's, as in torch
        if self.use_running_average:
            return super().__call__(x)
        n = x.size // x.shape[-1]
        if n == 1:
            raise ValueError(f"x must have more than one value a channel in training mode, got shape {x.shape}")
        self.batches[...] += 1
        if n == 0:
            return x
        kept = self.momentum * self.var[...]
        out = super().__call__(x)
        self.var[...] = kept + (self.var[...] - kept) * (n / (n - 1))
        return out


def linear(in_features: int, out_features: int, *, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer whose weights and biases start as torch's: uniform within 1 / sqrt(in_features) of zero."""
    bound = in_features**-0.5

    def uniform(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return nnx.Linear(in_features, out_features, kernel_init=uniform, bias_init=uniform, rngs=rngs)
