"""Trained nets to look into: plain and residual, shallow and deep, on the digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from residual.training import Recipe
from residual.vision import CifarNet
from residual_book.nets import DIGITS_RECIPE, trained
from residual_book.recording import spread

SEEDS = (0, 1, 2)
# Plain-20 is the deepest plain net that the recipe trains from every seed. Residual-20 starts with the same branches,
# not with zeros, so that the skip is all that differs. The deepest first, so that workers end together.
# The others are those of `residual_book.nets`: a build trains them once.
NETS = {  # depth, with skips, started with zeros
    "residual-56": (56, True, True),
    "plain-56": (56, False, True),
    "residual-20": (20, True, False),
    "plain-20": (20, False, True),
}


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


def solve(name: str, seed: int, *, recipe: Recipe = DIGITS_RECIPE) -> Solution:
    """Train one net of `NETS`; the seed of `recipe` is replaced."""
    depth, residual, zero_init = NETS[name]
    net, _ = trained(depth, residual, replace(recipe, seed=seed), zero_init=zero_init)
    return Solution(name, seed, net.eval())


def solutions(seeds: Sequence[int] = SEEDS) -> list[Solution]:
    """`solve` of every net from every seed, net by net."""
    return spread(solve, [(name, seed) for name in NETS for seed in seeds], bar="networks trained")


def select(results: Sequence[T], name: str) -> list[T]:
    """The results of the nets with that name, in their order."""
    return [result for result in results if result.name == name]
