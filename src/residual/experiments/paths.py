"""Which lengths of path carry the gradient in a residual net of 110 layers (Veit et al. 2016, section 5).

Told in `book/part1/after-training.md`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from residual.experiments.degradation import DIGITS_RECIPE
from residual.experiments.recording import alone, images_of
from residual.probes.branches import BranchSize, branch_sizes
from residual.probes.paths import PathGradients
from residual.training import Recipe, error_rate, fit
from residual.vision import CifarNet

SEEDS = (0, 1, 2)
DEPTH = 110  # as Veit et al.
VEIT_BLOCKS = (5, 17)  # Veit et al. 2016, section 5; the abstract's 10 to 34 layers, two to a block
SHARE = 0.95


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


@dataclass(frozen=True)
class Paths:
    """Path lengths of one seed.

    Attributes:
        seed: of weights, batches and sampled paths.
        start: of a new net with batch norm's usual weights, 1. Its statistics are those of a batch.
        trained: of a net whose branches started at zero, after training; where they are zero, only the skips carry.
        test_error: of that net, percent.
    """

    seed: int
    start: PathLengths
    trained: PathLengths
    test_error: float


def study(
    seed: int,
    *,
    depth: int = DEPTH,
    recipe: Recipe = DIGITS_RECIPE,
    images: int = 32,
    samples: int = 2,
    width: int = 16,
) -> Paths:
    """Measure a new net and a trained one on the same training images of the digits.

    Args:
        seed: of all.
        depth: of the net, 6n + 2.
        recipe: how to train; its seed is replaced.
        images: in the batch that the gradient is of.
        samples: paths of each length.
        width: of the net.
    """
    data = images_of(None)
    x, y = data.train_images[:images], data.train_labels[:images]
    with alone(seed):
        new = CifarNet(depth, in_channels=data.channels, width=width)
        update_bn([data.train_images[:500]], new)
        start = measure(new.eval(), x, y, samples=samples, seed=seed)
        net = CifarNet(depth, in_channels=data.channels, width=width, zero_init_residual=True)
        fit(net, data, replace(recipe, seed=seed), progress=False)
        trained = measure(net.eval(), x, y, samples=samples, seed=seed)
        return Paths(seed, start, trained, error_rate(net, data.test_images, data.test_labels))


def studies(seeds: Sequence[int] = SEEDS, *, workers: int = 2, progress: bool = True) -> list[Paths]:
    """`study` of every seed, `workers` at a time."""
    found = Parallel(n_jobs=workers, return_as="generator")(delayed(study)(seed) for seed in seeds)
    return list(tqdm(found, total=len(seeds), desc="deep nets taken apart", disable=not progress))
