"""A run of the training loop that takes no time, for its tests; as a script, one that waits to be killed."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from residual.training import History, Recipe, fit
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, crop_and_flip

RECIPE = Recipe(epochs=3, batch_size=8, seed=1)  # four steps an epoch on `small_data`


def small_data(n: int = 35) -> ImageData:
    """Random images of ten classes; three more than four batches of eight."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(n, 1, 8, 8, generator=generator), torch.arange(n) % 10
    return ImageData("small", images, labels, images[:10], labels[:10], tuple("0123456789"))


def net(seed: int = 0, *, depth: int = 8, width: int = 4, **options: Any) -> CifarNet:
    torch.manual_seed(seed)
    return CifarNet(depth, in_channels=1, width=width, **options)


def trained(recipe: Recipe = RECIPE, **options: Any) -> tuple[CifarNet, History]:
    model = net()
    return model, fit(model, small_data(), recipe, augment=crop_and_flip, progress=False, **options)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Bit for bit, batch norm's buffers included."""
    a, b = one.state_dict(), other.state_dict()
    assert a.keys() == b.keys()
    return all(torch.equal(a[key], b[key]) for key in a)


class CutOffError(Exception):
    """What ends a run in the middle of an epoch."""


class CutOff:
    """Crops and flips until the run reaches a step (from 0), there calls what ends it."""

    def __init__(self, step: int) -> None:
        self.step, self.steps = step, 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.steps == self.step:
            self.end()
        self.steps += 1
        return crop_and_flip(images, generator)

    def end(self) -> None:
        raise CutOffError


def _run_until_killed(checkpoint: Path) -> None:
    """Train; with the first checkpoint written and an epoch half done, say so and wait."""

    class Wait(CutOff):
        def end(self) -> None:
            assert checkpoint.exists()
            print("between two checkpoints", flush=True)
            sys.stdin.read()

    torch.set_num_threads(1)
    fit(net(), small_data(), RECIPE, augment=Wait(6), checkpoint=checkpoint, progress=False)


if __name__ == "__main__":
    _run_until_killed(Path(sys.argv[1]))
