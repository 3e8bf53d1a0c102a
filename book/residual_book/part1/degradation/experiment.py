"""The degradation experiment: depth against training error, with and without skips (He et al. 2015, section 4.2).

The page trains the short runs on the digits. Those on CIFAR-10 are recorded, resumably, by
`residual-book degradation --cifar10 FOLDER --out results/degradation-cifar10.json`, and the long ones by `plateau`.
"""

import itertools
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from residual.training import Recipe, error_rate
from residual.vision.data import cifar10
from residual_book.nets import DIGITS_RECIPE, trained
from residual_book.recording import WORKERS, alone, images_of, record_all, spread

DEPTHS = (8, 20, 56)
SEEDS = (0, 1, 2)
FEWEST = 3  # seeds with which a recorded net is compared; with two, an interval spans everything
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "residual": {"residual": True},  # each block starts as the identity
    "residual-without-zeros": {"residual": True, "zero_init": False},  # starts like the plain net
}
# Test error (%) of residual nets on CIFAR-10 by depth: He et al. (2015), Table 6.
PUBLISHED = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43}
CIFAR10_RECIPE = Recipe(epochs=25, batch_size=128)
CIFAR10_NETS = (
    "plain-56",
    "residual-56",
    "residual-without-zeros-56",
    "plain-20",
    "residual-20",
    "residual-without-zeros-20",
)
# Evaluating all of CIFAR-10's training images would cost a third of an epoch; 10,000 give the error to half a point.
TRAIN_IMAGES_EVALUATED = 10_000


@dataclass(frozen=True)
class Run:
    """One trained network.

    Attributes:
        arm: a key of `ARMS`.
        depth: weighted layers.
        peak_lr: the highest learning rate of its schedule.
        epochs: passes over the training images.
        seed: of weights, order and augmentation.
        train_error, test_error: percent, in evaluation mode, after the last epoch.
        curve: training error of each epoch, percent, of the images as they were trained on.
    """

    arm: str
    depth: int
    peak_lr: float
    epochs: int
    seed: int
    train_error: float
    test_error: float
    curve: tuple[float, ...]

    @property
    def name(self) -> str:
        return net_name(self.arm, self.depth)


def net_name(arm: str, depth: int) -> str:
    """What a net is called in commands, such as "plain-56"."""
    return f"{arm}-{depth}"


def net_named(name: str) -> tuple[str, int]:
    """Arm and depth of a name as `net_name` makes it.

    Raises:
        ValueError: for a name of another form; says which arms there are.
    """
    arm, _, depth = name.rpartition("-")
    if arm not in ARMS or not depth.isdecimal():
        raise ValueError(f"nets must be named ARM-DEPTH, with an arm of {', '.join(ARMS)}, got {name!r}")
    return arm, int(depth)


def train(arm: str, depth: int, recipe: Recipe, **options: Any) -> Run:
    """Train one network and measure it; options are those of `trained`."""
    data = images_of(options.get("folder"))
    model, history = trained(depth, recipe=recipe, **ARMS[arm], **options)
    with alone(recipe.seed):
        shown = slice(TRAIN_IMAGES_EVALUATED)
        return Run(
            arm=arm,
            depth=depth,
            peak_lr=recipe.peak_lr,
            epochs=recipe.epochs,
            seed=recipe.seed,
            train_error=error_rate(model, data.train_images[shown], data.train_labels[shown]),
            test_error=error_rate(model, data.test_images, data.test_labels),
            curve=tuple(history.train_error),
        )


def sweep(
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    arms: Sequence[str] = ("plain", "residual"),
    recipe: Recipe = DIGITS_RECIPE,
) -> list[Run]:
    """Train nets of every depth, seed and arm on the digits, sorted as `key` says."""
    nets = itertools.product(
        seeds, sorted(depths)[::-1], arms
    )  # the deepest of a seed first, so that workers end together
    jobs = [(arm, depth, replace(recipe, seed=seed)) for seed, depth, arm in nets]
    return sorted(spread(train, jobs, bar="networks trained"), key=key)


def key(run: Run) -> tuple[str, int, float, int, int]:
    """What tells runs apart and sorts them: plain before residual, then by depth, rate, epochs and seed."""
    return run.arm, run.depth, run.peak_lr, run.epochs, run.seed


def select(runs: Sequence[Run], arm: str, depth: int) -> list[Run]:
    """The runs of one network, in their order."""
    return [run for run in runs if (run.arm, run.depth) == (arm, depth)]


def depths(runs: Sequence[Run]) -> list[int]:
    """The depths that were trained, from the least on."""
    return sorted({run.depth for run in runs})


def record(
    out: Path,
    folder: Path,
    *,
    label: str = "CIFAR-10",
    nets: Sequence[str] = CIFAR10_NETS,
    seeds: Sequence[int] = SEEDS,
    recipe: Recipe = CIFAR10_RECIPE,
    bf16: bool = False,
    device: str | None = None,
    workers: int = WORKERS,
) -> None:
    """Train nets on CIFAR-10, seed by seed, and write `out` after each; called again, go on where it was cut off.

    Networks that stand in `out` are not trained again; another call may add nets and seeds.

    Args:
        out: the JSON file.
        folder: CIFAR-10's binary files.
        label: what the page calls the data.
        nets: their names as `net_name` makes them, in the order to train them.
        seeds: of each net.
        recipe: of all, the seed aside.
        bf16: train in mixed precision, as `fit` has it.
        device: where to train, as `fit` has it.
        workers: processes.

    Raises:
        ValueError: for a bad folder or name, or where `out` was recorded with another label, recipe, precision or
            device.
    """
    arms = list(map(net_named, nets))
    cifar10(folder)  # a bad folder is said now, not by a worker
    jobs = {
        (arm, depth, recipe.peak_lr, recipe.epochs, seed): partial(
            train, arm, depth, replace(recipe, seed=seed), folder=folder, bf16=bf16, device=device
        )
        for seed in seeds
        for arm, depth in arms
    }

    def command(keys: Collection[tuple[str, int, float, int, int]]) -> str:
        names = sorted({net_name(arm, depth) for arm, depth, *_ in keys})
        return (
            f"residual-book degradation --cifar10 FOLDER --out results/{out.name} --label {shlex.quote(label)}"
            f" --nets {','.join(names)} --seeds {','.join(map(str, sorted({seed for *_, seed in keys})))}"
            f" --epochs {recipe.epochs}" + (" --bf16" if bf16 else "") + (f" --device {device}" if device else "")
        )

    record_all(
        out,
        jobs,
        Run,
        key=key,
        command=command,
        label=label,
        recipe=recipe,
        workers=workers,
        precision="bfloat16 autocast" if bf16 else "float32",
        device=device,
    )
