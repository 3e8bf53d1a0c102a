"""A training loop in plain PyTorch, and what it learns when a line of it is forgotten.

Told in `book/primers/pytorch.md`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.vision import CifarNet
from residual.vision.data import digits
from residual_book.recording import alone, spread

SEEDS = tuple(range(5))


def small_net(seed: int) -> CifarNet:
    """A residual net of eight layers for digits, with the first weights that `seed` gives."""
    torch.manual_seed(seed)
    return CifarNet(8, in_channels=1, width=8)


def train(net: nn.Module, images: Tensor, labels: Tensor, *, seed: int, epochs: int = 5, clear: bool = True) -> None:
    """Train `net` in place with batches of 64 in an order that `seed` decides; without `clear`, gradients pile up."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * math.ceil(len(images) / 64))
    generator = torch.Generator().manual_seed(seed)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(64):
            if clear:
                optimizer.zero_grad()
            loss = F.cross_entropy(net(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def error(net: nn.Module, images: Tensor, labels: Tensor, *, training: bool = False, together: int = 500) -> float:
    """Percent of images with a wrong answer, asked so many at a time; in evaluation mode unless `training`."""
    net.train(training)
    answers = torch.cat([net(some).argmax(1) for some in images.split(together)])
    return 100 * float((answers != labels).double().mean())


@dataclass(frozen=True)
class Errors:
    """Test errors of one small net, in percent.

    Attributes:
        seed: of its first weights and of the order of the images.
        right: with all lines in place.
        not_cleared: of a net that was trained without clearing its gradients.
        left_in_training: of the first net, asked in training mode with all test images at once.
        one_by_one: of the first net, asked in training mode with one image at a time.
    """

    seed: int
    right: float
    not_cleared: float
    left_in_training: float
    one_by_one: float


def mistakes(seed: int) -> Errors:
    """Train one net as it should be and one without `zero_grad`, and ask the first one in the wrong mode as well."""
    data = digits()
    known, new = (data.train_images, data.train_labels), (data.test_images, data.test_labels)
    with alone(seed):
        net, piled = small_net(seed), small_net(seed)
        train(net, *known, seed=seed)
        train(piled, *known, seed=seed, clear=False)
        right, not_cleared = error(net, *new), error(piled, *new)
        kept = {name: value.clone() for name, value in net.state_dict().items()}
        left = error(net, *new, training=True, together=len(new[0]))
        net.load_state_dict(kept)  # asking in training mode has moved the running averages
        return Errors(seed, right, not_cleared, left, error(net, *new, training=True, together=1))


def sweep(seeds: Iterable[int] = SEEDS) -> list[Errors]:
    """From every seed."""
    return spread(mistakes, [(seed,) for seed in seeds], bar="nets")
