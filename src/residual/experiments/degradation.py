"""The degradation experiment: depth against training error, with and without skips (He et al. 2015, section 4.2).

Told in `book/part1/degradation.md`. On CIFAR-10 it is recorded, resumably, by
`residual degradation --cifar10 FOLDER --out results/degradation-cifar10.json`.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from residual.experiments.recording import WORKERS, alone, check_same, images_of, runs_of, shared_checkpoint, write_each
from residual.experiments.stats import Interval, mean_interval
from residual.training import History, Recipe, error_rate, fit
from residual.vision.cifar import CifarNet
from residual.vision.data import cifar10, crop_and_flip

DEPTHS = (8, 20, 56)
SEEDS = (0, 1, 2)
# Test error (%) of residual nets on CIFAR-10 by depth: He et al. (2015), Table 6.
PUBLISHED = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}
DIGITS_RECIPE = Recipe(epochs=4, batch_size=64)
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


def trained(
    depth: int,
    residual: bool,
    recipe: Recipe,
    *,
    zero_init: bool = True,
    folder: Path | None = None,
    checkpoint: Path | None = None,
) -> tuple[CifarNet, History]:
    """Train one network from `recipe.seed`, on one thread so that the result does not depend on the number of cores.

    Args:
        depth: of the net, 6n + 2.
        residual: with skips, or plain.
        recipe: how to train; its seed also decides the initial weights.
        zero_init: start the blocks of a residual net as identities, which helps a short run (Goyal et al. 2017).
        folder: CIFAR-10's binary files (trained on with crops and flips); None trains on scikit-learn's digits.
        checkpoint: where to keep the state after each epoch; of nets for the digits, several pages share one.
    """
    data = images_of(folder)
    zero_init_residual = residual and zero_init
    if checkpoint is None and folder is None:
        checkpoint = shared_checkpoint(depth, residual, zero_init_residual, recipe)
    with alone(recipe.seed):
        model = CifarNet(depth, residual=residual, zero_init_residual=zero_init_residual, in_channels=data.channels)
        augment = crop_and_flip if folder else None
        history = fit(model, data, recipe, augment=augment, checkpoint=checkpoint, progress=False)
    return model, history


def train(depth: int, residual: bool, recipe: Recipe, *, folder: Path | None = None, **options: Any) -> Run:
    """Train one network and measure it; the arguments are those of `trained`."""
    data = images_of(folder)
    model, history = trained(depth, residual, recipe, folder=folder, **options)
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


def sweep(
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    recipe: Recipe = DIGITS_RECIPE,
    workers: int = WORKERS,
    progress: bool = True,
) -> list[Run]:
    """Train plain and residual nets of every depth from every seed on the digits, `workers` at a time."""
    arms = [(depth, residual, seed) for depth in depths for residual in (False, True) for seed in seeds]
    runs = tqdm(_run(arms, recipe, workers), total=len(arms), desc="networks trained", disable=not progress)
    return sorted(runs, key=_place)


def without_zeros(
    depth: int = 56,
    seeds: Sequence[int] = SEEDS,
    *,
    recipe: Recipe = DIGITS_RECIPE,
    workers: int = WORKERS,
    progress: bool = True,
) -> list[Run]:
    """Residual nets that start like the plain ones, without zeroed batch-norm weights: all that is left is the skip."""
    arms = [(depth, True, seed) for seed in seeds]
    runs = _run(arms, recipe, workers, zero_init=False)
    return sorted(tqdm(runs, total=len(arms), desc="networks trained", disable=not progress), key=_place)


def _place(run: Run) -> tuple[bool, int, int]:
    return run.residual, run.depth, run.seed


def _run(
    arms: Sequence[tuple[int, bool, int]],
    recipe: Recipe,
    workers: int,
    *,
    zero_init: bool = True,
    folder: Path | None = None,
    checkpoints: Path | None = None,
) -> Iterator[Run]:
    """Yield runs as they end. The deepest start first, seed by seed, so that workers end together."""
    jobs = (
        delayed(train)(
            depth,
            residual,
            replace(recipe, seed=seed),
            zero_init=zero_init,
            folder=folder,
            checkpoint=checkpoints and checkpoints / f"{depth}-{residual}-{seed}.safetensors",
        )
        for depth, residual, seed in sorted(arms, key=lambda arm: (arm[2], -arm[0], arm[1]))
    )
    runs: Iterator[Run] = Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)
    return runs


def select(runs: Sequence[Run], *, depth: int, residual: bool) -> list[Run]:
    """The runs of one network, by seed."""
    return sorted((r for r in runs if r.depth == depth and r.residual == residual), key=lambda r: r.seed)


def gap(runs: Sequence[Run], depth: int) -> Interval:
    """Training error of plain minus residual at `depth`, in points, paired by seed.

    Raises:
        ValueError: where the two nets were not trained from the same seeds, or from fewer than two.
    """
    plain, residual = select(runs, depth=depth, residual=False), select(runs, depth=depth, residual=True)
    seeds = [run.seed for run in plain], [run.seed for run in residual]
    if seeds[0] != seeds[1]:
        raise ValueError(
            f"runs must have the same seeds to pair, got plain-{depth} {seeds[0]}, residual-{depth} {seeds[1]}"
        )
    return mean_interval([p.train_error - r.train_error for p, r in zip(plain, residual, strict=True)])


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
    runs = []
    if out.exists():
        check_same(out, recipe, label=label)
        runs = recorded_runs(out)
    cifar10(folder)  # a bad folder is said now, not by a worker
    done = {(run.depth, run.residual, run.seed) for run in runs}
    arms = [(d, residual, s) for d in depths for residual in (False, True) for s in seeds]
    todo = [arm for arm in arms if arm not in done]
    checkpoints = out.with_suffix(".partial")
    # The command repeats all of the file, not only what this call adds.
    all_depths = sorted({*depths, *(run.depth for run in runs)})
    all_seeds = sorted({*seeds, *(run.seed for run in runs)})
    write_each(
        out,
        runs,
        _run(todo, recipe, workers, folder=folder, checkpoints=checkpoints),
        total=len(todo),
        label=label,
        command=f"residual degradation --cifar10 FOLDER --out results/{out.name} --label {shlex.quote(label)}"
        f" --depths {','.join(map(str, all_depths))} --seeds {','.join(map(str, all_seeds))} --epochs {recipe.epochs}",
        recipe=recipe,
        place=_place,
        checkpoint=lambda run: checkpoints / f"{run.depth}-{run.residual}-{run.seed}.safetensors",
    )


def recorded_runs(path: Path) -> list[Run]:
    """The runs of a file that `record` wrote.

    Raises:
        ValueError: for a file that is missing or holds something else.
    """
    return runs_of(path, lambda run: Run(**{**run, "curve": tuple(run["curve"])}), "degradation")
