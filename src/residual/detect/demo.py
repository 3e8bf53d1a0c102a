"""The whole way on a simulated organization, from events to answered alerts: what `residual demo` does."""

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
    """Simulate an organization, score half of its days after those that only teach, answer, score the others; in lines.

    The labels play the analyst: an alert with an event of an attack or fault is true, every other one benign. The
    events are in `out/organization`, the alerts in `out/alerts`, and the last week of them in `out/report.html`.

    Raises:
        ValueError: for a folder that holds anything, or days that leave none before the answers or none after them.
    """
    taught = LEARNING + LEAST
    if days < taught + 2:
        raise ValueError(f"days must be at least {taught + 2}, since {taught} only teach, got {days}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new folder or an empty one: something is there")
    first = START // DAY
    half = taught + (days - taught) // 2
    organization, alerts = out / "organization", out / "alerts"
    labels = organization / "labels.parquet"
    with tqdm(total=days, unit="day", desc="simulate") as bar:
        made = simulate(organization, users=users, days=days, seed=seed, on_day=lambda _: bar.update())
    yield f"{organization}: {users:,} people, {days} days, {made.total:,} events, {made.episodes:,} attacks and faults"
    score(organization / "events", out / "model", alerts, before=first + half, progress=True)
    yield f"\n{taught} days only taught. Alerts of the next {half - taught} in {alerts}, beside the labels:"
    yield from told(evaluation(alerts, labels))
    harmful = set(pl.read_parquet(labels).filter(~pl.col("twin"))["metadata.uid"])
    raised = [alert for path in files(alerts).values() for alert in read_alerts(path)]
    for alert in tqdm(raised, unit="answer", desc="answer"):
        is_true = not harmful.isdisjoint(alert.events)
        answer(alerts, alert.uid, Verdict("true" if is_true else "benign", "so say the labels", "the labels"))
    yield f"\nThe labels played the analyst, and answered all {len(raised):,}: true or benign."
    score(organization / "events", out / "model", alerts, progress=True)
    yield f"\nAlerts of the last {days - half} days, with these answers known:"
    yield from told(evaluation(alerts, labels, after=first + half - 1))
    report = out / "report.html"
    yield f"\n{report}: the {write_report(alerts, report, days=min(7, days - half)):,} alerts of the last week"
