"""Nets that are tested on images of another size than they were trained on.

The digits have 8 by 8 pixels; larger ones are the same digits, interpolated, so that the size is all that changes.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import update_bn

from residual.training import Recipe, error_rate, fit
from residual.vision import CifarNet
from residual.vision.data import digits
from residual_book.recording import alone, spread

SEEDS = (0, 1, 2)
TRAINED = 16
MIXED = (8, 12, 16, 20, 24)
TESTED = (8, 12, 16, 20, 24, 32)
RECIPE = Recipe(epochs=6, batch_size=32)


def resized(images: Tensor, size: int) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size), bilinear, with smoothing where the images get smaller."""
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)


@dataclass(frozen=True)
class SizeRun:
    """One net, and its errors on new images in percent, by their size.

    Attributes:
        sizes: those of the images that it was trained on.
        seed: of the net, of its batches, and of each batch's size.
        errors: of the net as it was trained.
        with_statistics: with batch norm's statistics taken from training images of the tested size, without labels.
        brought_back: where the images of the tested size are first brought to the size of `TRAINED`.
    """

    sizes: tuple[int, ...]
    seed: int
    errors: dict[int, float]
    with_statistics: dict[int, float]
    brought_back: dict[int, float]


def train_at(sizes: Sequence[int], recipe: Recipe = RECIPE, *, tested: Sequence[int] = TESTED) -> SizeRun:
    """Train a residual net of 8 layers on digits, each batch in a random one of `sizes`, and test it at others."""
    data = digits()

    def one_of_sizes(images: Tensor, generator: torch.Generator) -> Tensor:
        return resized(images, sizes[int(torch.randint(len(sizes), (), generator=generator))])

    with alone(recipe.seed):
        net = CifarNet(8, in_channels=data.channels)
        fit(net, data, recipe, augment=one_of_sizes, progress=False)
        errors, with_statistics, brought_back = {}, {}, {}
        for size in tested:
            images = resized(data.test_images, size)
            errors[size] = error_rate(net, images, data.test_labels)
            brought_back[size] = error_rate(net, resized(images, TRAINED), data.test_labels)
            adapted = deepcopy(net)
            update_bn([resized(data.train_images[:256], size)], adapted)
            with_statistics[size] = error_rate(adapted, images, data.test_labels)
    return SizeRun(tuple(sizes), recipe.seed, errors, with_statistics, brought_back)


def sweep(seeds: Sequence[int] = SEEDS, *, recipe: Recipe = RECIPE) -> list[SizeRun]:
    """A net trained at one size and one trained at mixed sizes, from every seed."""
    jobs = [(sizes, replace(recipe, seed=seed)) for sizes in ((TRAINED,), MIXED) for seed in seeds]
    return spread(train_at, jobs, bar="networks trained")


def select(runs: Sequence[SizeRun], sizes: Sequence[int]) -> list[SizeRun]:
    """The nets that were trained at these sizes."""
    return [run for run in runs if run.sizes == tuple(sizes)]
