"""The size of a residual stack's signal against its depth, before training: theory, measurement and where it overflows.

Told in `book/part1/depth.md`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import nn

from residual.experiments.depth import ARMS, SCALES, run_all, set_scales
from residual.experiments.recording import WORKERS, alone, images_of
from residual.experiments.stats import slope
from residual.probes.gradients import gradient_profile
from residual.vision import ResNet

BLOCKS = (1, 4, 16, 64)
SEEDS = tuple(range(8))
STACKS = ("no norm, scale 1", "pre-activation", "no norm, scale 1/√L", "no norm, scale 0")


@dataclass(frozen=True)
class Signal:
    """One stack of blocks of one shape, on a batch of digits.

    Attributes:
        arm: one of `STACKS`.
        seed: of weights and batch.
        activations: mean square of what enters the first block and of each block's output.
        gradients: the same of the gradient, of a loss whose gradient at the last output is fixed and random.
    """

    arm: str
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
    makes a convolution a moving average over three places with zeros outside, whose largest eigenvalue is
    (1 + 2 cos(pi / (side + 1))) / 3. A branch has two convolutions over two axes.
    """
    border = (1 + 2 * math.cos(math.pi / (side + 1))) / 3
    return 1 + scale**2 * border**4


def measure(arm: str, blocks: int, seed: int, *, width: int = 16, images: int = 16) -> Signal:
    """One forward and backward pass in double precision, which holds what would overflow in single.

    Raises:
        ValueError: for an arm that is not in `STACKS`.
    """
    if arm not in STACKS:
        raise ValueError(f"arm must be one of {STACKS}, got {arm!r}")
    data = images_of(None)
    with alone(seed):
        x = data.train_images[torch.randperm(len(data.train_images))[:images]].double()
        net = ResNet(ARMS[arm]["block"], (blocks,), in_channels=1, num_classes=10, width=width, small_images=True)
        if arm in SCALES:
            set_scales(net.blocks(), SCALES[arm])
        stack = nn.Sequential(net.conv1, *net.blocks()).double()
        target = torch.randn(images, width, *x.shape[2:], dtype=x.dtype)
        profile = gradient_profile(
            stack, lambda: (stack(x) * target).sum(), outputs=[str(i) for i in range(blocks + 1)]
        )
    return Signal(
        arm,
        seed,
        activations=tuple(output.size**2 / target.numel() for output in profile.outputs),
        gradients=tuple(output.norm**2 / target.numel() for output in profile.outputs),
    )


def sweep(
    blocks: Sequence[int] = BLOCKS, seeds: Sequence[int] = SEEDS, *, workers: int = WORKERS, progress: bool = True
) -> dict[tuple[str, int], list[Signal]]:
    """`measure` of every stack from every seed, by arm and number of blocks."""
    stacks = [(arm, number) for arm in STACKS for number in blocks]
    jobs = [partial(measure, arm, number, seed) for arm, number in stacks for seed in seeds]
    found = run_all(jobs, workers=workers, bar="stacks measured" if progress else None)
    return {stack: list(islice(found, len(seeds))) for stack in stacks}
