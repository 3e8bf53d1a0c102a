"""The degradation experiment: depth against training error, with and without skips (He et al. 2015, section 4.2).

Told in `book/part1/degradation.md`. On CIFAR-10 it is recorded, resumably, by
`residual degradation --cifar10 FOLDER --out results/degradation-cifar10.json`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from residual.experiments.records import provenance, read_record, write_record
from residual.experiments.stats import Interval, mean_interval
from residual.training import Recipe, error_rate, fit
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, cifar10, crop_and_flip, digits

DEPTHS = (20, 32, 44, 56)
SEEDS = (0, 1, 2)
DIGITS_RECIPE = Recipe(epochs=6, batch_size=64)
CIFAR10_RECIPE = Recipe(epochs=2, batch_size=128)
# Evaluating all of CIFAR-10's training images would cost a third of an epoch; 10,000 give the error to half a point.
TRAIN_IMAGES_EVALUATED = 10_000


@dataclass(frozen=True)
class Run:
    """One trained network. Errors are percent, in evaluation mode, after the last epoch; the curve has a value an epoch."""

    depth: int
    residual: bool
    seed: int
    train_error: float
    test_error: float
    curve: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{'residual' if self.residual else 'plain'}-{self.depth}"


def train(
    depth: int, residual: bool, recipe: Recipe, *, folder: Path | None = None, checkpoint: Path | None = None
) -> Run:
    """Train one network from `recipe.seed`, on one thread so that the result does not depend on the number of cores.

    Args:
        folder: CIFAR-10's binary files (trained on with crops and flips); None trains on scikit-learn's digits.
        checkpoint: where to keep the state after each epoch.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    data = _data(folder)
    # Residual blocks start as identities; without it a short run of 56 layers fails for a reason of its own.
    model = CifarNet(depth, residual=residual, zero_init_residual=residual, in_channels=data.channels)
    history = fit(model, data, recipe, augment=crop_and_flip if folder else None, checkpoint=checkpoint, progress=False)
    shown = slice(TRAIN_IMAGES_EVALUATED)
    return Run(
        depth=depth,
        residual=residual,
        seed=recipe.seed,
        train_error=error_rate(model, data.train_images[shown], data.train_labels[shown]),
        test_error=error_rate(model, data.test_images, data.test_labels),
        curve=tuple(history.train_error),
    )


@cache
def _data(folder: Path | None) -> ImageData:
    return cifar10(folder) if folder else digits()


def sweep(
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    recipe: Recipe = DIGITS_RECIPE,
    workers: int = 2,
    progress: bool = True,
) -> list[Run]:
    """Train plain and residual nets of every depth from every seed on the digits, `workers` at a time."""
    arms = [(depth, residual, seed) for depth in depths for residual in (False, True) for seed in seeds]
    return sorted(
        tqdm(_run(arms, recipe, workers), total=len(arms), desc="networks trained", disable=not progress),
        key=lambda run: (run.residual, run.depth, run.seed),
    )


def _run(
    arms: Sequence[tuple[int, bool, int]],
    recipe: Recipe,
    workers: int,
    *,
    folder: Path | None = None,
    checkpoints: Path | None = None,
) -> Iterator[Run]:
    """Yield runs as they end. The deepest start first, seed by seed, so that workers end together."""
    jobs = (
        delayed(train)(
            depth,
            residual,
            replace(recipe, seed=seed),
            folder=folder,
            checkpoint=checkpoints and checkpoints / f"{depth}-{residual}-{seed}.safetensors",
        )
        for depth, residual, seed in sorted(arms, key=lambda arm: (arm[2], -arm[0], arm[1]))
    )
    return Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)


def select(runs: Sequence[Run], *, depth: int, residual: bool) -> list[Run]:
    """The runs of one network, by seed."""
    return sorted((r for r in runs if r.depth == depth and r.residual == residual), key=lambda r: r.seed)


def gap(runs: Sequence[Run], depth: int) -> Interval:
    """Training error of plain minus residual at `depth`, in points, paired by seed."""
    plain, residual = select(runs, depth=depth, residual=False), select(runs, depth=depth, residual=True)
    return mean_interval([p.train_error - r.train_error for p, r in zip(plain, residual, strict=True)])


def record(
    out: Path,
    folder: Path,
    *,
    label: str = "CIFAR-10",
    depths: Sequence[int] = (20, 56),
    seeds: Sequence[int] = (0, 1),
    recipe: Recipe = CIFAR10_RECIPE,
    workers: int = 2,
) -> None:
    """Run the sweep on CIFAR-10 and write `out` after every network; called again, go on where it was cut off."""
    cifar10(folder)  # a bad folder is said now, not by a worker
    runs = recorded_runs(out) if out.exists() else []
    done = {(run.depth, run.residual, run.seed) for run in runs}
    arms = [(d, residual, s) for d in depths for residual in (False, True) for s in seeds]
    todo = [arm for arm in arms if arm not in done]
    checkpoints = out.with_suffix(".partial")
    command = (
        f"residual degradation --cifar10 FOLDER --out results/{out.name} --label '{label}'"
        f" --depths {' '.join(map(str, depths))} --seeds {' '.join(map(str, seeds))} --epochs {recipe.epochs}"
    )
    made = provenance()
    for run in tqdm(_run(todo, recipe, workers, folder=folder, checkpoints=checkpoints), total=len(todo), desc=label):
        runs = sorted([*runs, run], key=lambda r: (r.residual, r.depth, r.seed))
        write_record(
            out,
            {
                "data": label,
                "command": command,
                "provenance": made,
                "recipe": asdict(recipe),
                "runs": [asdict(r) for r in runs],
            },
        )
        (checkpoints / f"{run.depth}-{run.residual}-{run.seed}.safetensors").unlink()


def recorded_runs(path: Path) -> list[Run]:
    """The runs of a file that `record` wrote."""
    return [Run(**{**run, "curve": tuple(run["curve"])}) for run in read_record(path)["runs"]]
