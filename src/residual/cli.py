"""The `residual` command, one function per verb. A verb imports what it needs when it runs, so `--help` is quick."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(
    name="residual",
    help="Train and export residual networks; simulate, check and inspect the records they watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="Folder of Parquet, JSON or JSON Lines, or one file.", show_default=False)]
Details = Annotated[bool, typer.Option("--details", help="Show all there is to say, not one screen of it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say all of it as JSON.")]

TOP = 3  # most frequent values of a column


def main(arguments: list[str] | None = None) -> None:
    """A user's mistake ends with status 2, a loss that is not finite with 1, and a line that says why."""
    try:
        app(arguments, prog_name="residual")
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(error))
        print(f"residual: {line}", file=sys.stderr, flush=True)
        sys.exit(1 if isinstance(error, FloatingPointError) else 2)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    users: Annotated[int, typer.Option(help="People of the organization; machines and services come on top.")] = 80,
    days: Annotated[int, typer.Option(help="From Monday 3 March 2025 on.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed, the same bytes.")] = 0,
    episodes: Annotated[
        float | None,
        typer.Option(
            help="Of each type, per 1,000 user days; as many twins. By default 5; 0.32 is two a week among 80."
        ),
    ] = None,
    hardness: Annotated[float, typer.Option(help="From 0, attacks are loud, to 1.")] = 1.0,
) -> None:
    """Simulate an organization: events under OUT/events; in OUT labels.parquet, episodes.parquet, entities.parquet."""
    from tqdm import tqdm

    from residual.simulate import EPISODES
    from residual.simulate import simulate as write

    episodes = EPISODES if episodes is None else episodes
    with tqdm(total=days, unit="day") as bar:
        summary = write(
            out, users=users, days=days, seed=seed, episodes=episodes, hardness=hardness, on_day=lambda _: bar.update()
        )
    for name, count in summary.events.items():
        print(f"{count:12,} {name}")
    print(f"{summary.total:12,} events, {summary.attacks:,} of them in {summary.episodes:,} attacks and faults")


@app.command()
def validate(folder: Folder, details: Details = False, as_json: AsJson = False) -> None:
    """Check every event against OCSF 1.8.0; the exit status is 1 if one is invalid or a file cannot be read."""
    from residual.ocsf.bulk import validate_folder
    from residual.ocsf.told import validation

    report = validate_folder(folder, processes=None, progress=True)
    _say(report.as_json() if as_json else validation(report, details=details))
    if report.invalid or report.unknown:
        raise typer.Exit(1)


@app.command()
def inspect(
    folder: Folder,
    details: Details = False,
    as_json: AsJson = False,
    quarantine: Annotated[Path | None, typer.Option(help="File for rows that cannot be read.")] = None,
) -> None:
    """Say what is in a folder of events: classes, span, versions, columns by how full they are, and what is odd."""
    from residual.ocsf.inspect import inspect as look
    from residual.ocsf.read import read
    from residual.ocsf.told import inspection

    table = read(folder, quarantine=quarantine)
    found = look(table.events, top=TOP if details or as_json else 0)
    if as_json:
        summary = vars(table.summary) | {"drift": [asdict(change) for change in table.summary.drift]}
        _say(summary | found.as_json())
    else:
        _say(inspection(table.summary, found, details=details))


def _say(content: Mapping[str, Any] | Iterable[str]) -> None:
    """Print JSON, or lines; either is safe to print, whatever text from a log it holds."""
    from residual.ocsf.text import printable

    if isinstance(content, Mapping):
        print(json.dumps(content, indent=1, default=str))
        return
    for line in content:
        print(printable(line, sys.stdout.encoding or "utf-8"))


