"""How deep can it go: error against depth at a fixed budget, for blocks with and without batch norm.

Told in `book/part1/depth.md`, with `depth_record` (the deep ones, recorded), `signal_size` (before training) and
`depth_cost` (the price).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from joblib import Parallel, delayed
from torch import nn
from tqdm import tqdm

from residual.experiments.limits import Steps, first_steps
from residual.experiments.recording import WORKERS, alone, images_of
from residual.experiments.stats import Interval, mean_interval, slope
from residual.training import Recipe, error_rate, fit
from residual.vision import CifarNet, NormFreeBlock, PreActBlock

R = TypeVar("R")

DEPTHS = (8, 20)  # 6n + 2
SEEDS = (0, 1, 2)
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "original": {},
    "pre-activation": {"block": PreActBlock},
    "no norm, scale 1": {"block": NormFreeBlock},
    "no norm, scale 1/√L": {"block": NormFreeBlock},
    "no norm, scale 0": {"block": NormFreeBlock},
}
# What the scale of each of so many blocks starts at.
SCALES: Mapping[str, Callable[[int], float]] = {
    "no norm, scale 1": lambda blocks: 1.0,
    "no norm, scale 1/√L": lambda blocks: blocks**-0.5,
    "no norm, scale 0": lambda blocks: 0.0,
}
WIDTH = 8
RATES = (0.1, 0.01)  # peaks to choose from, for each arm
CHOICE_DEPTH, CHOICE_SEED = 20, 99
RECIPE = Recipe(epochs=2, batch_size=32)  # the rate and the seed are each run's own
VERY_DEEP = "pre-activation"


@dataclass(frozen=True)
class Run:
    """One net after training.

    Attributes:
        arm: a key of `ARMS`.
        depth: weighted layers.
        seed: of weights and batches.
        peak_lr: of the one-cycle schedule.
        train_error, test_error: percent, in evaluation mode; None for a net that diverged.
    """

    arm: str
    depth: int
    seed: int
    peak_lr: float
    train_error: float | None = None
    test_error: float | None = None

    @property
    def diverged(self) -> bool:
        """Its loss, or one of its weights, was no longer finite."""
        return self.train_error is None


def build(arm: str, depth: int, *, width: int = WIDTH) -> CifarNet:
    """The net of an arm, for images of one channel, with its scales set.

    Raises:
        ValueError: for an unknown arm, or a depth `CifarNet` does not have.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {tuple(ARMS)}, got {arm!r}")
    net = CifarNet(depth, in_channels=1, width=width, **ARMS[arm])
    if arm in SCALES:
        set_scales(net.blocks(), SCALES[arm])
    return net


def set_scales(blocks: Sequence[nn.Module], scale: Callable[[int], float]) -> None:
    """Start the scale of each of the `blocks`, all `NormFreeBlock`s, at what their number gives."""
    for block in blocks:
        assert isinstance(block, NormFreeBlock)
        nn.init.constant_(block.scale, scale(len(blocks)))


def train(arm: str, depth: int, seed: int, *, peak_lr: float, recipe: Recipe = RECIPE) -> Run:
    """Train one net on the digits. Of a seed, all nets take as many steps, on the same images in the same order.

    Raises:
        ValueError: as `build`.
    """
    data = images_of(None)
    with alone(seed):
        net = build(arm, depth)
        try:
            fit(net, data, replace(recipe, peak_lr=peak_lr, seed=seed), progress=False)
        except FloatingPointError:
            return Run(arm, depth, seed, peak_lr)
        if not all(torch.isfinite(value).all() for value in net.state_dict().values()):  # the last step was too much
            return Run(arm, depth, seed, peak_lr)
        return Run(
            arm,
            depth,
            seed,
            peak_lr,
            train_error=error_rate(net, data.train_images, data.train_labels),
            test_error=error_rate(net, data.test_images, data.test_labels),
        )


