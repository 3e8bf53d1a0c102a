"""Trained nets to look into: plain and residual, shallow and deep, on the digits.

Told in `book/part1/after-training.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joblib import Parallel, delayed
from tqdm import tqdm

from residual.experiments.degradation import DIGITS_RECIPE, trained
from residual.experiments.recording import WORKERS
from residual.training import Recipe
from residual.vision import CifarNet

SEEDS = (0, 1, 2)
# Plain-20 is the deepest plain net that the recipe trains from every seed. Residual-20 starts with the same branches,
# not with zeros, so that the skip is all that differs. The deepest first, so that workers end together.
# The others are those of `residual.experiments.degradation`: a build trains them once.
NETS = {  # depth, with skips, started with zeros
    "residual-56": (56, True, True),
    "plain-56": (56, False, True),
    "residual-20": (20, True, False),
    "plain-20": (20, False, True),
}


@dataclass(frozen=True)
class Solution:
    """A net trained from a seed, in evaluation mode. `name` is a key of `NETS`."""

    name: str
    seed: int
    net: CifarNet


def solve(name: str, seed: int, *, recipe: Recipe = DIGITS_RECIPE) -> Solution:
    """Train one net; the seed of `recipe` is replaced.

    Raises:
        ValueError: for an unknown net.
    """
    if name not in NETS:
        raise ValueError(f"name must be one of {tuple(NETS)}, got {name!r}")
    depth, residual, zero_init = NETS[name]
    net, _ = trained(depth, residual, replace(recipe, seed=seed), zero_init=zero_init)
    return Solution(name, seed, net.eval())


def solutions(seeds: Sequence[int] = SEEDS, *, workers: int = WORKERS, progress: bool = True) -> list[Solution]:
    """`solve` of every net from every seed, `workers` at a time, seed last."""
    found = Parallel(n_jobs=workers, return_as="generator")(
        delayed(solve)(name, seed) for name in NETS for seed in seeds
    )
    return list(tqdm(found, total=len(NETS) * len(seeds), desc="networks trained", disable=not progress))
