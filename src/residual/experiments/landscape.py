"""The loss around trained nets: slices to look at, and how sharply it rises.

Told in `book/part1/after-training.md`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import Tensor
from tqdm import tqdm

from residual.experiments.recording import WORKERS, alone
from residual.experiments.solutions import Solution
from residual.probes.landscape import Slice, filter_normalized, loss_slice, sharpness
from residual.vision import CifarNet
from residual.vision.data import digits

STEPS = tuple(float(step) for step in np.linspace(-1, 1, 21))
STEP = 0.5
IMAGES = 128


@dataclass(frozen=True)
class Around:
    """The training loss around one solution.

    Attributes:
        name: as `Solution.name`.
        seed: of the solution; the directions are drawn from it too.
        line: along one direction.
        rise: `sharpness` at `STEP`.
    """

    name: str
    seed: int
    line: Slice
    rise: float

    @property
    def loss(self) -> float:
        """At the solution itself."""
        return self.line.losses[len(self.line.steps) // 2].item()


def training_loss(net: CifarNet, *, images: int = IMAGES) -> Callable[[], Tensor]:
    """Mean cross-entropy of the first training digits under the net's weights of the moment."""
    data = digits()
    x, y = data.train_images[:images].contiguous(memory_format=torch.channels_last), data.train_labels[:images]
    return lambda: F.cross_entropy(net(x), y)


def around(solution: Solution, *, directions: int = 6) -> Around:
    """Measure one solution."""
    with alone(solution.seed):
        loss = training_loss(solution.net)
        line = loss_slice(solution.net, loss, [filter_normalized(solution.net, seed=1000 * solution.seed)], STEPS)
        rise = sharpness(solution.net, loss, step=STEP, directions=directions, seed=1000 * solution.seed)
    return Around(solution.name, solution.seed, line, rise)


def surroundings(solutions: Sequence[Solution], *, workers: int = WORKERS, progress: bool = True) -> list[Around]:
    """`around` of every solution, `workers` at a time, in their order."""
    found = Parallel(n_jobs=workers, return_as="generator")(delayed(around)(solution) for solution in solutions)
    return list(tqdm(found, total=len(solutions), desc="landscapes", disable=not progress))


def planes(solutions: Sequence[Solution], *, workers: int = WORKERS) -> list[Slice]:
    """`plane` of every solution, `workers` at a time, in their order."""
    return list(Parallel(n_jobs=workers)(delayed(plane)(solution) for solution in solutions))


def plane(solution: Solution, *, steps: Sequence[float] = STEPS[::2]) -> Slice:
    """The loss over the plane of two directions."""
    with alone(solution.seed):
        pair = [filter_normalized(solution.net, seed=1000 * solution.seed + i) for i in range(2)]
        return loss_slice(solution.net, training_loss(solution.net), pair, steps)
