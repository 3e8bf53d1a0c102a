"""The loss around trained nets: slices to look at, and how sharply it rises."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from residual.probes.landscape import Slice, filter_normalized, loss_slice, sharpness
from residual.vision import CifarNet
from residual_book.part1.after_training.solutions import Solution, Trained, select
from residual_book.recording import alone, images_of, spread

STEPS = tuple(float(step) for step in np.linspace(-1, 1, 21))
STEP = 0.5
DIRECTIONS = 6  # that the rise is a mean over
IMAGES = 128
PLANES = ("plain-20", "residual-56", "plain-56")


@dataclass(frozen=True)
class Around(Trained):
    """The training loss around one solution; the directions are of its seed too.

    Attributes:
        line: along one direction.
        rise: `sharpness` at `STEP`.
    """

    line: Slice
    rise: float

    @property
    def loss(self) -> float:
        """At the solution itself."""
        return self.line.losses[len(self.line.steps) // 2].item()


def training_loss(net: CifarNet) -> Callable[[], Tensor]:
    """Mean cross-entropy of the first `IMAGES` training digits under the net's weights of the moment."""
    data = images_of(None)
    x, y = data.train_images[:IMAGES].contiguous(memory_format=torch.channels_last), data.train_labels[:IMAGES]
    return lambda: F.cross_entropy(net(x), y)


def around(solution: Solution) -> Around:
    """Measure one solution."""
    seed = 1000 * solution.seed
    with alone(solution.seed):
        loss = training_loss(solution.net)
        line = loss_slice(solution.net, loss, [filter_normalized(solution.net, seed=seed)], STEPS)
        rise = sharpness(solution.net, loss, step=STEP, directions=DIRECTIONS, seed=seed)
    return Around(solution.name, solution.seed, line, rise)


def surroundings(solutions: Sequence[Solution]) -> list[Around]:
    """`around` of every solution, in their order."""
    return spread(around, [(solution,) for solution in solutions], bar="landscapes")


def plane(solution: Solution) -> Slice:
    """The loss over the plane of two directions, the first of which is that of `Around.line`."""
    with alone(solution.seed):
        pair = [filter_normalized(solution.net, seed=1000 * solution.seed + i) for i in range(2)]
        return loss_slice(solution.net, training_loss(solution.net), pair, STEPS[::2])


def planes(solutions: Sequence[Solution]) -> dict[str, Slice]:
    """`plane` around the first solution of each net in `PLANES`, by its name."""
    return dict(zip(PLANES, spread(plane, [select(solutions, name)[:1] for name in PLANES], bar="planes"), strict=True))