@app.command()
def convert(
    source: Annotated[str, typer.Argument(help="zeek or cloudtrail.", show_default=False)],
    logs: Annotated[Path, typer.Argument(help="Folder of logs, or one file, also with gzip.", show_default=False)],
    out: Annotated[Path, typer.Option(help="New folder for the events, JSON Lines by class.", show_default=False)],
) -> None:
    """Convert Zeek's conn, dns, http and ssl logs, or records of CloudTrail, to OCSF 1.8.0."""
    from residual.ocsf.convert import convert as write
    from residual.ocsf.schema import ocsf_class

    conversion = write(source, logs, out)
    print(f"{conversion.files:,} files, {conversion.rows_in:,} records, {conversion.rows_out:,} events")
    for uid, count in conversion.classes.most_common():
        print(f"{count:12,} {ocsf_class(uid)['caption']} ({uid})")
    print(f"{conversion.rows_quarantined:12,} quarantined")
    for reason, count in conversion.quarantined.most_common():
        print(f"{count:12,} quarantined: {reason}")
    for name, why in conversion.passed_over.items():
        print(f"passed over: {name!r}: {why}")


Device = Annotated[str, typer.Option(help="Where to compute, such as cuda.")]
Rejects = Annotated[Path | None, typer.Option(help="File for rows that cannot be read.")]


@app.command()
def fit(
    events: Folder,
    out: Annotated[Path, typer.Option(help="Folder to write the model to.", show_default=False)],
    objective: Annotated[str, typer.Option(help="What to learn: masked or contrastive.")] = "masked",
    passes: Annotated[int | None, typer.Option(help="Over the events; by default what the minutes allow.")] = None,
    minutes: Annotated[float, typer.Option(help="For all of it, about.")] = 20,
    seed: Annotated[int, typer.Option(help="Of weights and order.")] = 0,
    device: Device = "cpu",
    quarantine: Rejects = None,
) -> None:
    """Learn from events without labels, into a model. A fit that was cut off goes on when it is called again."""
    from typing import cast

    from residual.tabular.fitting import Objective
    from residual.tabular.fitting import fit as learn

    history = learn(
        events, out, objective=cast(Objective, objective), passes=passes, minutes=minutes, seed=seed, device=device,
        quarantine=quarantine,
    )  # fmt: skip
    print(f"{out}: loss on the last fifth {history.valid_loss[0]:.3f} untrained, {min(history.valid_loss):.3f} trained")


@app.command()
def embed(
    events: Folder,
    model: Annotated[Path, typer.Option(help="Folder with a model, as fit writes it.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Parquet file to write the vectors to.", show_default=False)],
    device: Device = "cpu",
    quarantine: Rejects = None,
) -> None:
    """Write the vector that a model makes of each event."""
    from residual.tabular.fitting import embed as write

    print(f"{write(events, model, out, device=device, quarantine=quarantine):,} vectors in {out}")


Alerts = Annotated[Path, typer.Argument(help="Folder of alerts, as score writes it.", show_default=False)]
Verdicts = Literal["true", "benign", "unsure"]
Budget = Annotated[int, typer.Option("--alerts-a-day", help="How many an analyst can read, in all.")]


@app.command()
def score(
    events: Folder,
    model: Annotated[
        Path, typer.Option(help="Folder of what is remembered; made if there is none.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the alerts, a file per day.", show_default=False)],
    alerts_a_day: Budget = 10,
    at_most: Annotated[
        list[str] | None, typer.Option(help="KIND=N: of these, at most N about a user, address, machine, ...")
    ] = None,
    quarantine: Rejects = None,
) -> None:
    """Find what is unusual, day by day, by the days before. The first two weeks only teach; days that are done stay."""
    from residual.detect.score import score as run

    limits = {}
    for text in at_most or ():
        kind, _, most = text.partition("=")
        if not most.isdecimal():
            raise ValueError(f"--at-most must be KIND=N, such as user=3, got {text!r}")
        limits[kind] = int(most)
    done = run(events, model, out, budget=alerts_a_day, at_most=limits, quarantine=quarantine, progress=True)
    print(f"{out}: {done.alerts:,} alerts on {done.days:,} days; {done.learned:,} days only taught")
    if done.lowered:
        print(f"{done.lowered:,} more would have been raised without verdicts; they are in the files *.lowered.jsonl")
    for count, what in (
        (done.late, "came too late, for days that are done"), (done.astray, "are days away from all others"),
        (done.rejected, "were rejected"),
    ):  # fmt: skip
        if count:
            print(f"{count:,} events {what}")


