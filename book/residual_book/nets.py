"""Nets that several pages share: those trained on the digits, very deep ones, and the family for ImageNet.

Told in `book/part1/degradation.md`, `book/part2/resnet.md` and `book/part2/next.md`.
"""

import hashlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from residual.probes.cost import Cost
from residual.training import History, Recipe, fit
from residual.vision import CifarNet, PreActBlock, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from residual.vision.data import crop_and_flip, digits
from residual_book.recording import alone, images_of

DIGITS_RECIPE = Recipe(epochs=4, batch_size=64)


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
        checkpoint: where to keep the state after each epoch; of nets for the digits, the pages of a build share one.
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


def shared_checkpoint(*net: Any) -> Path | None:
    """Where the pages of one build keep a trained net for each other, or None outside of a build.

    Args:
        net: all that decides the net's weights, the code aside; each must have a `repr` that tells it from others.
    """
    folder = os.environ.get("RESIDUAL_CHECKPOINTS")
    return Path(folder, hashlib.sha256(repr(net).encode()).hexdigest() + ".safetensors") if folder else None


THOUSAND = 1004  # layers, 6n + 2
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "original": {},
    "original, branches start at zero": {"zero_init_residual": True},
    "pre-activation": {"block": PreActBlock},
}
# He et al. 2016, Table 3: test error on CIFAR-10 in percent, by depth, of bottleneck nets from 164 layers on.
PAPER_ERRORS = {
    "original": {110: 6.61, 164: 5.93, 1001: 7.61},
    "pre-activation": {110: 6.37, 164: 5.46, 1001: 4.92},
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


def first_steps(arm: str, seed: int, *, depth: int = THOUSAND, steps: int = 4, images: int = 32) -> Steps:
    """Train on the same few digits at He's first learning rate, 0.1: whoever can learn anything can learn these.

    Raises:
        ValueError: for an arm that is not in `ARMS`, or a depth that `CifarNet` does not have.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {tuple(ARMS)}, got {arm!r}")
    data = digits()
    with alone(seed):
        batch = torch.randperm(len(data.train_images))[:images]
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


IMAGE = (3, 224, 224)
MAKERS: dict[str, Callable[..., ResNet]] = {
    "ResNet-18": resnet18,
    "ResNet-34": resnet34,
    "ResNet-50": resnet50,
    "ResNet-101": resnet101,
    "ResNet-152": resnet152,
}


def last_map_sees(counted: Cost) -> int:
    """The receptive field of the map before global pooling, in pixels: the largest that is not everything."""
    return int(max(x for layer in counted.layers for x in layer.receptive_field if x != float("inf")))


def shares(counted: Cost) -> dict[str, dict[str, float]]:
    """Each part's share of the parameters, multiply-adds and activations of a `ResNet`, in percent."""
    found: dict[str, dict[str, float]] = {}
    for layer in counted.layers:
        first = layer.name.split(".")[0]
        part = {"conv1": "stem", "bn1": "stem", "fc": "head"}.get(first, first.replace("layer", "stage "))
        sums = found.setdefault(part, dict.fromkeys(counted.totals, 0.0))
        sums["parameters"] += 100 * layer.parameters / counted.totals["parameters"]
        if layer.multiply_adds:
            sums["multiply_adds"] += 100 * layer.multiply_adds / counted.totals["multiply_adds"]
            sums["activations"] += 100 * layer.activations / counted.totals["activations"]
    return found
