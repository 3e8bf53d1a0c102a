"""Branch against skip at every block of new residual nets: does batch norm shrink branches by the root of the depth?

Told in `book/part1/before-training.md`. The claim is De & Smith's (2020). `residual.experiments.paths` has the
sizes in trained nets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from residual.experiments.recording import alone, images_of
from residual.experiments.stats import slope
from residual.probes.branches import BranchSize, branch_sizes
from residual.vision import CifarNet, PreActBlock

SEEDS = (0, 1, 2, 3, 4)
DEPTHS = (20, 56, 110)
BLOCKS: dict[str, dict[str, Any]] = {
    "original": {},
    "pre-activation": {"block": PreActBlock},
    "original, branches start at zero": {"zero_init_residual": True},
    "pre-activation, branches start at zero": {"block": PreActBlock, "zero_init_residual": True},
}


@dataclass(frozen=True)
class Branches:
    """The sizes in one new net, batch norm in training mode.

    Attributes:
        block: a key of `BLOCKS`.
        depth: of the net.
        seed: of weights and batch.
        sizes: of all blocks, in order.
    """

    block: str
    depth: int
    seed: int
    sizes: tuple[BranchSize, ...]

    def stage(self, number: int) -> list[BranchSize]:
        """The blocks of one stage, from 1; only the first stage has no block that changes the shape.

        Raises:
            ValueError: for a stage that the net does not have.
        """
        found = [size for size in self.sizes if size.name.startswith(f"layer{number}.")]
        if not found:
            raise ValueError(f"stage must be one of the net's, from 1, got {number}")
        return found

    @property
    def exponent(self) -> float:
        """p in ratio = c m^p, fitted to the blocks of the first stage whose skip already holds m = 1, 2, ... branches.

        The first block is left out: its skip holds the stem's output alone.

        Raises:
            ValueError: for branches that are zero, or fewer than three blocks a stage.
        """
        ratios = [size.ratio for size in self.stage(1)[1:]]
        if not all(ratios) or len(ratios) < 2:
            raise ValueError(
                f"exponent needs three blocks a stage, whose branches are not zero, got {len(ratios) + 1} blocks of "
                f"{self.block!r}"
            )
        return slope([math.log(m) for m in range(1, len(ratios) + 1)], [math.log(ratio) for ratio in ratios])

    @property
    def growth(self) -> float:
        """By how much the skip's square grows along the first stage, over the sum of the branches' squares.

        1 where branches add up like independent numbers. A ReLU after the addition takes some of it away.
        """
        sizes = self.stage(1)
        return (sizes[-1].skip ** 2 - sizes[0].skip ** 2) / sum(size.branch**2 for size in sizes[:-1])

    @property
    def last(self) -> float:
        """The ratio at the last block of the first stage."""
        return self.stage(1)[-1].ratio


def measure(block: str, depth: int, seed: int, *, images: int = 128) -> Branches:
    """The sizes in one new net on training images of the digits.

    Raises:
        ValueError: for an unknown block.
    """
    if block not in BLOCKS:
        raise ValueError(f"block must be one of {tuple(BLOCKS)}, got {block!r}")
    data = images_of(None)
    with alone(seed):
        net = CifarNet(depth, in_channels=data.channels, **BLOCKS[block])
        batch = torch.randperm(len(data.train_images))[:images]
        return Branches(block, depth, seed, tuple(branch_sizes(net.train(), data.train_images[batch])))


def sweep(
    depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS, *, blocks: Sequence[str] = tuple(BLOCKS)
) -> list[Branches]:
    """`measure` of every block and depth from every seed, in that order."""
    return [measure(block, depth, seed) for block, depth, seed in product(blocks, depths, seeds)]
