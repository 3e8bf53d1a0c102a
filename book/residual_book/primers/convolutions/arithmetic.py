"""Convolution, pooling and batch norm in plain numpy, and how far they are from torch's."""

from collections.abc import Callable
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

Array = NDArray[np.float64]

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


def under_kernels(image: Array) -> dict[str, Array]:
    """The feature map of an image (H, W) under each of `KERNELS`: (H - 2, W - 2)."""
    return {name: convolve(image[None], kernel[None, None])[0] for name, kernel in KERNELS.items()}


def pool(x: Array, summary: Callable[[Array], float]) -> Array:
    """`summary` of every 2x2 window of a map, such as np.max or np.mean: (H, W) -> (H / 2, W / 2), rounded down."""
    out = np.zeros((x.shape[0] // 2, x.shape[1] // 2))
    for i, j in np.ndindex(out.shape):
        out[i, j] = summary(x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return out


def batch_norm(x: Array, *, epsilon: float = 1e-5) -> Array:
    """Each channel with its mean subtracted and divided by its standard deviation, over batch and places: (N, C, H, W).

    Ioffe & Szegedy 2015, algorithm 1, in training and before the learned scale and shift.
    """
    mean, variance = (f(x, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
    return np.asarray((x - mean) / np.sqrt(variance + epsilon))


def parity(seed: int) -> dict[str, float]:
    """Largest differences between the loops above and other people's code on random numbers, over the numbers' size.

    "torch": of `convolve` and `batch_norm` from torch's. "convolution": of `convolve` from the convolution of math,
    around in a circle, by Fourier transforms. "turned": of the same with the kernel turned by half a circle.
    """
    rng = np.random.default_rng(seed)
    channels, outputs, kernel, stride, dilation = (int(n) for n in rng.integers(1, 4, 5))
    padding = int(rng.integers(0, 3))
    x, weights = rng.normal(size=(channels, 9, 8)), rng.normal(size=(outputs, channels, kernel, kernel))
    ours = convolve(x, weights, stride=stride, padding=padding, dilation=dilation)
    image = torch.from_numpy(x)
    theirs = F.conv2d(image, torch.from_numpy(weights), stride=stride, padding=padding, dilation=dilation)
    batch = rng.normal(2, 3, size=(4, channels, 5, 5))
    normed = F.batch_norm(torch.from_numpy(batch), None, None, training=True)

    small, wrapped = rng.normal(size=(3, 3)), np.pad(x[:1], ((0, 0), (0, 2), (0, 2)), mode="wrap")
    unturned, turned = (convolve(wrapped, w[None, None])[0] for w in (small, small[::-1, ::-1]))
    # A product of Fourier transforms is a convolution around in a circle. Its (2, 2) looks at (0, 0) to (2, 2).
    true = np.roll(np.fft.ifft2(np.fft.fft2(x[0]) * np.fft.fft2(small, (9, 8))).real, (-2, -2), (0, 1))
    return {
        "torch": max(_apart(ours, theirs.numpy()), _apart(batch_norm(batch), normed.numpy())),
        "convolution": _apart(unturned, true),
        "turned": _apart(turned, true),
    }


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def size_mismatches() -> tuple[int, int]:
    """Layers of torch whose output has another size than `output_size` says, and how many were looked at."""
    wrong = tried = 0
    grid = product(range(5, 17), range(1, 6), range(1, 4), range(4), range(1, 4))
    for size, kernel, stride, padding, dilation in grid:
        if size + 2 * padding < dilation * (kernel - 1) + 1:
            continue
        x, weights = torch.empty(1, 1, size, size, device="meta"), torch.empty(1, 1, kernel, kernel, device="meta")
        theirs = F.conv2d(x, weights, stride=stride, padding=padding, dilation=dilation).shape[-1]
        tried += 1
        wrong += theirs != output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
    return wrong, tried
