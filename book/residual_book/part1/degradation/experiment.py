"""The degradation experiment: depth against training error, with and without skips (He et al. 2015, section 4.2).

On CIFAR-10 it is recorded, resumably, by
`residual-book degradation --cifar10 FOLDER --out results/degradation-cifar10.json`.
"""

import itertools
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from residual.training import Recipe, error_rate
from residual.vision.data import cifar10
from residual_book.nets import DIGITS_RECIPE, trained
from residual_book.recording import WORKERS, alone, images_of, listed, record_all, spread

DEPTHS = (8, 20, 56)
SEEDS = (0, 1, 2)
# Test error (%) of residual nets on CIFAR-10 by depth: He et al. (2015), Table 6.
PUBLISHED = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}
CIFAR10_RECIPE = Recipe(epochs=2, batch_size=128)
# Evaluating all of CIFAR-10's training images would cost a third of an epoch; 10,000 give the error to half a point.
TRAIN_IMAGES_EVALUATED = 10_000


@dataclass(frozen=True)
class Run:
    """One trained network.

    Errors are percent, in evaluation mode, after the last epoch; the curve is the training error of each epoch.
    """

    depth: int
    residual: bool
    seed: int
    train_error: float
    test_error: float
    curve: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{'residual' if self.residual else 'plain'}-{self.depth}"


def train(depth: int, residual: bool, recipe: Recipe, zero_init: bool = True, **options: Any) -> Run:
    """Train one network and measure it; the arguments are those of `trained`."""
    data = images_of(options.get("folder"))
    model, history = trained(depth, residual, recipe, zero_init=zero_init, **options)
    with alone(recipe.seed):
        shown = slice(TRAIN_IMAGES_EVALUATED)
        return Run(
            depth=depth,
            residual=residual,
            seed=recipe.seed,
            train_error=error_rate(model, data.train_images[shown], data.train_labels[shown]),
            test_error=error_rate(model, data.test_images, data.test_labels),
            curve=tuple(history.train_error),
        )


def sweep(depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS, *, recipe: Recipe = DIGITS_RECIPE) -> list[Run]:
    """Train plain and residual nets of every depth from every seed on the digits, sorted as `key` says."""
    arms = _deepest_first(itertools.product(depths, (False, True), seeds))
    jobs = [(depth, residual, replace(recipe, seed=seed)) for depth, residual, seed in arms]
    return sorted(spread(train, jobs, bar="networks trained"), key=key)


def without_zeros(depth: int = 56, seeds: Sequence[int] = SEEDS, *, recipe: Recipe = DIGITS_RECIPE) -> list[Run]:
    """Residual nets that start like the plain ones, without zeroed batch-norm weights: all that is left is the skip."""
    jobs = [(depth, True, replace(recipe, seed=seed), False) for seed in seeds]
    return spread(train, jobs, bar="networks trained")


def key(run: Run) -> tuple[bool, int, int]:
    """What tells runs apart and sorts them: plain before residual, then by depth and seed."""
    return run.residual, run.depth, run.seed


def _deepest_first(arms: Iterable[tuple[int, bool, int]]) -> list[tuple[int, bool, int]]:
    """Depth, skips and seed of each net in the order to train them, seed by seed, so that workers end together."""
    return sorted(arms, key=lambda arm: (arm[2], -arm[0], arm[1]))


def select(runs: Sequence[Run], *, depth: int, residual: bool) -> list[Run]:
    """The runs of one network, by seed."""
    return sorted((r for r in runs if r.depth == depth and r.residual == residual), key=lambda r: r.seed)


def depths(runs: Sequence[Run]) -> list[int]:
    """The depths that were trained, from the least on."""
    return sorted({run.depth for run in runs})


def record(
    out: Path,
    folder: Path,
    *,
    label: str = "CIFAR-10",
    depths: Sequence[int] = (20, 56),
    seeds: Sequence[int] = (0, 1),
    recipe: Recipe = CIFAR10_RECIPE,
    workers: int = WORKERS,
) -> None:
    """Run the sweep on CIFAR-10 and write `out` after every network; called again, go on where it was cut off.

    Networks that stand in `out` are not trained again; another call may add depths and seeds.

    Raises:
        ValueError: for a bad folder, or where `out` was recorded with another label or recipe.
    """
    cifar10(folder)  # a bad folder is said now, not by a worker
    jobs = {
        (residual, depth, seed): partial(train, depth, residual, replace(recipe, seed=seed), folder=folder)
        for depth, residual, seed in _deepest_first(itertools.product(depths, (False, True), seeds))
    }
    record_all(
        out,
        jobs,
        Run,
        key=key,
        command=lambda nets: (
            f"residual-book degradation --cifar10 FOLDER --out results/{out.name} --label {shlex.quote(label)}"
            f" --depths {listed(net[1] for net in nets)} --seeds {listed(net[2] for net in nets)}"
            f" --epochs {recipe.epochs}"
        ),
        label=label,
        recipe=recipe,
        workers=workers,
    )
