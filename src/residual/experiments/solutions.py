"""Trained nets to look into: plain and residual, shallow and deep, on the digits.

Told in `book/part1/after-training.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from residual.experiments.degradation import DIGITS_RECIPE
from residual.experiments.recording import alone, images_of
from residual.training import Recipe, fit
from residual.vision import CifarNet

SEEDS = (0, 1, 2)
# Plain-20 is the deepest plain net that the recipe trains from every seed. Residual-20 starts with the same branches,
# not with zeros, so that the skip is all that differs. The deepest first, so that workers end together.
NETS: dict[str, dict[str, Any]] = {
    "residual-56": {"depth": 56, "zero_init_residual": True},
    "plain-56": {"depth": 56, "residual": False},
    "residual-20": {"depth": 20},
    "plain-20": {"depth": 20, "residual": False},
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
    data = images_of(None)
    with alone(seed):
        net = CifarNet(in_channels=data.channels, **NETS[name])
        fit(net, data, replace(recipe, seed=seed), progress=False)
    return Solution(name, seed, net.eval())


def solutions(seeds: Sequence[int] = SEEDS, *, workers: int = 2, progress: bool = True) -> list[Solution]:
    """`solve` of every net from every seed, `workers` at a time, seed last."""
    found = Parallel(n_jobs=workers, return_as="generator")(
        delayed(solve)(name, seed) for name in NETS for seed in seeds
    )
    return list(tqdm(found, total=len(NETS) * len(seeds), desc="networks trained", disable=not progress))
