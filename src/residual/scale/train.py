"""The command that trains a CIFAR net on one process or on several. Told in `book/part2/training.md`.

    python -m residual.scale.train --data digits --depth 20 --epochs 2 --out weights.safetensors
    torchrun --standalone --nproc-per-node 2 -m residual.scale.train --data digits --depth 20 --epochs 2 --out ...

Both give the same weights, up to rounding.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from residual.experiments.degradation import CIFAR10_RECIPE, DIGITS_RECIPE
from residual.scale.parallel import fit_together
from residual.scale.processes import Processes, processes
from residual.training import error_rate
from residual.vision import CifarNet, save_weights
from residual.vision.data import cifar10, crop_and_flip, digits

NAME = "residual.scale.train"


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    place = ""
    try:
        with processes() as here:
            if here.count > 1:
                place = f", process {here.rank} of {here.count}"
            train(options, here)
    except (ValueError, FloatingPointError) as error:
        # Any process says why it ends: the launcher stops the others at once, the first one too.
        print(f"{NAME}{place}: {error}", file=sys.stderr, flush=True)
        sys.exit(2 if isinstance(error, ValueError) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=NAME, description="Train a CIFAR net, on one process or under torchrun.")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", choices=["digits"], help="images that are always at hand")
    data.add_argument("--cifar10", type=Path, metavar="FOLDER", help="folder with the official binary files")
    parser.add_argument("--depth", type=int, default=20, help="6n + 2 layers")
    parser.add_argument("--plain", action="store_true", help="leave the skips away")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, help="images a step, over all processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write the weights to")
    parser.add_argument("--checkpoint", type=Path, help="safetensors file to write after each epoch, and to go on from")
    return parser


def train(options: argparse.Namespace, here: Processes) -> None:
    """Train as the options say; the first process writes the weights and prints the test error.

    Raises:
        ValueError: for a bad option, bad data or a checkpoint of another run.
        FloatingPointError: when the loss is no longer finite.
    """
    for name in ("out", "checkpoint"):
        path = getattr(options, name)
        if path is not None and path.suffix != ".safetensors":
            raise ValueError(f"--{name} must name a .safetensors file, got {path}")
    changes = {name: getattr(options, name) for name in ("epochs", "batch_size", "seed")}
    recipe = CIFAR10_RECIPE if options.cifar10 else DIGITS_RECIPE
    recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    data = cifar10(options.cifar10) if options.cifar10 else digits()
    torch.manual_seed(recipe.seed)
    model = CifarNet(
        options.depth, residual=not options.plain, in_channels=data.channels, num_classes=len(data.classes)
    )
    fit_together(
        model,
        data,
        recipe,
        here,
        augment=crop_and_flip if options.cifar10 else None,
        checkpoint=options.checkpoint,
    )
    if here.first:
        save_weights(model, options.out)
        error = error_rate(model, data.test_images, data.test_labels)
        print(f"{options.out}: test error {error:.2f} %")


if __name__ == "__main__":
    main()
