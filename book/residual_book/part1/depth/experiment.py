"""How deep can it go: error against depth at a fixed budget, for blocks with and without batch norm.

The deep nets take too long for a page: they are recorded, resumably, by
`residual-book depth --out results/depth-digits.json`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from residual.training import Recipe, error_rate, fit
from residual.vision import CifarNet, NormFreeBlock, PreActBlock
from residual_book.recording import WORKERS, alone, images_of, listed, record_all, spread

DEPTHS = (8, 20)  # 6n + 2, trained by the page
DEEP = (56, 110, 218)  # recorded
SEEDS = (0, 1, 2)
# What the scale of each of so many blocks starts at.
SCALES: Mapping[str, Callable[[float], float]] = {
    "no norm, scale 1": lambda blocks: 1.0,
    "no norm, scale 1/√L": lambda blocks: blocks**-0.5,
    "no norm, scale 0": lambda blocks: 0.0,
}
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "original": {},
    "pre-activation": {"block": PreActBlock},
    **{arm: {"block": NormFreeBlock} for arm in SCALES},
}
RECORDED = tuple(ARMS)[1:]  # not the plain one, which is lost at 56 layers; the page trains it at both rates
RATES = (0.1, 0.01)  # peaks to choose from, for each arm
CHOICE_DEPTH, CHOICE_SEED = 20, 99  # the seed is not used again
# Nets that learn little or nothing at the rate that suits 20 layers.
RETRIED = (("plain", 56), ("original", 218), *product(("no norm, scale 1",), DEEP))
RECIPE = Recipe(epochs=2, batch_size=32)  # the rate and the seed are each run's own


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
        """Whether its loss, or one of its weights, was no longer finite."""
        return self.train_error is None


def train_error(run: Run) -> float:
    """In percent; not a number for a net that diverged, so that no mean takes it and lines have a gap."""
    return math.nan if run.train_error is None else run.train_error


def test_error(run: Run) -> float:
    """In percent; not a number for a net that diverged."""
    return math.nan if run.test_error is None else run.test_error


def build(arm: str, depth: int) -> CifarNet:
    """The net of an arm, a key of `ARMS`, for images of one channel, with its scales set."""
    net = CifarNet(depth, in_channels=1, width=8, **ARMS[arm])
    if arm in SCALES:
        set_scales(net.blocks(), SCALES[arm])
    return net


def set_scales(blocks: Sequence[nn.Module], scale: Callable[[float], float]) -> None:
    """Start the scale of each of the `blocks`, all `NormFreeBlock`s, at what their number gives."""
    for block in blocks:
        assert isinstance(block, NormFreeBlock)
        nn.init.constant_(block.scale, scale(len(blocks)))


def train(
    arm: str, depth: int, seed: int, peak_lr: float, *, recipe: Recipe = RECIPE, checkpoint: Path | None = None
) -> Run:
    """Train one net on the digits. From one seed, all nets take as many steps, on the same images in the same order."""
    data, run = images_of(None), Run(arm, depth, seed, peak_lr)
    with alone(seed):
        net = build(arm, depth)
        try:
            fit(net, data, replace(recipe, peak_lr=peak_lr, seed=seed), checkpoint=checkpoint, progress=False)
        except FloatingPointError:
            return run
        if not all(torch.isfinite(value).all() for value in net.state_dict().values()):  # the last step was too much
            return run
        return replace(
            run,
            train_error=error_rate(net, data.train_images, data.train_labels),
            test_error=error_rate(net, data.test_images, data.test_labels),
        )


def choose_rates() -> tuple[dict[str, float], list[Run]]:
    """A learning rate for each arm, and the runs it was chosen by: those of a seed that is not used again."""
    jobs = [(arm, CHOICE_DEPTH, CHOICE_SEED, rate) for arm in ARMS for rate in RATES]
    runs = spread(train, jobs, bar="rates tried")
    return best_rates(runs), runs


def best_rates(runs: Sequence[Run]) -> dict[str, float]:
    """Each arm's rate with the lowest training error: a net that diverged is worst, the first of equals is taken."""
    ranked = sorted(runs, key=lambda run: (run.diverged, run.train_error))
    return {run.arm: run.peak_lr for run in reversed(ranked)}  # an arm's best run comes last, and stays


def sweep(rates: Mapping[str, float], depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS) -> list[Run]:
    """Train every arm in `rates` at its rate, at every depth, from every seed: deepest first, sorted as `key` says."""
    jobs = [(arm, depth, seed, rates[arm]) for depth in sorted(depths)[::-1] for arm in rates for seed in seeds]
    return sorted(spread(train, jobs, bar="networks trained"), key=key)


def key(run: Run) -> tuple[int, int, float, int]:
    """What tells runs apart and sorts them: by arm, depth, rate (the higher first) and seed."""
    return tuple(ARMS).index(run.arm), run.depth, -run.peak_lr, run.seed


def select(runs: Sequence[Run], arm: str, depth: int | None = None) -> list[Run]:
    """The runs of one arm, at one depth or at all, in their order."""
    return [run for run in runs if run.arm == arm and depth in (None, run.depth)]


def plain_at_both_rates(seeds: Sequence[int] = SEEDS) -> list[Run]:
    """The plain net of 56 layers, from every seed."""
    return [run for rate in RATES for run in sweep({"plain": rate}, (56,), seeds)]


def retried(runs: Sequence[Run]) -> list[Run]:
    """Of runs at the rate that was not chosen, those of nets that fail at the one that was."""
    return [run for run in runs if (run.arm, run.depth) in RETRIED]


def record(out: Path, *, depths: Sequence[int] = DEEP, seeds: Sequence[int] = SEEDS, workers: int = WORKERS) -> None:
    """Train every arm at both rates and write `out` after every net; called again, go on where it was cut off.

    Nets that stand in `out` are not trained again; another call may add depths and seeds. Both rates, for the page
    chooses each arm's rate anew.

    Raises:
        ValueError: for a depth `CifarNet` does not have, or where `out` was recorded with another recipe.
    """
    nets = product(sorted(depths)[::-1], RECORDED, RATES, seeds)
    jobs = {key(Run(arm, depth, seed, rate)): partial(train, arm, depth, seed, rate) for depth, arm, rate, seed in nets}
    record_all(
        out,
        jobs,
        Run,
        key=key,
        command=lambda keys: (
            f"residual-book depth --out results/{out.name}"
            f" --depths {listed(depth for _, depth, _, _ in keys)} --seeds {listed(seed for _, _, _, seed in keys)}"
        ),
        label="digits",
        recipe=RECIPE,
        workers=workers,
    )