@app.command()
def evaluate(
    alerts: Alerts,
    labels: Annotated[
        Path, typer.Option(help="Parquet file of labeled events, as simulate writes it.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Compare alerts with labels: which episodes were found, by type, and how many alerts were true."""
    from residual.detect.folder import evaluation, told

    found = evaluation(alerts, labels)
    _say({**vars(found), "episodes": found.episodes.to_dicts()} if as_json else told(found))


@app.command()
def report(
    alerts: Alerts,
    out: Annotated[Path, typer.Option(help="HTML file to write.", show_default=False)],
    last: Annotated[int, typer.Option("--days", help="How many days, the last ones.")] = 7,
) -> None:
    """Write alerts as one HTML file with pictures, to read in a browser."""
    from residual.detect.folder import write_report

    print(f"{out}: {write_report(alerts, out, days=last):,} alerts")


@app.command()
def explain(
    alerts: Alerts,
    uid: Annotated[str, typer.Argument(help="Of the alert; its first letters will do.", show_default=False)],
) -> None:
    """Say why an alert was raised: what was measured, what was expected, what happened for the first time."""
    from residual.detect.folder import explained

    _say(explained(alerts, uid))


@app.command()
def verdict(
    alerts: Alerts,
    uid: Annotated[str, typer.Argument(help="Of the alert; its first letters will do.", show_default=False)],
    answer: Annotated[Verdicts, typer.Argument(help="What it was.", show_default=False)],
    why: Annotated[str, typer.Option(help="For whoever reads it later.", show_default=False)],
    who: Annotated[str | None, typer.Option(help="Whose answer it is.", show_default=False)] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Mute the same, if benign, up to this day.", show_default=False),
    ] = None,
) -> None:
    """Answer an alert. The next days that score writes to this folder are ranked by the answers."""
    import time

    from residual.detect.alert import Verdict
    from residual.detect.folder import answer as write

    last = None if until is None else (until - datetime(1970, 1, 1)).days
    alert = write(alerts, uid, Verdict(answer, why, who, int(time.time() * 1000), last))
    print(f"alert {alert.uid}: {answer}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="New folder for all of it.")] = Path("residual-demo"),
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the report in a browser, if there is one.")
    ] = True,
) -> None:
    """Simulate an organization, score it, answer the alerts of a week, score the next, and report: a few minutes."""
    import webbrowser

    from residual.detect.demo import demo as run

    for line in run(out):
        print(line, flush=True)
    if show:
        webbrowser.open((out / "report.html").resolve().as_uri())


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Safetensors file to write the weights to.", show_default=False)],
    data: Annotated[str | None, typer.Option(help="digits: scikit-learn's; or else give --cifar10.")] = None,
    cifar10: Annotated[Path | None, typer.Option(help="Folder with CIFAR-10's official binary files.")] = None,
    depth: Annotated[int, typer.Option(help="6n + 2 layers.")] = 20,
    plain: Annotated[bool, typer.Option("--plain", help="Omit the skips.")] = False,
    epochs: Annotated[int | None, typer.Option(help="By default 4 on digits, 2 on CIFAR-10.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Over all processes; by default 64 or 128.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    checkpoint: Annotated[Path | None, typer.Option(help="File to write after each epoch, and to go on from.")] = None,
) -> None:
    """Train a CIFAR net, on one process or on several: torchrun --nproc-per-node 2 -m residual.cli train ..."""
    from residual.scale import train_cifar_net

    if (data, cifar10 is None) not in (("digits", True), (None, False)):
        raise ValueError(f"images must be --data digits or --cifar10 FOLDER, got --data {data} and --cifar10 {cifar10}")
    recipe = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    train_cifar_net(out, folder=cifar10, depth=depth, residual=not plain, checkpoint=checkpoint, **recipe)


@app.command()
def export(
    weights: Annotated[Path, typer.Argument(help="Safetensors file, as train writes it.", show_default=False)],
    out: Annotated[Path, typer.Option(help="ONNX file to write the network to.", show_default=False)],
    opset: Annotated[int, typer.Option(help="Version of ONNX's operators; older runtimes need a lower one.")] = 20,
) -> None:
    """Write a trained network as ONNX, once ONNX Runtime has given torch's logits with it."""
    from residual.vision import load_network
    from residual.vision.export import export as write

    difference = write(load_network(weights), out, opset=opset)
    print(f"{out}: logits differ from torch's by {difference:.1g} of the largest at most")


if __name__ == "__main__":
    main()
