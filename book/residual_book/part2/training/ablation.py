"""A recipe taken apart: ResNet-20 trained by all of it, and by all but one piece.

On CIFAR-10 it is recorded, resumably, by
`residual-book ablation --cifar10 FOLDER --out results/ablation-cifar10.json`.
"""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from residual.training import Recipe, error_rate, fit, predictions
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, cifar10, crop_and_flip
from residual_book.recording import alone, images_of, listed, record_all, spread
from residual_book.stats import Interval, mean_difference

RECIPE = Recipe(
    epochs=5, batch_size=64, schedule="cosine", warmup=0.1, weight_decay=5e-4, decay_all=False, label_smoothing=0.1
)
NOTHING = "nothing"
# What the recipe says without each piece. Initialization and augmentation are not fields of `Recipe`: `train` sees to
# them.
WITHOUT: dict[str, dict[str, Any]] = {
    NOTHING: {},
    "He initialization": {},
    "warm-up": {"warmup": 0.0},
    "schedule": {"schedule": "constant"},
    "weight decay": {"weight_decay": 0.0},
    "label smoothing": {"label_smoothing": 0.0},
    "augmentation": {},
}
PIECES = tuple(piece for piece in WITHOUT if piece != NOTHING)
SEEDS = (0, 1, 2, 3)
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# Evaluating all of CIFAR-10's training images would cost a third of an epoch; 2,500 give the error to a point.
TRAIN_IMAGES_EVALUATED = 2_500


@dataclass(frozen=True)
class Run:
    """One trained network.

    Attributes:
        without: the piece of the recipe that was left out, a key of `WITHOUT`.
        seed: of initial weights, order and augmentation.
        train_error: percent, in evaluation mode, on unchanged training images, after the last epoch.
        test_error: percent, likewise.
        curve: training error of each epoch, percent, of the images as they were trained on.
        confusion: test images by label (row) and by the net's answer (column), counts.
    """

    without: str
    seed: int
    train_error: float
    test_error: float
    curve: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]


def train(
    without: str,
    recipe: Recipe = RECIPE,
    *,
    folder: Path | None = None,
    images: int | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train ResNet-20 by all of `recipe` but one piece, on one thread, and measure it.

    Args:
        without: the piece, a key of `WITHOUT`.
        recipe: the whole recipe; its seed also decides the initial weights.
        folder: CIFAR-10's binary files (trained on with crops and flips); None trains on scikit-learn's digits (with
            shifts).
        images: how many of the training images to train on, as many of each class; None takes all.
        checkpoint: where to keep the state after each epoch.

    Raises:
        ValueError: for more images of a class than there are.
    """
    data = images_of(folder) if images is None else first_images(images_of(folder), images)
    with alone(recipe.seed):
        model = network(data.channels, he=without != "He initialization")
        augment = None if without == "augmentation" else crop_and_flip if folder else shift
        recipe = replace(recipe, **WITHOUT[without])
        history = fit(model, data, recipe, augment=augment, checkpoint=checkpoint, progress=False)
        shown = slice(TRAIN_IMAGES_EVALUATED)
        answers = predictions(model, data.test_images)
        return Run(
            without=without,
            seed=recipe.seed,
            train_error=error_rate(model, data.train_images[shown], data.train_labels[shown]),
            test_error=100 * int((answers != data.test_labels).sum()) / len(answers),
            curve=tuple(history.train_error),
            confusion=tuple(map(tuple, confusion_matrix(data.test_labels, answers).tolist())),
        )


def network(channels: int, *, he: bool = True) -> CifarNet:
    """ResNet-20, with the initial convolutions of He et al. (2015), or with torch's own."""
    model = CifarNet(20, in_channels=channels)
    if not he:
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
    return model


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image (N, C, H, W) by at most one pixel down and across at random, and fill with the darkest."""
    padded = F.pad(images, (1, 1, 1, 1), value=float(images.min()))
    windows = padded.unfold(2, images.shape[2], 1).unfold(3, images.shape[3], 1)  # (N, C, 3, 3, H, W)
    down, across = torch.randint(0, 3, (2, len(images)), generator=generator)
    return windows[torch.arange(len(images)), :, down, across]


def first_images(data: ImageData, images: int) -> ImageData:
    """The same data with only the first `images` training images, as many of each class.

    Raises:
        ValueError: for a number that cannot be divided evenly among the classes, or that one of them does not have.
    """
    classes, least = len(data.classes), int(data.train_labels.bincount().min())
    each, rest = divmod(images, classes)
    if rest or not 1 <= each <= least:
        raise ValueError(f"images must be as many of each of {classes} classes, at most {least} of one, got {images}")
    of_each = [torch.nonzero(data.train_labels == label).flatten()[:each] for label in range(classes)]
    chosen = torch.cat(of_each).sort().values
    return replace(data, train_images=data.train_images[chosen], train_labels=data.train_labels[chosen])


def ablate(seeds: Sequence[int] = SEEDS, *, recipe: Recipe = RECIPE) -> list[Run]:
    """Train on the digits from every seed by the whole recipe and without each piece; the runs are sorted by `key`."""
    jobs = [(without, replace(recipe, seed=seed)) for seed in seeds for without in WITHOUT]
    return sorted(spread(train, jobs, bar="networks trained"), key=key)


def key(run: Run) -> tuple[int, int]:
    """What tells runs apart and sorts them: the piece left out, then the seed."""
    return list(WITHOUT).index(run.without), run.seed


def select(runs: Sequence[Run], without: str) -> list[Run]:
    """The runs without one piece."""
    return [run for run in runs if run.without == without]


def cost(runs: Sequence[Run], without: str, field: str = "test_error") -> Interval:
    """What leaving a piece out costs: points of error that it adds to the whole recipe's, paired by seed."""
    return mean_difference(select(runs, without), select(runs, NOTHING), attrgetter(field))


def record(
    out: Path,
    folder: Path,
    *,
    label: str,
    pieces: Sequence[str],
    seeds: Sequence[int],
    images: int,
    recipe: Recipe,
    workers: int,
) -> None:
    """Train on CIFAR-10 and write `out` after every network; called again, go on where it was cut off.

    Networks that stand in `out` are not trained again; another call may add pieces and seeds.

    Raises:
        ValueError: for a bad folder, an unknown piece, a bad number of images, or where `out` was recorded with
            another label, recipe or number of images.
    """
    names = list(WITHOUT)
    for piece in set(pieces) - set(names):
        raise ValueError(f"without must be one of {', '.join(map(repr, names))}, got {piece!r}")
    first_images(cifar10(folder), images)  # a bad folder or number is said now, not by a worker
    jobs = {
        (names.index(piece), seed): partial(train, piece, replace(recipe, seed=seed), folder=folder, images=images)
        for seed in seeds
        for piece in pieces
    }

    def command(nets: Collection[tuple[int, int]]) -> str:
        without = ",".join(names[piece] for piece in sorted({piece for piece, _ in nets}))
        return (
            f"residual-book ablation --cifar10 FOLDER --out results/{out.name} --label {shlex.quote(label)}"
            f" --without {shlex.quote(without)} --seeds {listed(seed for _, seed in nets)}"
            f" --epochs {recipe.epochs} --images {images}"
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
        images=images,
    )
