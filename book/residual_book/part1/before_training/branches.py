"""Branch against skip in new residual nets: does batch norm shrink branches by the root of depth (De & Smith 2020)?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from residual.probes.branches import BranchSize, branch_sizes
from residual.vision import CifarNet, PreActBlock
from residual_book.recording import alone, images_of, spread
from residual_book.stats import slope

SEEDS = (0, 1, 2, 3, 4)
BLOCKS: dict[str, dict[str, Any]] = {
    "original": {},
    "pre-activation": {"block": PreActBlock},
    "original, branches start at zero": {"zero_init_residual": True},
}


@dataclass(frozen=True)
class Branches:
    """The sizes in one new net, batch norm in training mode: of all blocks, in order. `block` is a key of `BLOCKS`."""

    block: str
    seed: int
    sizes: tuple[BranchSize, ...]

    @property
    def ratios(self) -> list[float]:
        """Branch over skip at the blocks of the first stage whose skip already holds m = 1, 2, ... branches.

        The first block is left out: its skip holds the stem's output alone. In later stages the first block changes
        the shape.
        """
        return [size.ratio for size in self.sizes if size.name.startswith("layer1.")][1:]

    @property
    def exponent(self) -> float:
        """p in ratio = c m^p, fitted to `ratios`, of which none may be zero."""
        return slope([math.log(m) for m in range(1, len(self.ratios) + 1)], [math.log(ratio) for ratio in self.ratios])


def measure(block: str, seed: int, *, depth: int = 110, images: int = 128) -> Branches:
    """The sizes in one new net on training images of the digits."""
    data = images_of(None)
    with alone(seed):
        net = CifarNet(depth, in_channels=data.channels, **BLOCKS[block])
        batch = torch.randperm(len(data.train_images))[:images]
        return Branches(block, seed, tuple(branch_sizes(net.train(), data.train_images[batch])))


def sweep(seeds: Sequence[int] = SEEDS) -> list[Branches]:
    """`measure` of every kind of block from every seed."""
    return spread(measure, product(BLOCKS, seeds), bar="nets measured")


def select(nets: Iterable[Branches], block: str) -> list[Branches]:
    """The nets with one kind of block, in their order."""
    return [net for net in nets if net.block == block]
