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
Device = Annotated[str | None, typer.Option(help="Where to train, such as cuda; the CPU if not given.")]
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
    nets: Annotated[
        str, typer.Option(help="Networks, with commas between; in this order, seed by seed.")
    ] = "plain-56,residual-56,residual-without-zeros-56,plain-20,residual-20,residual-without-zeros-20",
    seeds: Seeds = "0,1,2",
    epochs: Annotated[int, typer.Option(help="Epochs of each network.")] = 25,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Train in mixed precision; fast only with AMX or a GPU.")
    ] = False,
    device: Device = None,
    workers: Workers = 2,
) -> None:
    """Record plain and residual nets on CIFAR-10; given again, go on where it was stopped."""
    from residual_book.part1.degradation import experiment

    experiment.record(
        out,
        cifar10,
        label=label,
        nets=nets.split(","),
        seeds=_integers("seeds", seeds),
        recipe=replace(experiment.CIFAR10_RECIPE, epochs=epochs),
        bf16=bf16,
        device=device,
        workers=workers,
    )


@app.command()
def plateau(out: Out, workers: Workers = 2) -> None:
    """Record plain and residual nets on the digits, each at its best rate and trained to the end; go on likewise."""
    from residual_book.part1.degradation import plateau as experiment

    experiment.record(out, workers=workers)


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
def after_training(
    out: Out,
    rates: Annotated[str, typer.Option(help="Peak learning rates, with commas between.")] = "0.01",
    seeds: Seeds = "0,1,2,3,4",
    workers: Workers = 2,
) -> None:
    """Record trained nets, hurt and looked around in, on the digits; given again, go on where it was stopped."""
    from residual_book.part1.after_training import plateau

    plateau.record(out, rates=_numbers("rates", rates), seeds=_integers("seeds", seeds), workers=workers)


@app.command()
def ablation(
    out: Out,
    cifar10: Annotated[
        Path | None, typer.Option(help="Folder with CIFAR-10's official binary files; the digits if not given.")
    ] = None,
    label: Label = "digits",
    without: Annotated[
        str | None, typer.Option(help="Pieces to leave out, with commas between; all of them if not given.")
    ] = None,
    seeds: Seeds = "0,1,2,3,4,5,6,7,8,9",
    rates: Annotated[str, typer.Option(help="Peak rates to choose each arm's from, with commas between.")] = "0.1",
    tuning_seeds: Annotated[str, typer.Option(help="Seeds to choose the rates by.")] = "20,21",
    epochs: Annotated[int, typer.Option(help="Epochs of each network.")] = 5,
    images: Annotated[
        int | None, typer.Option(help="Training images, as many of each class; all if not given.")
    ] = None,
    bf16: Annotated[bool, typer.Option("--bf16", help="Train under bfloat16 autocast.")] = False,
    device: Device = None,
    workers: Workers = 2,
) -> None:
    """Record the training recipe without each of its pieces; given again, go on where it was stopped."""
    from residual_book.part2.training import ablation as experiment

    experiment.record(
        out,
        cifar10,
        label=label,
        pieces=list(experiment.WITHOUT) if without is None else without.split(","),
        seeds=_integers("seeds", seeds),
        rates=[float(rate) for rate in rates.split(",")],
        tuning_seeds=_integers("tuning-seeds", tuning_seeds),
        images=images,
        bf16=bf16,
        device=device,
        recipe=replace(experiment.RECIPE, epochs=epochs),
        workers=workers,
    )


@app.command()
def along_training(out: Out, seeds: Seeds = "0,1,2,3,4,5", workers: Workers = 2) -> None:
    """Record gradients while nets train on the digits; given again, go on where it was stopped."""
    from residual_book.part1.gradients_in_training import along_training as experiment

    experiment.record(out, seeds=_integers("seeds", seeds), workers=workers)


@app.command()
def normalized_steps(out: Out, workers: Workers = 2) -> None:
    """Record training by normalized steps beside ordinary ones; given again, go on where it was stopped."""
    from residual_book.part1.gradients_in_training import normalized_steps as experiment

    experiment.record(out, workers=workers)


