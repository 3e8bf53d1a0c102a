"""Trained nets to look into, plain and residual, shallow and deep, as the degradation experiment trains them.

Told in `book/part1/after-training.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from joblib import Parallel, delayed
from tqdm import tqdm

from residual.experiments.degradation import DIGITS_RECIPE
from residual.experiments.recording import alone
from residual.training import fit
from residual.vision import CifarNet
from residual.vision.data import digits

SEEDS = (0, 1, 2)
DEPTHS = (20, 56)


@dataclass(frozen=True)
class Solution:
    """A net trained on the digits, in evaluation mode."""

    depth: int
    residual: bool
    seed: int
    net: CifarNet

    @property
    def name(self) -> str:
        return f"{'residual' if self.residual else 'plain'}-{self.depth}"


def solve(depth: int, residual: bool, seed: int) -> Solution:
    """Train one net; residual blocks start as identities, as on the degradation page."""
    data = digits()
    with alone(seed):
        net = CifarNet(depth, residual=residual, zero_init_residual=residual, in_channels=data.channels)
        fit(net, data, replace(DIGITS_RECIPE, seed=seed), progress=False)
    return Solution(depth, residual, seed, net.eval())


def solutions(
    depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS, *, workers: int = 2, progress: bool = True
) -> list[Solution]:
    """Train plain and residual nets of every depth from every seed."""
    arms = [
        (depth, residual, seed)
        for depth in sorted(depths, reverse=True)
        for residual in (True, False)
        for seed in seeds
    ]
    found = Parallel(n_jobs=workers, return_as="generator")(delayed(solve)(*arm) for arm in arms)
    return list(tqdm(found, total=len(arms), desc="networks trained", disable=not progress))
