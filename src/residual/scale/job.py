"""What `residual train` does: train a CIFAR net on one process, or on several under `torchrun`.

Told in `book/part2/training.md`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from residual.scale.parallel import fit_together
from residual.scale.processes import processes
from residual.training import Recipe, error_rate
from residual.vision import CifarNet, cifar10, crop_and_flip, digits, save_weights

DIGITS_RECIPE = Recipe(epochs=4, batch_size=64)
CIFAR10_RECIPE = Recipe(epochs=2, batch_size=128)


def train_cifar_net(
    out: Path, *, folder: Path | None, depth: int, residual: bool, checkpoint: Path | None, **changes: Any
) -> None:
    """Train on all processes of the group; the first one writes the weights to `out` and prints the test error.

    Args:
        out, checkpoint: safetensors files; the checkpoint is written after each epoch, and continued if it exists.
        folder: CIFAR-10's binary files; None trains on scikit-learn's digits.
        depth, residual: of the `CifarNet`.
        changes: fields of the data's recipe, such as `epochs`; None keeps what the recipe has.

    Raises:
        ValueError: for a bad option, bad data or a checkpoint of another run. Of several processes, each says which it
            is, since the launcher stops the others at once, even the first.
        FloatingPointError: when the loss is no longer finite; likewise.
    """
    with processes() as here:
        who = f"process {here.rank} of {here.count}: " if here.count > 1 else ""
        try:
            for name, path in (("out", out), ("checkpoint", checkpoint)):
                if path is not None and path.suffix != ".safetensors":
                    raise ValueError(f"--{name} must name a .safetensors file, got {path}")
            given = {name: value for name, value in changes.items() if value is not None}
            recipe = replace(CIFAR10_RECIPE if folder else DIGITS_RECIPE, **given)
            data = cifar10(folder) if folder else digits()
            torch.manual_seed(recipe.seed)
            model = CifarNet(depth, residual=residual, in_channels=data.channels, num_classes=len(data.classes))
            augment = crop_and_flip if folder else None
            fit_together(model, data, recipe, here, augment=augment, checkpoint=checkpoint)
        except (ValueError, FloatingPointError) as error:
            error.args = (f"{who}{error}",)
            raise
        if here.rank == 0:
            save_weights(model, out)
            print(f"{out}: test error {error_rate(model, data.test_images, data.test_labels):.2f} %")
