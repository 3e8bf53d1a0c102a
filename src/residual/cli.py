"""The `residual` command: one function a verb. A verb imports what it needs when it runs: `--help` is quick."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="residual",
    help="Residual networks and the records they watch: simulate, check, look, and repeat the book's recorded runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="Folder of Parquet, JSON or JSON Lines, or one file.", show_default=False)]
Cifar10 = Annotated[Path, typer.Option(help="Folder with CIFAR-10's official binary files.", show_default=False)]
Out = Annotated[Path, typer.Option(help="JSON file to write, and to go on from.", show_default=False)]
Label = Annotated[str, typer.Option(help="What the page calls the data.")]
Seeds = Annotated[str, typer.Option(help="Seeds, with commas between.")]
Workers = Annotated[int, typer.Option(help="Networks trained at a time, one thread each.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a mistake of the user's ends with status 2 and one line that says what was expected."""
    try:
        app(arguments, prog_name="residual")
    except (ValueError, OSError) as error:
        print(f"residual: {error}", file=sys.stderr)
        sys.exit(2)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    users: Annotated[int, typer.Option(help="People of the organization; machines and services come on top.")] = 80,
    days: Annotated[int, typer.Option(help="From Monday 3 March 2025 on.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed, the same bytes.")] = 0,
    episodes: Annotated[
        float, typer.Option(help="Of each type, per 1,000 days of a user; as many benign twins.")
    ] = 6.0,
    hardness: Annotated[float, typer.Option(help="From 0, attacks are loud, to 1.")] = 1.0,
) -> None:
    """Simulate an organization: events under OUT/events, labels of what was injected in OUT/labels.parquet."""
    from tqdm import tqdm

    from residual.ocsf.simulate import simulate as write

    with tqdm(total=days, unit="day") as bar:
        summary = write(
            out,
            users=users,
            days=days,
            seed=seed,
            episodes=episodes,
            hardness=hardness,
            on_day=lambda _: bar.update(),
        )
    for name, count in summary.events.items():
        print(f"{count:12,} {name}")
    print(f"{summary.total:12,} events, {summary.attacks:,} of them in {summary.episodes:,} attacks and faults")


@app.command()
def validate(
    folder: Folder,
    show: Annotated[int, typer.Option(help="Invalid events to show.")] = 5,
) -> None:
    """Check every event against OCSF 1.8.0; the exit status is 1 if one is invalid or a file cannot be read."""
    from residual.ocsf.bulk import validate_folder

    report = validate_folder(folder, most_rejects=show, progress=True)
    print(f"{report.events:,} events, {report.invalid:,} invalid, {report.events_per_second:,.0f} events/s")
    for fault, count in report.faults.most_common():
        print(f"{count:12,} {fault}")
    for reject in report.rejects:
        print(f"\n{reject.file}, {reject.place}, uid {reject.uid or 'unknown'}")
        for found in reject.faults:
            print(f"  {found}")
    for file, reason in report.unknown.items():
        print(f"\n{file}: {reason}; its other events are unknown")
    if report.invalid or report.unknown:
        raise typer.Exit(1)


@app.command()
def inspect(
    folder: Folder,
    top: Annotated[int, typer.Option(help="Values to show of each column.")] = 3,
    quarantine: Annotated[Path | None, typer.Option(help="File for rows that cannot be read.")] = None,
) -> None:
    """Say what is in a folder of events: classes, span, columns, how empty they are and their most frequent values."""
    from residual.ocsf.inspect import inspect as look
    from residual.ocsf.read import read

    table = read(folder, quarantine=quarantine)
    found, summary = look(table.events, top=top), table.summary
    print(f"{summary.files:,} files, {summary.rows_in:,} rows, {summary.rows_quarantined:,} of them rejected")
    for reason, count in summary.quarantined.most_common():
        print(f"{count:12,} rejected: {reason}")
    for file, reason in summary.unknown.items():
        print(f"{file}: {reason}; its other rows are unknown")
    for change in summary.drift:
        print(f"{change.file}: {change.column}: {change.change}")
    for uid, name in found.class_names().items():
        print(f"{found.classes[uid]:12,} {name} ({uid})")
    if found.first is not None and found.last is not None:
        first, last = (
            datetime.fromtimestamp(ms / 1000, UTC).isoformat(" ", "seconds") for ms in (found.first, found.last)
        )
        print(f"from {first} to {last}")
    for column in found.columns:
        values = ", ".join(f"{value} ({count:,})" for value, count in column.top)
        print(f"{1 - column.null_rate:7.1%} {column.name} {column.dtype}{f': {values}' if values else ''}")


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
    from residual.experiments import degradation as experiment

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
    from residual.experiments import depth_record as experiment

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
    from residual.experiments import ablation as experiment
    from residual.experiments import ablation_cifar

    ablation_cifar.record(
        out,
        cifar10,
        label=label,
        pieces=list(experiment.WITHOUT) if without is None else without.split(","),
        seeds=_integers("seeds", seeds),
        images=images,
        recipe=replace(experiment.RECIPE, epochs=epochs),
        workers=workers,
    )


def _integers(option: str, text: str) -> list[int]:
    """The numbers of an option.

    Raises:
        ValueError: naming the option, where one of them is no whole number.
    """
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ValueError(f"--{option} must be whole numbers with commas between, got {text!r}") from None
