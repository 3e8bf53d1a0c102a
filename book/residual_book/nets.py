"""Nets that several pages share: those trained on the digits, and the family for ImageNet.

Told in `book/part1/degradation.md` and `book/part2/resnet.md`.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from residual.probes.cost import Cost
from residual.training import History, Recipe, fit
from residual.vision import CifarNet, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from residual.vision.data import crop_and_flip
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
    bf16: bool = False,
    device: str | None = None,
) -> tuple[CifarNet, History]:
    """Train one network from `recipe.seed`, on one thread so that the result does not depend on the number of cores.

    Args:
        depth: of the net, 6n + 2.
        residual: with skips, or plain.
        recipe: how to train; its seed also decides the initial weights.
        zero_init: start the blocks of a residual net as identities, which helps a short run (Goyal et al. 2017).
        folder: CIFAR-10's binary files (trained on with crops and flips); None trains on scikit-learn's digits.
        checkpoint: where to keep the state after each epoch; of nets for the digits, the pages of a build share one.
        bf16: train in mixed precision, as `fit` has it; such a net is not shared.
        device: where to train, as `fit` has it; a net trained elsewhere than on the CPU is not shared.
    """
    data = images_of(folder)
    zero_init_residual = residual and zero_init
    if checkpoint is None and folder is None and not bf16 and device is None:
        checkpoint = shared_checkpoint(depth, residual, zero_init_residual, recipe)
    with alone(recipe.seed):
        model = CifarNet(depth, residual=residual, zero_init_residual=zero_init_residual, in_channels=data.channels)
        augment = crop_and_flip if folder else None
        history = fit(
            model, data, recipe, augment=augment, checkpoint=checkpoint, bf16=bf16, device=device, progress=False
        )
    return model, history


def shared_checkpoint(*net: Any) -> Path | None:
    """Where the pages of one build keep a trained net for each other, or None outside of a build.

    Args:
        net: all that decides the net's weights, the code aside; each must have a `repr` that tells it from others.
    """
    folder = os.environ.get("RESIDUAL_CHECKPOINTS")
    return Path(folder, hashlib.sha256(repr(net).encode()).hexdigest() + ".safetensors") if folder else None


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
