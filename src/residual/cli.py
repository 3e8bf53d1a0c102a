"""The `residual` command: one function a verb."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from residual.experiments import ablation, ablation_cifar, degradation


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="residual", description="Residual networks: experiments at full scale.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_degradation(verbs.add_parser("degradation", help="record the degradation sweep on CIFAR-10"))
    _add_ablation(
        verbs.add_parser("ablation", help="record the training recipe without each of its pieces on CIFAR-10")
    )
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except ValueError as error:
        parser.exit(2, f"residual: {error}\n")


def _add_recording(parser: argparse.ArgumentParser, *, seeds: Sequence[int], epochs: int) -> None:
    """What all recordings on CIFAR-10 take."""
    parser.add_argument("--cifar10", type=Path, required=True, help="folder with the official binary files")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write, and to go on from")
    parser.add_argument("--label", default="CIFAR-10", help="what the page calls the data")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--workers", type=int, default=2, help="networks trained at a time, one thread each")


def _add_degradation(parser: argparse.ArgumentParser) -> None:
    _add_recording(parser, seeds=(0, 1), epochs=degradation.CIFAR10_RECIPE.epochs)
    parser.add_argument("--depths", type=int, nargs="+", default=[20, 56])
    parser.set_defaults(run=_degradation)


def _degradation(options: argparse.Namespace) -> None:
    degradation.record(
        options.out,
        options.cifar10,
        label=options.label,
        depths=options.depths,
        seeds=options.seeds,
        recipe=replace(degradation.CIFAR10_RECIPE, epochs=options.epochs),
        workers=options.workers,
    )


def _add_ablation(parser: argparse.ArgumentParser) -> None:
    _add_recording(parser, seeds=ablation_cifar.SEEDS, epochs=ablation.RECIPE.epochs)
    parser.add_argument("--without", nargs="+", choices=ablation.WITHOUT, default=list(ablation.WITHOUT))
    parser.add_argument("--images", type=int, default=ablation_cifar.IMAGES, help="training images, as many a class")
    parser.set_defaults(run=_ablation)


def _ablation(options: argparse.Namespace) -> None:
    ablation_cifar.record(
        options.out,
        options.cifar10,
        label=options.label,
        pieces=options.without,
        seeds=options.seeds,
        images=options.images,
        recipe=replace(ablation.RECIPE, epochs=options.epochs),
        workers=options.workers,
    )
