"""The whole way on a simulated organization, from events to answered alerts: what `residual demo` does."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from tqdm import tqdm

from residual.detect.alert import Verdict
from residual.detect.alerts import read_alerts
from residual.detect.calibrate import LEAST
from residual.detect.folder import answer, evaluation, files, told, write_report
from residual.detect.score import LEARNING, score
from residual.simulate import simulate
from residual.simulate.calendar import DAY, START


def demo(out: Path, *, users: int = 80, days: int = 28, seed: int = 0) -> Iterator[str]:
    """Simulate an organization, score half of its days, answer, and score the others with and without; in lines.

    The labels play the analyst: an alert with an event of an attack or fault is true, every other one benign. Events
    are in `out/organization`, alerts in `out/alerts` (`out/unanswered` where nobody answered), the last days of them in
    `out/report.html`.

    Raises:
        ValueError: for a folder that holds anything, or too few days for alerts both before and after the answers.
    """
    taught = LEARNING + LEAST
    if days < taught + 2:
        raise ValueError(f"days must be at least {taught + 2}, since {taught} only teach, got {days}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new folder or an empty one: something is there")
    half, first = taught + (days - taught) // 2, START // DAY
    events, labels = out / "organization" / "events", out / "organization" / "labels.parquet"
    model, alerts, unanswered = out / "model", out / "alerts", out / "unanswered"
    with tqdm(total=days, unit="day", desc="simulate") as bar:
        made = simulate(out / "organization", users=users, days=days, seed=seed, on_day=lambda _: bar.update())
    yield f"{events}: {made.total:,} events of {users:,} people in {days} days; {made.episodes:,} attacks and faults"
    score(events, model, alerts, before=first + half, progress=True)
    yield f"{alerts}: {taught} days only taught. The alerts of the next {half - taught}, beside the labels:"
    yield from told(evaluation(alerts, labels))
    shutil.copytree(model, out / "model-unanswered")
    score(events, out / "model-unanswered", unanswered, progress=True)
    harmful = set(pl.read_parquet(labels).filter(~pl.col("twin"))["metadata.uid"])
    raised = [alert for path in files(alerts).values() for alert in read_alerts(path)]
    for alert in tqdm(raised, unit="answer", desc="answer"):
        is_true = not harmful.isdisjoint(alert.events)
        answer(alerts, alert.uid, Verdict("true" if is_true else "benign", "so say the labels", "the labels"))
    yield f"The labels play the analyst, and answer all {len(raised):,} alerts: true or benign."
    score(events, model, alerts, progress=True)
    for name, folder in (("without", unanswered), ("with", alerts)):
        last = evaluation(folder, labels, after=first + half - 1)
        yield f"{folder}: the last {days - half} days {name} the answers: {last.true} of {last.alerts} alerts true,"
        yield f"  {last.twins} twins; {last.episodes['found'].sum()} of {last.episodes.height} attacks and faults found"
    shown = write_report(alerts, out / "report.html", days=days - half)
    yield f"{out / 'report.html'}: the {shown:,} alerts of these days, ranked with the answers"
