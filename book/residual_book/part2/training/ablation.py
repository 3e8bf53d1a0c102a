"""A recipe taken apart: ResNet-20 trained by all of it, and by all but one piece, each at a learning rate of its own.

It is recorded, resumably, by `residual-book ablation`; `results/README.md` has the commands.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from residual.training import Recipe, error_rate, fit, predictions
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, crop_and_flip
from residual_book.recording import alone, images_of, listed, record_all, recorded_runs, spread
from residual_book.stats import CONFIDENCE, Interval, mean_difference

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
# Of each of six intervals, so that all six hold together in 95 of 100 experiments like this (Bonferroni).
TOGETHER = 1 - (1 - CONFIDENCE) / len(PIECES)
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
        peak_lr: highest learning rate.
        tuning: whether the run was made to choose a rate: then it was trained on four fifths of the training images,
            and the others stand in for the test images.
    """

    without: str
    seed: int
    train_error: float
    test_error: float
    curve: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]
    peak_lr: float = RECIPE.peak_lr
    tuning: bool = False


def train(
    without: str,
    recipe: Recipe = RECIPE,
    *,
    tuning: bool = False,
    folder: Path | None = None,
    images: int | None = None,
    bf16: bool = False,
    device: str | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train ResNet-20 by all of `recipe` but one piece, on one thread, and measure it.

    Args:
        without: the piece, a key of `WITHOUT`.
        recipe: the whole recipe; its seed also decides the initial weights.
        tuning: keep a fifth of the training images back and test on them.
        folder: CIFAR-10's binary files (trained on with crops and flips); None trains on scikit-learn's digits (with
            shifts).
        images: how many of the training images to train on, as many of each class; None takes all.
        bf16: train under bfloat16 autocast; errors are measured in float32.
        device: where to train, as `fit` has it.
        checkpoint: where to keep the state after each epoch.

    Raises:
        ValueError: for more images of a class than there are.
    """
    data = images_of(folder) if images is None else first_images(images_of(folder), images)
    data = keep_back_a_fifth(data) if tuning else data
    with alone(recipe.seed):
        model = network(data.channels, he=without != "He initialization")
        augment = None if without == "augmentation" else crop_and_flip if folder else shift
        recipe = replace(recipe, **WITHOUT[without])
        history = fit(
            model, data, recipe, augment=augment, bf16=bf16, device=device, checkpoint=checkpoint, progress=False
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
            peak_lr=recipe.peak_lr,
            tuning=tuning,
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


def keep_back_a_fifth(data: ImageData) -> ImageData:
    """The same data with the last fifth of the training images in place of the test images, and out of training."""
    cut = 4 * len(data.train_images) // 5
    return replace(
        data,
        train_images=data.train_images[:cut],
        train_labels=data.train_labels[:cut],
        test_images=data.train_images[cut:],
        test_labels=data.train_labels[cut:],
    )


def best_rates(runs: Sequence[Run]) -> dict[str, float]:
    """For each arm, the rate with the lowest mean error over the tuning runs; of equals, the lower rate."""
    rates = sorted({run.peak_lr for run in runs if run.tuning})
    arms = {run.without for run in runs if run.tuning}
    return {arm: min(rates, key=partial(tuning_error, runs, arm)) for arm in WITHOUT if arm in arms}


def tuning_error(runs: Sequence[Run], without: str, rate: float) -> float:
    """Mean error of an arm's tuning runs at one rate, percent of the images that were kept back."""
    errors = [run.test_error for run in runs if run.tuning and (run.without, run.peak_lr) == (without, rate)]
    return sum(errors) / len(errors)


def ablate(rates: Mapping[str, float], seeds: Sequence[int], *, recipe: Recipe = RECIPE) -> list[Run]:
    """Train on the digits from every seed each arm that `rates` names, at its rate; the runs are sorted by `key`."""
    jobs = [(arm, replace(recipe, peak_lr=rates[arm], seed=seed)) for seed in seeds for arm in rates]
    return sorted(spread(train, jobs, bar="networks trained"), key=key)


def key(run: Run) -> tuple[int, int, float, bool]:
    """What tells runs apart and sorts them: the piece left out, the seed, the rate, and whether it was for tuning."""
    return list(WITHOUT).index(run.without), run.seed, run.peak_lr, run.tuning


def select(runs: Sequence[Run], without: str) -> list[Run]:
    """The runs without one piece that are compared, not those of the tuning."""
    return [run for run in runs if run.without == without and not run.tuning]


def cost(runs: Sequence[Run], without: str, field: str = "test_error") -> Interval:
    """What leaving a piece out costs: points of error that it adds to the whole recipe's, paired by seed.

    The interval is so wide that those of all six pieces hold together with 95% confidence.
    """
    return mean_difference(select(runs, without), select(runs, NOTHING), attrgetter(field), confidence=TOGETHER)


def found(runs: Sequence[Run]) -> str:
    """In words: the pieces whose cost has an interval without zero, and to which side it lies."""
    costs = {piece: cost(runs, piece) for piece in PIECES}
    words = [f"{piece} (helps)" for piece in PIECES if costs[piece].low > 0]
    words += [f"{piece} (hurts)" for piece in PIECES if costs[piece].high < 0]
    return ", ".join(words) or "no piece"


def record(
    out: Path,
    folder: Path | None,
    *,
    label: str,
    pieces: Sequence[str],
    seeds: Sequence[int],
    rates: Sequence[float],
    tuning_seeds: Sequence[int],
    images: int | None,
    bf16: bool,
    device: str | None,
    recipe: Recipe,
    workers: int,
) -> None:
    """Choose each arm's rate, train it from every seed, and write `out` after every net; called again, go on.

    Networks that stand in `out` are not trained again; another call may add pieces and seeds. With one rate there is
    nothing to choose, and `tuning_seeds` are not used.

    Raises:
        ValueError: for a bad folder, an unknown piece, a bad number of images, or where `out` was recorded with
            another label, recipe, number of images, precision or device.
    """
    names = list(WITHOUT)
    for piece in set(pieces) - set(names):
        raise ValueError(f"without must be one of {', '.join(map(repr, names))}, got {piece!r}")
    if images is not None:
        first_images(images_of(folder), images)  # a bad folder or number is said now, not by a worker

    def command(nets: Collection[tuple[int, int, float, bool]]) -> str:
        without = ",".join(names[piece] for piece in sorted({piece for piece, *_ in nets}))
        compared = {seed for _, seed, _, tuning in nets if not tuning} | set(seeds)
        tuned = (
            f" --rates {listed(rates)} --tuning-seeds {listed(tuning_seeds)}"
            if len(rates) > 1
            else f" --rates {rates[0]}"
        )
        return (
            f"residual-book ablation{' --cifar10 FOLDER' if folder else ''} --out results/{out.name}"
            f" --label {shlex.quote(label)} --without {shlex.quote(without)} --seeds {listed(compared)}{tuned}"
            f" --epochs {recipe.epochs}{f' --images {images}' if images else ''}{' --bf16' if bf16 else ''}"
            f"{f' --device {device}' if device else ''}"
        )

    def train_all(nets: Iterable[tuple[int, str, float]], *, tuning: bool) -> None:
        jobs = {
            (names.index(piece), seed, rate, tuning): partial(
                train,
                piece,
                replace(recipe, peak_lr=rate, seed=seed),
                tuning=tuning,
                folder=folder,
                images=images,
                bf16=bf16,
                device=device,
            )
            for seed, piece, rate in nets
        }
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
            bf16=bf16,
            device=device,
        )

    chosen = dict.fromkeys(pieces, rates[0])
    if len(rates) > 1:
        train_all(product(tuning_seeds, pieces, rates), tuning=True)
        chosen = best_rates(recorded_runs(out, Run))
    train_all(((seed, piece, chosen[piece]) for seed in seeds for piece in pieces), tuning=False)
