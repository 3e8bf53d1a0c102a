"""Trained nets to look into: plain and residual, shallow and deep, with branches that start at zero and without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from residual.training import Recipe
from residual.vision import CifarNet
from residual_book.nets import DIGITS_RECIPE, trained
from residual_book.recording import spread

SEEDS = (0, 1, 2, 3, 4)
DEPTHS = (20, 56)
ZERO, USUAL = "zero start", "usual start"
NETS = {  # depth, with skips, with the last batch-norm weight of each block at zero
    **{f"residual-{depth}, {start}": (depth, True, start == ZERO) for depth in DEPTHS[::-1] for start in (ZERO, USUAL)},
    "plain-56": (56, False, False),
    "plain-20": (20, False, False),
}
# Plain-20 is the deepest plain net that the short recipe trains from every seed.
SHORT = (
    "residual-56, zero start",
    "residual-56, usual start",
    "residual-20, zero start",
    "residual-20, usual start",
    "plain-20",
)


@dataclass(frozen=True)
class Trained:
    """One of the trained nets, by its name, which is a key of `NETS`, and the seed of its weights and batches."""

    name: str
    seed: int


@dataclass(frozen=True)
class Solution(Trained):
    """The net itself, in evaluation mode."""

    net: CifarNet


T = TypeVar("T", bound=Trained)


def solve(name: str, seed: int, *, recipe: Recipe = DIGITS_RECIPE, checkpoint: Path | None = None) -> Solution:
    """Train one net of `NETS`; the seed of `recipe` is replaced."""
    depth, residual, zero_init = NETS[name]
    net, _ = trained(depth, residual, replace(recipe, seed=seed), zero_init=zero_init, checkpoint=checkpoint)
    return Solution(name, seed, net.eval())


def solutions(seeds: Sequence[int] = SEEDS) -> list[Solution]:
    """`solve` of every net in `SHORT` from every seed, net by net, the deepest first."""
    return spread(solve, [(name, seed) for name in SHORT for seed in seeds], bar="networks trained")


def select(results: Sequence[T], name: str) -> list[T]:
    """The results of the nets with that name, in their order."""
    return [result for result in results if result.name == name]
