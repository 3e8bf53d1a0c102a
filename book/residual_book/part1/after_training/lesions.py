"""Lesions of trained networks: blocks taken out, one or many, and blocks that change places (Veit et al. 2016)."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from residual.probes.blocks import Block, find_blocks
from residual.probes.lesions import removed, swapped
from residual.training import error_rate
from residual_book.part1.after_training.solutions import Solution, Trained
from residual_book.recording import alone, images_of, spread

COUNTS = (2, 4, 7, 13, 20)  # of blocks to remove at once
SWAPS = (1, 4, 16)  # of random pairs
DRAWS = 3  # for each of them
CHANCE = 90.0  # error (%) of a guess among ten classes


@dataclass(frozen=True)
class Lesions(Trained):
    """Test errors (%) of one trained network, whole and hurt; the draws are of its seed too.

    Attributes:
        intact: the network as trained.
        single: without one block, by the block's name; blocks that keep their input's shape.
        reshaping: the same for residual blocks that change the shape, whose skip stays.
        many: number of random blocks taken out and the error, one pair per draw.
        shuffled: rank correlation of the new order with the trained one and the error, one pair per draw; the draws
            with the most swaps are the last.
    """

    intact: float
    single: dict[str, float]
    reshaping: dict[str, float]
    many: tuple[tuple[int, float], ...]
    shuffled: tuple[tuple[float, float], ...]

    @property
    def rise(self) -> float:
        """Points by which the test error rises without one block, a mean over the blocks in `single`."""
        return float(np.mean(list(self.single.values()))) - self.intact

    @property
    def worst(self) -> float:
        """Points by which the test error rises without the block that is missed most."""
        return max(self.single.values()) - self.intact

    @property
    def typical(self) -> float:
        """Points by which the test error rises without one block, the median over the blocks in `single`."""
        return float(np.median(list(self.single.values()))) - self.intact

    @property
    def least(self) -> float:
        """Points by which the test error rises without the block that is missed least."""
        return min(self.single.values()) - self.intact

    @property
    def reordered(self) -> float:
        """Points by which the test error rises after the most swaps, a mean over the draws."""
        return float(np.mean([error for _, error in self.shuffled[-DRAWS:]])) - self.intact

    def without(self, k: int) -> float:
        """Points by which the test error rises without k random blocks, a mean over the draws; 0 for k = 0."""
        return float(np.mean([error for count, error in self.many if count == k])) - self.intact if k else 0.0


def study(solution: Solution) -> Lesions:
    """Hurt one trained net, and leave it as it was. Counts that exceed its blocks are skipped."""
    data, model = images_of(None), solution.net
    generator = np.random.default_rng(solution.seed)
    blocks = find_blocks(model)
    keeping = [name for name, block in blocks.items() if keeps_shape(block)]
    reshaping = [name for name, block in blocks.items() if block.residual and name not in keeping]
    orders = [random_swaps(keeping, count, generator) for count in SWAPS for _ in range(DRAWS)]

    def error(lesion: AbstractContextManager[None]) -> float:
        with lesion:
            return error_rate(model, data.test_images, data.test_labels)

    with alone(solution.seed):
        return Lesions(
            name=solution.name,
            seed=solution.seed,
            intact=error(nullcontext()),
            single={name: error(removed(model, [name])) for name in keeping},
            reshaping={name: error(removed(model, [name])) for name in reshaping},
            many=tuple(
                (k, error(removed(model, generator.choice(keeping, k, replace=False).tolist())))
                for k in COUNTS
                if k <= len(keeping)
                for _ in range(DRAWS)
            ),
            shuffled=tuple((order_correlation(keeping, pairs), error(swapped(model, pairs))) for pairs in orders),
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
    for pair in pairs:
        i, j = map(names.index, pair)
        order[i], order[j] = order[j], order[i]
    return float(kendalltau(range(len(names)), order).statistic)


def studies(solutions: Sequence[Solution]) -> list[Lesions]:
    """`study` of every solution, in their order."""
    return spread(study, [(solution,) for solution in solutions], bar="networks hurt")
