"""The loss around trained nets: slices to look at, and how sharply it rises."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from residual.probes.landscape import filter_normalized, loss_slice, sharpness
from residual.vision import CifarNet
from residual_book.part1.after_training.solutions import Solution
from residual_book.recording import alone, images_of

STEPS = tuple(float(step) for step in np.linspace(-1, 1, 21))
STEP = 0.5
DIRECTIONS = 6  # that the rise is a mean over
IMAGES = 128

Losses = tuple[float | None, ...]  # None where the loss is not finite


@dataclass(frozen=True)
class Around:
    """The training loss around one solution; the directions are of its seed too.

    Attributes:
        line: at each of `STEPS` along one direction.
        rise: `sharpness` at `STEP`.
        plane: at each pair of every other one of `STEPS` along two directions, the first of which is that of `line`;
            empty where it was not asked for.
    """

    line: Losses
    rise: float
    plane: tuple[Losses, ...]


def training_loss(net: CifarNet) -> Callable[[], Tensor]:
    """Mean cross-entropy of the first `IMAGES` training digits under the net's weights of the moment."""
    data = images_of(None)
    x, y = data.train_images[:IMAGES].contiguous(memory_format=torch.channels_last), data.train_labels[:IMAGES]
    return lambda: F.cross_entropy(net(x), y)


def around(solution: Solution, *, plane: bool = False) -> Around:
    """Measure one solution; `plane` asks for the plane, too."""
    seed = 1000 * solution.seed
    with alone(solution.seed):
        loss, pair = training_loss(solution.net), [filter_normalized(solution.net, seed=seed + i) for i in range(2)]
        line = loss_slice(solution.net, loss, pair[:1], STEPS).losses
        rise = sharpness(solution.net, loss, step=STEP, directions=DIRECTIONS, seed=seed)
        grid = loss_slice(solution.net, loss, pair, STEPS[::2]).losses.tolist() if plane else []
    return Around(_finite(line.tolist()), rise, tuple(_finite(row) for row in grid))


def _finite(losses: list[float]) -> Losses:
    return tuple(loss if math.isfinite(loss) else None for loss in losses)
