"""Which lengths of path carry the gradient in residual nets, new and trained (Veit et al. 2016, section 5).

Told in `book/part1/after-training.md`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from residual.experiments.recording import WORKERS, alone
from residual.experiments.solutions import Solution
from residual.probes.branches import BranchSize, branch_sizes
from residual.probes.paths import PathGradients
from residual.vision import CifarNet
from residual.vision.data import digits

SEEDS = (0, 1, 2)
DEPTH = 110  # as Veit et al.
VEIT_BLOCKS = (5, 17)  # Veit et al. 2016, section 5; the abstract's 10 to 34 layers, two to a block
SHARE = 0.95
IMAGES = 12  # in the batch that the gradient is of
SAMPLES = 4  # paths of each length


@dataclass(frozen=True)
class PathLengths:
    """The gradient of one loss by the length of its paths, at the input of the first block. Entry k: k branches.

    Attributes:
        norms: of the part of all paths of length k together.
        along: how far that part lies along the whole gradient, in lengths of it: the entries add up to 1.
        single: mean norm of the part of one path of length k, over sampled paths.
        sizes: of the branch and the skip at each block, in the same pass.
    """

    norms: tuple[float, ...]
    along: tuple[float, ...]
    single: tuple[float, ...]
    sizes: tuple[BranchSize, ...]

    @cached_property
    def shares(self) -> list[float]:
        """Share of each length: `norms` over their sum."""
        return _shares(self.norms)

    @cached_property
    def veit(self) -> list[float]:
        """Veit et al.'s share: how many paths have length k, times the mean norm of one; over the sum.

        Norms of single paths are added up as if all pointed in one direction.
        """
        n = len(self.single) - 1
        return _shares([math.comb(n, k) * norm for k, norm in enumerate(self.single)])

    @cached_property
    def counts(self) -> list[float]:
        """Share of all 2^n paths that have length k."""
        n = len(self.single) - 1
        return _shares([float(math.comb(n, k)) for k in range(n + 1)])


def mean_length(shares: Sequence[float]) -> float:
    """Mean of k with weights `shares`."""
    return float(np.arange(len(shares)) @ np.asarray(shares))


def carrying(shares: Sequence[float], share: float = SHARE) -> tuple[int, int]:
    """The shortest range of lengths, first and last, that holds `share` of the whole.

    Raises:
        ValueError: for a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    up_to = np.concatenate([[0.0], np.cumsum(shares)])
    whole = up_to[-1]
    ranges = [
        (low, int(np.searchsorted(up_to, min(up_to[low] + share * whole, whole) - 1e-12)) - 1)
        for low in range(len(shares))
        if up_to[low] + share * whole <= whole + 1e-12
    ]
    return min(ranges, key=lambda r: r[1] - r[0])


def _shares(values: Sequence[float]) -> list[float]:
    array = np.asarray(values, dtype=float)
    return (array / array.sum()).tolist()


def measure(model: nn.Module, images: Tensor, labels: Tensor, *, samples: int, seed: int) -> PathLengths:
    """Path lengths of the cross-entropy of `model`, in evaluation mode, on one batch.

    Args:
        model: gives logits for images, as `PathGradients` takes it.
        images: (N, C, H, W).
        labels: (N,).
        samples: paths of each length, for `PathLengths.single`.
        seed: of the sampled paths.
    """
    gradients = PathGradients(model, lambda: F.cross_entropy(model(images), labels))
    parts = gradients.by_length().flatten(1).double()
    whole = parts.sum(0)
    generator = np.random.default_rng(seed)
    lengths = range(len(parts))
    single = np.zeros(len(parts))
    for _ in range(samples):
        paths = [generator.choice(gradients.names, k, replace=False).tolist() for k in lengths]
        single += gradients.along(paths).flatten(1).double().norm(dim=1).numpy() / samples
    return PathLengths(
        norms=tuple(parts.norm(dim=1).tolist()),
        along=tuple((parts @ whole / whole.square().sum()).tolist()),
        single=tuple(single.tolist()),
        sizes=tuple(branch_sizes(model, images)),
    )


def in_new_net(seed: int, *, depth: int = DEPTH, width: int = 16, samples: int = SAMPLES) -> PathLengths:
    """Measure a new net with batch norm's usual weights, 1, and the statistics of a batch of digits.

    Args:
        seed: of weights and sampled paths.
        depth: of the net, 6n + 2.
        width: of the net.
        samples: paths of each length.
    """
    with alone(seed):
        net = CifarNet(depth, in_channels=1, width=width)
        update_bn([digits().train_images[:500]], net)
        return _on_digits(net.eval(), seed, samples)


def in_trained_net(solution: Solution, *, samples: int = SAMPLES) -> PathLengths:
    """Measure a trained residual net, on images it was trained on; its seed is that of the sampled paths too.

    Raises:
        ValueError: for a plain net, which has one path.
    """
    with alone(solution.seed):
        return _on_digits(solution.net, solution.seed, samples)


def in_new_nets(seeds: Sequence[int] = SEEDS, *, workers: int = WORKERS, progress: bool = True) -> list[PathLengths]:
    """`in_new_net` from every seed, `workers` at a time."""
    return _all([delayed(in_new_net)(seed) for seed in seeds], workers=workers, progress=progress)


def in_trained_nets(
    solutions: Sequence[Solution], *, workers: int = WORKERS, progress: bool = True
) -> list[PathLengths]:
    """`in_trained_net` of every solution, `workers` at a time, in their order."""
    return _all([delayed(in_trained_net)(solution) for solution in solutions], workers=workers, progress=progress)


def _on_digits(model: CifarNet, seed: int, samples: int) -> PathLengths:
    data = digits()
    return measure(model, data.train_images[:IMAGES], data.train_labels[:IMAGES], samples=samples, seed=seed)


def _all(jobs: Sequence[Any], *, workers: int, progress: bool) -> list[PathLengths]:
    found = Parallel(n_jobs=workers, return_as="generator")(jobs)
    return list(tqdm(found, total=len(jobs), desc="nets taken apart", disable=not progress))
