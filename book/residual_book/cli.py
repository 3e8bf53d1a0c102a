"""The `residual-book` command: repeats the book's recorded runs, and renews what is made from its contents.

A verb imports what it needs when it runs, so that `--help` is quick. Told in `results/README.md`.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="residual-book",
    help="Repeat the recorded runs of the book Residual Networks, Executed, and keep its guide in order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Cifar10 = Annotated[Path, typer.Option(help="Folder with CIFAR-10's official binary files.", show_default=False)]
Out = Annotated[Path, typer.Option(help="JSON file to write, and to go on from.", show_default=False)]
Label = Annotated[str, typer.Option(help="What the page calls the data.")]
Seeds = Annotated[str, typer.Option(help="Seeds, with commas between.")]
Workers = Annotated[int, typer.Option(help="Networks trained at a time, one thread each.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a mistake of the user's ends with status 2 and one line that says what was expected."""
    try:
        app(arguments, prog_name="residual-book")
    except (ValueError, OSError) as error:
        print(f"residual-book: {error}", file=sys.stderr)
        sys.exit(2)


@app.command()
def degradation(
    cifar10: Cifar10,
    out: Out,
    label: Label = "CIFAR-10",
    depths: Annotated[str, typer.Option(help="Depths of the networks, with commas between.")] = "20,56",
    seeds: Seeds = "0,1",
    epochs: Annotated[int, typer.Option(help="Epochs of each network.")] = 2,
    workers: Workers = 2,
) -> None:
    """Record the degradation sweep on CIFAR-10; given again, go on where it was stopped."""
    from residual_book.part1.degradation import experiment

    experiment.record(
        out,
        cifar10,
        label=label,
        depths=_integers("depths", depths),
        seeds=_integers("seeds", seeds),
        recipe=replace(experiment.CIFAR10_RECIPE, epochs=epochs),
        workers=workers,
    )


@app.command()
def depth(
    out: Out,
    depths: Annotated[str, typer.Option(help="Depths of the networks, with commas between.")] = "56,110,218",
    seeds: Seeds = "0,1,2",
    workers: Workers = 2,
) -> None:
    """Record how deep blocks can go on the digits; given again, go on where it was stopped."""
    from residual_book.part1.depth import experiment

    experiment.record(out, depths=_integers("depths", depths), seeds=_integers("seeds", seeds), workers=workers)


@app.command()
def ablation(
    cifar10: Cifar10,
    out: Out,
    label: Label = "CIFAR-10",
    without: Annotated[
        str | None, typer.Option(help="Pieces to leave out, with commas between; all of them if not given.")
    ] = None,
    seeds: Seeds = "0,1,2",
    epochs: Annotated[int, typer.Option(help="Epochs of each network.")] = 5,
    images: Annotated[int, typer.Option(help="Training images, as many of each class.")] = 10_000,
    workers: Workers = 2,
) -> None:
    """Record the training recipe without each of its pieces on CIFAR-10; given again, go on where it was stopped."""
    from residual_book.part2.training import ablation as experiment

    experiment.record(
        out,
        cifar10,
        label=label,
        pieces=list(experiment.WITHOUT) if without is None else without.split(","),
        seeds=_integers("seeds", seeds),
        images=images,
        recipe=replace(experiment.RECIPE, epochs=epochs),
        workers=workers,
    )


@app.command()
def contents() -> None:
    """Renew the table in CONTRIBUTING.md that names the folder of code of every page."""
    from residual_book.contents import ROOT, renewed

    guide = ROOT / "CONTRIBUTING.md"
    guide.write_text(renewed(guide.read_text()))


def _integers(option: str, text: str) -> list[int]:
    """The numbers of an option.

    Raises:
        ValueError: naming the option, where one of them is no whole number.
    """
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"--{option} must be whole numbers with commas between, got {text!r}") from None