@app.command()
def bar(out: Out, seeds: Seeds = "50,51,52,53,54") -> None:
    """Record what rivals find in organizations, within a budget of alerts; given again, go on where it was stopped."""
    from residual_book.part3.bar import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def detect(out: Out, seeds: Seeds = "180,181,182,183,184") -> None:
    """Record what the detectors of part V and their rivals find, by budget; given again, go on where it was stopped."""
    from residual_book.part5.budget import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def poisoning(out: Out, seeds: Seeds = "55,56,57,58,59,60,61,62,63,64") -> None:
    """Record how far attackers get who grow slowly; given again, go on where it was stopped."""
    from residual_book.part5.system import poisoning as experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def patterns(out: Out, seeds: Seeds = "0,1,2,3,4") -> None:
    """Record what each detector of part V finds alone, and all without it; given again, go on where it was stopped."""
    from residual_book.part5.patterns import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def why(out: Out, seeds: Seeds = "0,1,2,3,4") -> None:
    """Record whether the alerts of part V point at what was injected; given again, go on where it was stopped."""
    from residual_book.part5.why import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def network(out: Out, seeds: Seeds = "180,181,182,183,184") -> None:
    """Record the detectors of part V with and without a network; given again, go on where it was stopped."""
    from residual_book.part5.network import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def rows_depth(out: Out, seeds: Seeds = "50,51,52,53,54") -> None:
    """Record stacks of linear blocks, plain and residual, on records; given again, go on where it was stopped."""
    from residual_book.part4.rows import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def objectives(out: Out, seeds: Seeds = "50,51,52,53,54") -> None:
    """Record what networks learn from rows without labels; given again, go on where it was stopped."""
    from residual_book.part4.without_labels import objectives as experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def tables(
    out: Out,
    seeds: Seeds = "50,51,52,53,54",
    workers: Workers = 1,
    without: Annotated[list[str] | None, typer.Option(help="A rival to leave out; can be given again.")] = None,
) -> None:
    """Record rivals of the tabular network on records and on public tables; go on likewise."""
    from residual_book.part4.any_good import experiment

    experiment.record(out, _integers("seeds", seeds), without=without or (), workers=workers)


@app.command()
def expectation(out: Out, seeds: Seeds = "50,51,52,53,54", workers: Workers = 1) -> None:
    """Record what is expected of entities in their next windows; given again, go on where it was stopped."""
    from residual_book.part4.without_labels import expectations

    expectations.record(out, _integers("seeds", seeds), workers=workers)


@app.command()
def uses(out: Out, seeds: Seeds = "50,51,52,53,54") -> None:
    """Record what representations of events are good for; given again, go on where it was stopped."""
    from residual_book.part4.embedding import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def single_events(out: Out, seeds: Seeds = "50,51,52,53,54") -> None:
    """Record what detectors of single events find in organizations; given again, go on where it was stopped."""
    from residual_book.part5.distance import organization

    organization.record(out, _integers("seeds", seeds))


@app.command()
def verdicts(out: Out, seeds: Seeds = "180,181,182,183,184") -> None:
    """Record what answers to alerts do to the days after; given again, go on where it was stopped."""
    from residual_book.part5.verdicts import experiment

    experiment.record(out, _integers("seeds", seeds))


@app.command()
def replicate(
    out: Out,
    pages: Annotated[
        str | None, typer.Option(help="Pages, such as part1/depth, with commas between; all of them if not given.")
    ] = None,
    seeds: Seeds = "100,101,102,103,104,105,106,107,108,109",
    workers: Annotated[int, typer.Option(help="Pages measured at a time, one thread each.")] = 2,
) -> None:
    """Measure the claims again on seeds never used while writing; given again, only what has changed since."""
    from residual_book import replication

    names = None if pages is None else pages.split(",")
    replication.record(out, names=names, seeds=_integers("seeds", seeds), workers=workers)


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


def _numbers(option: str, text: str) -> list[float]:
    """As `_integers`, for numbers of any kind."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"--{option} must be numbers with commas between, got {text!r}") from None
