"""The size of a residual stack's signal against its depth, before training: theory and measurement."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import nn

from residual.probes.gradients import gradient_profile
from residual.vision import ResNet
from residual_book.part1.depth.experiment import ARMS, SCALES, set_scales
from residual_book.recording import alone, images_of, spread
from residual_book.stats import slope

BLOCKS = (1, 4, 16, 64)
SEEDS = tuple(range(8))
STACKS = ("no norm, scale 1", "pre-activation", "no norm, scale 1/√L", "no norm, scale 0")
SIDE = 8  # of the digits, and so of every map, in pixels


@dataclass(frozen=True)
class Signal:
    """One stack of blocks of one shape, on a batch of digits.

    Attributes:
        arm: one of `STACKS`.
        blocks: their number.
        seed: of weights and batch.
        activations: mean square of what enters the first block and of each block's output.
        gradients: the same of the gradient, of a loss whose gradient at the last output is fixed and random.
    """

    arm: str
    blocks: int
    seed: int
    activations: tuple[float, ...]
    gradients: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Mean square at the end of the stack over that at its start."""
        return self.activations[-1] / self.activations[0]

    @property
    def gradient_growth(self) -> float:
        """Mean square of the gradient at the start of the stack over that at its end."""
        return self.gradients[0] / self.gradients[-1]

    @property
    def factor(self) -> float:
        """What a block multiplies the mean square by: the fitted exponential."""
        return math.exp(slope(range(len(self.activations)), [math.log(value) for value in self.activations]))


def theory_factor(side: int, scale: float = 1.0) -> float:
    """What x + scale F(x) multiplies the mean square of x by, for a wide stack, He's initialization, side x side maps.

    A branch keeps the mean square (He et al. 2015b, section 2.2), and is uncorrelated with its skip, so the factor is
    1 + scale^2: two, without a scale. But a window of 3x3 at the border of the map holds zeros. Along an axis, that
    makes a convolution a moving average over three entries with zeros outside, whose largest eigenvalue is
    (1 + 2 cos(pi / (side + 1))) / 3. A branch has two convolutions over two axes.
    """
    border = (1 + 2 * math.cos(math.pi / (side + 1))) / 3
    return 1 + scale**2 * border**4


def theory_growth(arm: str, blocks: float) -> float:
    """What a stack without batch norm multiplies the mean square by, in theory; `arm` is a key of `SCALES`."""
    return theory_factor(SIDE, SCALES[arm](blocks)) ** blocks


def measure(arm: str, blocks: int, seed: int, *, width: int = 16, images: int = 16) -> Signal:
    """One forward and backward pass in double precision, which holds what would overflow in single."""
    digits = images_of(None).train_images
    with alone(seed):
        x = digits[torch.randperm(len(digits))[:images]].double()
        net = ResNet(ARMS[arm]["block"], (blocks,), in_channels=1, num_classes=10, width=width, small_images=True)
        if arm in SCALES:
            set_scales(net.blocks(), SCALES[arm])
        stack = nn.Sequential(net.conv1, *net.blocks()).double()
        target = torch.randn(images, width, *x.shape[2:], dtype=x.dtype)
        outputs = [str(i) for i in range(blocks + 1)]
        profile = gradient_profile(stack, lambda: (stack(x) * target).sum(), outputs=outputs)
    activations = tuple(output.size**2 / target.numel() for output in profile.outputs)
    gradients = tuple(output.norm**2 / target.numel() for output in profile.outputs)
    return Signal(arm, blocks, seed, activations, gradients)


def sweep(seeds: Sequence[int] = SEEDS) -> list[Signal]:
    """`measure` of every stack with every number of blocks from every seed, in this order."""
    return spread(measure, product(STACKS, BLOCKS, seeds), bar="stacks measured")


def wide(seeds: Sequence[int] = SEEDS) -> list[Signal]:
    """`measure` of stacks of 128 channels without batch norm, of 8 blocks, which the theory holds for."""
    measure_wide = partial(measure, width=128, images=8)
    return spread(measure_wide, [("no norm, scale 1", 8, seed) for seed in seeds], bar="wide stacks measured")
