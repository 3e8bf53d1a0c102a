"""Convolution, pooling and batch norm in plain numpy, and how far they are from torch's.

Told in `book/primers/convolutions.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEEDS = tuple(range(10))
KERNELS: dict[str, Array] = {
    "vertical edges": np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    "horizontal edges": np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "blur": np.full((3, 3), 1 / 9),
    "all edges": np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
}


def output_size(size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Positions that a window has along an axis of `size` pixels (Dumoulin & Visin 2016).

    Raises:
        ValueError: where the window does not fit.
    """
    span = dilation * (kernel - 1) + 1
    if size + 2 * padding < span:
        raise ValueError(f"size must be at least {span - 2 * padding} for a window of {span}, got {size}")
    return (size + 2 * padding - span) // stride + 1


def convolve(x: Array, weights: Array, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> Array:
    """What a convolutional layer computes, without its bias: (C, H, W) and (O, C, k, k) -> (O, H', W').

    Raises:
        ValueError: for other channels in `x` than in `weights`, and as `output_size`.
    """
    (channels, height, width), (outputs, inputs, kernel, _) = x.shape, weights.shape
    if channels != inputs:
        raise ValueError(f"x must have {inputs} channels, as weights have, got {channels}")
    sizes = [output_size(n, kernel, stride=stride, padding=padding, dilation=dilation) for n in (height, width)]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    span = dilation * (kernel - 1) + 1
    out = np.zeros((outputs, *sizes))
    for o, i, j in np.ndindex(out.shape):
        top, left = stride * i, stride * j
        window = padded[:, top : top + span : dilation, left : left + span : dilation]
        out[o, i, j] = (window * weights[o]).sum()
    return out


def pool(x: Array, summary: Callable[[Array], float], *, kernel: int = 2, stride: int = 2) -> Array:
    """`summary` of every window of every channel, such as np.max or np.mean: (C, H, W) -> (C, H', W').

    Raises:
        ValueError: as `output_size`.
    """
    out = np.zeros((len(x), *(output_size(n, kernel, stride=stride) for n in x.shape[1:])))
    for c, i, j in np.ndindex(out.shape):
        out[c, i, j] = summary(x[c, stride * i : stride * i + kernel, stride * j : stride * j + kernel])
    return out


def batch_norm(x: Array, *, epsilon: float = 1e-5) -> Array:
    """Each channel with its mean subtracted and divided by its standard deviation, over batch and places: (N, C, H, W).

    Ioffe & Szegedy 2015, algorithm 1, in training and before the learned scale and shift.
    """
    mean, variance = (f(x, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
    return np.asarray((x - mean) / np.sqrt(variance + epsilon))


@dataclass(frozen=True)
class Parity:
    """Largest differences between the loops above and other people's code, over the size of the numbers; one seed.

    Attributes:
        torch: of `convolve` from `torch.nn.functional.conv2d`, with random channels, stride, padding and dilation.
        pooling: of `pool` from torch's max and average pooling.
        batch_norm: of `batch_norm` from torch's, in training mode.
        true_convolution: of `convolve` from the convolution of mathematics, by Fourier transforms, around in a circle.
        flipped: of the same with the kernel turned by half a circle.
    """

    seed: int
    torch: float
    pooling: float
    batch_norm: float
    true_convolution: float
    flipped: float


def check(seed: int) -> Parity:
    """Compare on random numbers, in float64."""
    rng = np.random.default_rng(seed)
    channels, outputs, kernel, stride, dilation = (int(n) for n in rng.integers(1, 4, 5))
    padding = int(rng.integers(0, 3))
    x, weights = rng.normal(size=(channels, 9, 8)), rng.normal(size=(outputs, channels, kernel, kernel))
    ours = convolve(x, weights, stride=stride, padding=padding, dilation=dilation)
    image = torch.from_numpy(x)
    theirs = F.conv2d(image, torch.from_numpy(weights), stride=stride, padding=padding, dilation=dilation)
    batch = rng.normal(2, 3, size=(4, channels, 5, 5))
    normed = F.batch_norm(torch.from_numpy(batch), None, None, training=True)

    one, wrapped = rng.normal(size=(3, 3)), np.pad(x[:1], ((0, 0), (0, 2), (0, 2)), mode="wrap")
    unturned, turned = (convolve(wrapped, w[None, None])[0] for w in (one, one[::-1, ::-1]))
    # A product of Fourier transforms is a convolution around in a circle. Its place (2, 2) looks at (0, 0) to (2, 2).
    spread = np.zeros((9, 8))
    spread[:3, :3] = one
    true = np.fft.ifft2(np.fft.fft2(x[0]) * np.fft.fft2(spread)).real
    true = np.roll(true, (-2, -2), (0, 1))
    return Parity(
        seed=seed,
        torch=_apart(ours, theirs.numpy()),
        pooling=max(
            _apart(pool(x, np.max), F.max_pool2d(image, 2).numpy()),
            _apart(pool(x, np.mean), F.avg_pool2d(image, 2).numpy()),
        ),
        batch_norm=_apart(batch_norm(batch), normed.numpy()),
        true_convolution=_apart(unturned, true),
        flipped=_apart(turned, true),
    )


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def size_mismatches() -> tuple[int, int]:
    """Layers of torch whose output has another size than `output_size` says, and how many were looked at."""
    grid = list(product(range(5, 17), range(1, 6), range(1, 4), range(4), range(1, 4)))
    wrong = tried = 0
    for size, kernel, stride, padding, dilation in grid:
        if size + 2 * padding < dilation * (kernel - 1) + 1:
            continue
        tried += 1
        x, weights = torch.empty(1, 1, size, size, device="meta"), torch.empty(1, 1, kernel, kernel, device="meta")
        found = F.conv2d(x, weights, stride=stride, padding=padding, dilation=dilation).shape[-1]
        wrong += found != output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
    return wrong, tried