def choose_rates(
    arms: Iterable[str] = ARMS, *, rates: Sequence[float] = RATES, workers: int = WORKERS, progress: bool = True
) -> tuple[dict[str, float], list[Run]]:
    """A learning rate for each arm, and the runs it was chosen by.

    It is the one with the lowest training error at depth `CHOICE_DEPTH` from a seed that is not used again; a net that
    diverged is worst, and the first of equals is taken.
    """
    jobs = [partial(train, arm, CHOICE_DEPTH, CHOICE_SEED, peak_lr=rate) for arm in arms for rate in rates]
    runs = list(run_all(jobs, workers=workers, bar="rates tried" if progress else None))
    best = {
        arm: min(
            (run for run in runs if run.arm == arm), key=lambda r: 101.0 if r.train_error is None else r.train_error
        )
        for arm in arms
    }
    return {arm: run.peak_lr for arm, run in best.items()}, runs


def sweep(
    rates: Mapping[str, float],
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    workers: int = WORKERS,
    progress: bool = True,
) -> list[Run]:
    """Train every arm in `rates`, at its rate, at every depth, from every seed.

    The deepest come first, so that workers end together; the result is sorted as the arguments are.
    """
    arms = [(arm, depth, seed) for arm in rates for depth in depths for seed in seeds]
    order = sorted(range(len(arms)), key=lambda i: -arms[i][1])
    jobs = [partial(train, *arms[i], peak_lr=rates[arms[i][0]]) for i in order]
    runs = run_all(jobs, workers=workers, bar="networks trained" if progress else None)
    found = dict(zip(order, runs, strict=True))
    return [found[i] for i in range(len(arms))]


def select(runs: Sequence[Run], arm: str, depth: int) -> list[Run]:
    """The runs of one net, in their order."""
    return [run for run in runs if (run.arm, run.depth) == (arm, depth)]


def difference(one: Sequence[Run], other: Sequence[Run], field: str) -> Interval:
    """Error of `one` minus that of `other`, in points, paired by seed.

    Args:
        one, other: runs with the same seeds in the same order.
        field: "train_error" or "test_error".

    Raises:
        ValueError: for other seeds, for fewer than two, or for a net that diverged and has no error.
    """
    seeds = [run.seed for run in one], [run.seed for run in other]
    if seeds[0] != seeds[1]:
        raise ValueError(f"runs must have the same seeds to pair, got {seeds[0]} and {seeds[1]}")
    if lost := [run for run in (*one, *other) if run.diverged]:
        raise ValueError(f"runs must have an error, got {lost[0]}, which diverged")
    return mean_interval([getattr(a, field) - getattr(b, field) for a, b in zip(one, other, strict=True)])


def trend(runs: Sequence[Run], arm: str, field: str) -> Interval:
    """Points that an arm's error changes by with each doubling of the depth: a slope fitted to each seed's runs.

    Raises:
        ValueError: for fewer than two seeds, or for a net that diverged and has no error.
    """
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        if run.arm == arm:
            by_seed.setdefault(run.seed, []).append(run)
    if lost := [run for run in runs if run.arm == arm and run.diverged]:
        raise ValueError(f"runs must have an error, got {lost[0]}, which diverged")
    return mean_interval(
        [slope([math.log2(r.depth) for r in own], [getattr(r, field) for r in own]) for own in by_seed.values()]
    )


def very_deep(
    seeds: Sequence[int] = SEEDS, *, steps: int = 20, workers: int = WORKERS, progress: bool = True
) -> list[Steps]:
    """`first_steps` of `VERY_DEEP`, a net of more than 1,000 layers, from every seed."""
    jobs = [partial(first_steps, VERY_DEEP, seed, steps=steps, arms=ARMS) for seed in seeds]
    return list(run_all(jobs, workers=workers, bar="deep nets started" if progress else None))


def run_all(jobs: Sequence[Callable[[], R]], *, workers: int, bar: str | None = None) -> Iterator[R]:
    """What the jobs return, in their order, `workers` at a time, under a progress bar named `bar`."""
    found = Parallel(n_jobs=workers, return_as="generator")(delayed(job)() for job in jobs)
    yield from tqdm(found, total=len(jobs), desc=bar, disable=bar is None)
