"""Lesions of trained networks: blocks taken out, one or many, and blocks that change places (Veit et al. 2016).

Told in `book/part1/after-training.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import kendalltau
from tqdm import tqdm

from residual.experiments.recording import WORKERS, alone, images_of
from residual.experiments.solutions import Solution
from residual.probes.blocks import Block, find_blocks
from residual.probes.lesions import removed, swapped
from residual.training import error_rate

COUNTS = (1, 2, 4, 7, 10, 13, 16, 20)
SWAPS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Shuffle:
    """Blocks in another order: Kendall's rank correlation with the trained one, and the test error (%)."""

    correlation: float
    error: float


@dataclass(frozen=True)
class Lesions:
    """Test errors (%) of one trained network, whole and hurt.

    Attributes:
        net: as `Solution.name`.
        seed: of weights, batches and draws.
        intact: the network as trained.
        single: without one block, by the block's name; blocks that keep their input's shape.
        reshaping: the same for residual blocks that change the shape, whose skip stays.
        many: without k random blocks that keep the shape, by k; one error a draw.
        shuffled: after random swaps of blocks of one shape.
    """

    net: str
    seed: int
    intact: float
    single: dict[str, float]
    reshaping: dict[str, float]
    many: dict[int, tuple[float, ...]]
    shuffled: tuple[Shuffle, ...]

    @property
    def rise(self) -> float:
        """Points by which the test error rises without one block, a mean over the blocks in `single`."""
        return float(np.mean(list(self.single.values()))) - self.intact

    @property
    def worst(self) -> float:
        """The same of the block that is missed most."""
        return max(self.single.values()) - self.intact

    @property
    def least(self) -> float:
        """The same of the block that is missed least."""
        return min(self.single.values()) - self.intact

    def without(self, k: int) -> float:
        """Mean test error (%) without k random blocks; k = 0 is the network as trained."""
        return float(np.mean(self.many[k])) if k else self.intact


def study(
    solution: Solution, *, counts: Sequence[int] = COUNTS, swaps: Sequence[int] = SWAPS, draws: int = 3
) -> Lesions:
    """Hurt one trained net, and leave it as it was.

    Args:
        solution: the net; its seed is that of the draws too.
        counts: how many blocks to remove at once; counts that would leave no block out of the choice are skipped.
        swaps: how many random pairs to swap.
        draws: for each of `counts` and `swaps`.
    """
    data, model = images_of(None), solution.net

    def error() -> float:
        return error_rate(model, data.test_images, data.test_labels)

    def error_without(*names: str) -> float:
        with removed(model, names):
            return error()

    def error_swapped(pairs: Sequence[tuple[str, str]]) -> float:
        with swapped(model, pairs):
            return error()

    generator = np.random.default_rng(solution.seed)
    blocks = find_blocks(model)
    keeping = [name for name, block in blocks.items() if keeps_shape(block)]
    orders = [random_swaps(keeping, count, generator) for count in swaps for _ in range(draws)]
    with alone(solution.seed):
        return Lesions(
            net=solution.name,
            seed=solution.seed,
            intact=error(),
            single={name: error_without(name) for name in keeping},
            reshaping={name: error_without(name) for name in blocks if name not in keeping and blocks[name].residual},
            many={
                k: tuple(error_without(*generator.choice(keeping, k, replace=False)) for _ in range(draws))
                for k in counts
                if k <= len(keeping)
            },
            shuffled=tuple(Shuffle(order_correlation(keeping, pairs), error_swapped(pairs)) for pairs in orders),
        )


def keeps_shape(block: Block) -> bool:
    """Whether the input and the output of a block of `CifarNet` have one shape."""
    first: Any = block.first
    return first.stride == (1, 1) and block.downsample is None


def random_swaps(names: Sequence[str], count: int, generator: np.random.Generator) -> list[tuple[str, str]]:
    """`count` different pairs of blocks of one stage, each such pair as likely as another; all, where they are fewer.

    Different, because to swap twice is not to swap.
    """
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if a.split(".")[0] == b.split(".")[0]]
    return [pairs[i] for i in generator.choice(len(pairs), min(count, len(pairs)), replace=False)]


def order_correlation(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> float:
    """Kendall's rank correlation of the order that swaps leave with the order before; 1 for none."""
    order = list(range(len(names)))
    place = {name: i for i, name in enumerate(names)}
    for one, other in pairs:
        i, j = place[one], place[other]
        order[i], order[j] = order[j], order[i]
    return float(kendalltau(range(len(names)), order).statistic)


def studies(solutions: Sequence[Solution], *, workers: int = WORKERS, progress: bool = True) -> list[Lesions]:
    """`study` of every solution, `workers` at a time, in their order."""
    found = Parallel(n_jobs=workers, return_as="generator")(delayed(study)(solution) for solution in solutions)
    return list(tqdm(found, total=len(solutions), desc="networks hurt", disable=not progress))


def by_correlation(runs: Sequence[Lesions], edges: Sequence[float]) -> list[list[float]]:
    """Mean test error (%) of shuffled blocks, one list an interval of rank correlation [low, high), one value a run.

    A run without a shuffle in an interval has no value there.
    """
    return [
        [
            float(np.mean(errors))
            for run in runs
            if (errors := [s.error for s in run.shuffled if low <= s.correlation < high])
        ]
        for low, high in pairwise(edges)
    ]
