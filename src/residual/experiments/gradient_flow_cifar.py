"""Gradients of the CIFAR nets at initialization: the same question as `gradient_flow`, put to the real architecture.

Told in `book/part1/gradient-flow.md`. Computed in float64: a plain net of 110 layers multiplies float32's rounding by
so much that its gradients change by half.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from residual.experiments.stats import Interval, median_interval
from residual.probes.gradients import GradientProfile, gradient_profile
from residual.vision.basic import BasicBlock
from residual.vision.cifar import CifarNet
from residual.vision.data import digits

DEPTHS = (20, 56, 110)
SEEDS = tuple(range(6))
ARMS: dict[str, dict[str, Any]] = {
    "plain": {"residual": False},
    "residual": {"residual": True},
    "residual, last gamma zero": {"residual": True, "zero_init_residual": True},
}


@dataclass(frozen=True)
class CifarRun:
    """One `CifarNet` on digits. `arm` is a key of `ARMS`; `profile.outputs` has an entry a block, in order."""

    depth: int
    arm: str
    seed: int
    profile: GradientProfile

    @property
    def stem_over_last(self) -> float:
        """Norm of the first convolution's weight gradient over the last one's; inf where that is zero."""
        weights = {gradient.name: gradient.norm for gradient in self.profile.weights}
        last = weights[f"{self.profile.outputs[-1].name}.conv2"]
        return weights["conv1"] / last if last else math.inf


@dataclass(frozen=True)
class CifarSummary:
    """Medians over the seeds of one arm. `stem_over_last` is None where the last gradient is zero."""

    depth: int
    arm: str
    stem_over_last: Interval | None
    first_over_last_block: Interval


def measure(depth: int, arm: str, seed: int, *, images: int = 32) -> CifarRun:
    """One backward pass of the cross-entropy of `images` training digits, drawn with the net's seed.

    Raises:
        ValueError: for an unknown arm, a number of images outside 2 to 1,437, or a depth `CifarNet` does not have.
    """
    data = digits()
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {tuple(ARMS)}, got {arm!r}")
    if not 2 <= images <= len(data.train_images):
        raise ValueError(f"images must be 2 to {len(data.train_images)}, got {images}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        batch = torch.randperm(len(data.train_images))[:images]
        net = CifarNet(depth, in_channels=data.channels, **ARMS[arm]).double()
    x, y = data.train_images[batch].double(), data.train_labels[batch]
    blocks = [name for name, module in net.named_modules() if isinstance(module, BasicBlock)]
    return CifarRun(depth, arm, seed, gradient_profile(net, lambda: F.cross_entropy(net(x), y), outputs=blocks))


def sweep(
    depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS, *, images: int = 32, progress: bool = True
) -> list[CifarRun]:
    """Measure every arm at every depth from every seed."""
    todo = tqdm(list(product(ARMS, depths, seeds)), desc="CIFAR nets measured", disable=not progress)
    return [measure(depth, arm, seed, images=images) for arm, depth, seed in todo]


def summarize(runs: Iterable[CifarRun]) -> list[CifarSummary]:
    """One summary an arm and depth, in the order of their first runs. Raises as `gradient_flow.summarize`."""
    groups: dict[tuple[int, str], list[CifarRun]] = {}
    for run in runs:
        groups.setdefault((run.depth, run.arm), []).append(run)
    summaries = []
    for (depth, arm), group in groups.items():
        ratios = [run.stem_over_last for run in group]
        ratio = None if math.inf in ratios else median_interval(ratios)
        summaries.append(
            CifarSummary(depth, arm, ratio, median_interval([run.profile.first_over_last for run in group]))
        )
    return summaries
