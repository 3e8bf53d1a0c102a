"""A thousand layers in their first steps: whether the loss falls, and with which block."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F

from residual.vision import CifarNet, PreActBlock
from residual_book.recording import alone, images_of, spread

STEPS, IMAGES = 10, 32
SEEDS = (0, 1, 2)
THOUSAND = 1004  # layers, 6n + 2
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "original": {},
    "original, branches start at zero": {"zero_init_residual": True},
    "pre-activation": {"block": PreActBlock},
}


@dataclass(frozen=True)
class Steps:
    """A net in its first steps on one batch.

    Attributes:
        arm: its name.
        seed: of weights and batch.
        losses: before each step, and after the last one; the run ends where a gradient is not finite.
        gradients: norm of the gradient over all weights, before each step.
    """

    arm: str
    seed: int
    losses: tuple[float, ...]
    gradients: tuple[float, ...]

    @property
    def finite(self) -> bool:
        return all(math.isfinite(norm) for norm in self.gradients)


def first_steps(arm: str, seed: int, *, depth: int = THOUSAND, steps: int = STEPS) -> Steps:
    """Train on the same few digits at He's first learning rate, 0.1: whoever can learn anything can learn these.

    Raises:
        ValueError: for an arm that is not in `ARMS`, or a depth that `CifarNet` does not have.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {tuple(ARMS)}, got {arm!r}")
    data = images_of(None)
    with alone(seed):
        batch = torch.randperm(len(data.train_images))[:IMAGES]
        x, y = data.train_images[batch], data.train_labels[batch]
        net = CifarNet(depth, in_channels=data.channels, width=4, **ARMS[arm])
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, foreach=True)
        losses, gradients = [], []
        for _ in range(steps):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
            gradients.append(
                torch.nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None]).item()
            )
            if not math.isfinite(gradients[-1]):
                return Steps(arm, seed, tuple(losses), tuple(gradients))
            optimizer.step()
        with torch.no_grad():
            losses.append(F.cross_entropy(net(x), y).item())
    return Steps(arm, seed, tuple(losses), tuple(gradients))


def sweep(seeds: Sequence[int] = SEEDS) -> list[Steps]:
    """`first_steps` of every arm from every seed."""
    return spread(first_steps, product(ARMS, seeds), bar="deep nets started")


def select(runs: Sequence[Steps], arm: str) -> list[Steps]:
    """The runs of an arm."""
    return [run for run in runs if run.arm == arm]
