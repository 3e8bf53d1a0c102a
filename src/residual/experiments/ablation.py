"""A recipe taken apart: ResNet-20 trained by all of it, and by all but one piece.

Told in `book/part2/training.md`. On CIFAR-10 it is recorded by `residual.experiments.ablation_cifar`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from tqdm import tqdm

from residual.experiments.recording import WORKERS, alone, images_of
from residual.experiments.stats import Interval, mean_interval
from residual.training import Recipe, error_rate, fit, predictions
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, crop_and_flip

RECIPE = Recipe(
    epochs=5,
    batch_size=64,
    schedule="cosine",
    warmup=0.1,
    weight_decay=5e-4,
    decay_all=False,
    label_smoothing=0.1,
)
NOTHING = "nothing"
# What the recipe says without a piece; initialization and augmentation are no part of `Recipe`.
WITHOUT: dict[str, dict[str, Any]] = {
    NOTHING: {},
    "He initialization": {},
    "warm-up": {"warmup": 0.0},
    "schedule": {"schedule": "constant"},
    "weight decay": {"weight_decay": 0.0},
    "label smoothing": {"label_smoothing": 0.0},
    "augmentation": {},
}
SEEDS = (0, 1, 2, 3)
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
        ValueError: for an unknown piece, or more images of a class than there are.
    """
    data = first_images(images_of(folder), images)
    with alone(recipe.seed):
        model = network(data.channels, he=without != "He initialization")
        augment = None if without == "augmentation" else crop_and_flip if folder else shift
        history = fit(
            model,
            data,
            replace(recipe, **changes(without)),
            augment=augment,
            checkpoint=checkpoint,
            progress=False,
        )
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


def changes(without: str) -> dict[str, Any]:
    """What a recipe says otherwise without a piece.

    Raises:
        ValueError: for an unknown piece.
    """
    if without not in WITHOUT:
        raise ValueError(f"without must be one of {', '.join(map(repr, WITHOUT))}, got {without!r}")
    return WITHOUT[without]


def network(channels: int, *, he: bool = True) -> CifarNet:
    """ResNet-20, with He et al.'s initial convolutions or with those that torch makes."""
    model = CifarNet(20, in_channels=channels)
    if not he:
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
    return model


def shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move each image (N, C, H, W) by at most a pixel down and across, each its own way; a mirrored digit is none."""
    padded = F.pad(images, (1, 1, 1, 1), value=float(images.min()))
    windows = padded.unfold(2, images.shape[2], 1).unfold(3, images.shape[3], 1)  # (N, C, 3, 3, H, W)
    down, across = torch.randint(0, 3, (2, len(images)), generator=generator)
    return windows[torch.arange(len(images)), :, down, across]


def first_images(data: ImageData, images: int | None) -> ImageData:
    """The same data with the first `images` training images, as many of each class; None leaves them all.

    Raises:
        ValueError: for a number that the classes cannot share, or that one of them does not have.
    """
    if images is None:
        return data
    each, rest = divmod(images, len(data.classes))
    places = [torch.nonzero(data.train_labels == label).flatten()[:each] for label in range(len(data.classes))]
    if rest or each < 1 or any(len(place) < each for place in places):
        raise ValueError(
            f"images must be as many of each of {len(data.classes)} classes, at most"
            f" {int(data.train_labels.bincount().min())} of one, got {images}"
        )
    chosen = torch.cat(places).sort().values
    return replace(data, train_images=data.train_images[chosen], train_labels=data.train_labels[chosen])


def ablate(
    seeds: Sequence[int] = SEEDS, *, recipe: Recipe = RECIPE, workers: int = WORKERS, progress: bool = True
) -> list[Run]:
    """Train ResNet-20 on the digits from every seed by the whole recipe and without each piece, `workers` at a time."""
    arms = [(without, seed) for seed in seeds for without in WITHOUT]
    runs = run_all(arms, recipe, workers)
    return sorted(tqdm(runs, total=len(arms), desc="networks trained", disable=not progress), key=place)


def place(run: Run) -> tuple[int, int]:
    """Where a run stands among others: by piece, then by seed."""
    return list(WITHOUT).index(run.without), run.seed


def run_all(
    arms: Sequence[tuple[str, int]],
    recipe: Recipe,
    workers: int,
    *,
    folder: Path | None = None,
    images: int | None = None,
    checkpoints: Path | None = None,
) -> Iterator[Run]:
    """Yield runs as they end."""
    jobs = (
        delayed(train)(
            without,
            replace(recipe, seed=seed),
            folder=folder,
            images=images,
            checkpoint=checkpoints and checkpoints / checkpoint_name(without, seed),
        )
        for without, seed in arms
    )
    runs: Iterator[Run] = Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)
    return runs


def checkpoint_name(without: str, seed: int) -> str:
    """File name for the state of a run that is not finished."""
    return f"{without.replace(' ', '-')}-{seed}.safetensors"


def select(runs: Sequence[Run], without: str) -> list[Run]:
    """The runs without one piece, by seed."""
    return sorted((run for run in runs if run.without == without), key=lambda run: run.seed)


def cost(runs: Sequence[Run], without: str, *, field: str = "test_error") -> Interval:
    """What leaving a piece out costs: error without it minus error of the whole recipe, in points, paired by seed.

    Raises:
        ValueError: where the two were not trained from the same seeds, or from fewer than two.
    """
    less, whole = select(runs, without), select(runs, NOTHING)
    seeds = [run.seed for run in less], [run.seed for run in whole]
    if seeds[0] != seeds[1]:
        raise ValueError(f"runs must have the same seeds to pair, got without {without} {seeds[0]}, whole {seeds[1]}")
    return mean_interval([getattr(a, field) - getattr(b, field) for a, b in zip(less, whole, strict=True)])
