"""Which lengths of path carry the gradient in residual nets, new and trained (Veit et al. 2016, section 5)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch.optim.swa_utils import update_bn

from residual.probes.branches import BranchSize, branch_sizes
from residual.probes.paths import PathGradients
from residual.vision import CifarNet
from residual_book.part1.after_training.solutions import DEPTHS, Solution, Trained
from residual_book.recording import alone, images_of, spread

DEPTH = 110  # as Veit et al.
VEIT_BLOCKS = (5, 17)  # Veit et al. 2016, section 5; the abstract's 10 to 34 layers, two to a block
IMAGES = 12  # in the batch that the gradient is of
SAMPLES = 4  # paths of each length


@dataclass(frozen=True)
class PathLengths(Trained):
    """The gradient of one loss by the length of its paths, at the input of the first block. Entry k: k branches.

    Attributes:
        norms: of the part of all paths of length k together.
        single: mean norm of the part of one path of length k, over sampled paths.
        sizes: of the branch and the skip at each block, in the same pass.
    """

    norms: tuple[float, ...]
    single: tuple[float, ...]
    sizes: tuple[BranchSize, ...]

    @property
    def shares(self) -> list[float]:
        """Share of each length: `norms` over their sum."""
        return _shares(self.norms)

    @property
    def veit(self) -> list[float]:
        """Veit et al.'s share: how many paths have length k, times the mean norm of one; over the sum.

        Norms of single paths are added up as if all pointed in one direction.
        """
        n = len(self.single) - 1
        return _shares([math.comb(n, k) * norm for k, norm in enumerate(self.single)])

    @property
    def branch(self) -> float:
        """Size of the branch over that of the skip, a mean over blocks."""
        return float(np.mean([size.ratio for size in self.sizes]))

    @property
    def counts(self) -> list[float]:
        """Share of all 2^n paths that have length k."""
        n = len(self.single) - 1
        return _shares([float(math.comb(n, k)) for k in range(n + 1)])


def _shares(values: Sequence[float]) -> list[float]:
    array = np.asarray(values, dtype=float)
    return (array / array.sum()).tolist()


def mean_length(shares: Sequence[float]) -> float:
    """Mean of k with weights `shares`."""
    return float(np.arange(len(shares)) @ np.asarray(shares))


def measure(solution: Solution) -> PathLengths:
    """Path lengths of the net's cross-entropy on a batch of training digits; the sampled paths are of its seed too.

    Raises:
        ValueError: for a plain net, which has one path.
    """
    data, net = images_of(None), solution.net
    images, labels = data.train_images[:IMAGES], data.train_labels[:IMAGES]
    generator = np.random.default_rng(solution.seed)
    with alone(solution.seed):
        gradients = PathGradients(net, lambda: F.cross_entropy(net(images), labels))
        norms = gradients.by_length().flatten(1).double().norm(dim=1)
        single = np.zeros(len(norms))
        for _ in range(SAMPLES):
            paths = [generator.choice(gradients.names, k, replace=False).tolist() for k in range(len(norms))]
            single += gradients.along(paths).flatten(1).double().norm(dim=1).numpy() / SAMPLES
        sizes = tuple(branch_sizes(net, images))
        return PathLengths(solution.name, solution.seed, tuple(norms.tolist()), tuple(single.tolist()), sizes)


def measures(solutions: Sequence[Solution]) -> list[PathLengths]:
    """`measure` of every solution, in their order."""
    return spread(measure, [(solution,) for solution in solutions], bar="nets taken apart")


def deep(solutions: Sequence[Solution]) -> list[Solution]:
    """Those that are residual nets of 56 layers: a plain one has one path."""
    return [solution for solution in solutions if solution.net.residual and solution.net.depth == max(DEPTHS)]


def new_net(seed: int, *, depth: int = DEPTH, width: int = 16) -> Solution:
    """A net that was not trained: batch norm has its usual weights, 1, and the statistics of a batch of digits."""
    with alone(seed):
        net = CifarNet(depth, in_channels=1, width=width)
        update_bn([images_of(None).train_images[:500]], net)
    return Solution(f"residual-{depth}, new", seed, net.eval())
