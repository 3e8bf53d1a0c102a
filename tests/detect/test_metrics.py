"""What alerts are worth: known answers, and the command line on a folder."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import run, said

from residual.cli import main
from residual.detect import Alert, Entity, Signal, evaluate, write_alerts
from residual.detect.folder import files
from residual.detect.metrics import LABELS, bootstrap
from residual.detect.stream import DAY, HOUR

START = 20_000 * DAY


def alert(uid: str, *events: str, day: int = 0, hour: float = 12) -> Alert:
    """An alert about some events, raised on a day."""
    user = (Entity("user", "ann"),)
    begin, raised = START + day * DAY, START + day * DAY + round(hour * HOUR)
    signal = Signal("failed sign-ins of a user", user, begin, begin + HOUR, 9.0, 1.0, 1.0, 0.01)
    return Alert(uid, raised, begin, begin + HOUR, user, (signal,), (), events, len(events))


def label(uid: str, episode: str, *, day: float = 0, twin: bool = False, kind: str = "scan") -> tuple[object, ...]:
    return uid, START + round(day * DAY), episode, kind, twin


def labels(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=LABELS, orient="row")


TRUTH = labels(
    label("a1", "a"), label("a2", "a", day=1), label("b1", "b", day=0.25), label("c1", "c", day=5),
    label("t1", "t", twin=True), label("t2", "t", twin=True),
)  # fmt: skip


def test_alerts_find_episodes_and_twins() -> None:
    alerts = [alert("1", "a1", "x"), alert("2", "t1"), alert("3", "t2", "b1"), alert("4", "y"), alert("5", "a2", day=1)]
    found = evaluate(alerts, TRUTH, [20_000, 20_001])
    assert (found.alerts, found.true, found.twins) == (5, 3, 1)
    assert found.episodes["episode"].to_list() == ["a", "b"]  # c has no event on a day that was scored
    assert found.episodes["hours"].to_list() == [12, 6]
    assert (found.recall, found.precision, found.hours) == (1, 0.6, 9)


def test_an_alert_that_was_raised_before_an_episode_began_tells_of_it_at_midnight() -> None:
    found = evaluate([alert("1", "b1", hour=3)], TRUTH, [20_000])
    assert found.episodes.filter(pl.col("episode") == "b")["hours"].to_list() == [18]


def test_what_is_missed_counts_on_days_without_alerts_too() -> None:
    found = evaluate([], TRUTH, [20_000, 20_005])
    assert found.episodes["found"].to_list() == [False] * 3
    assert found.recall == 0
    assert np.isnan(found.precision)
    assert np.isnan(found.hours)


def test_labels_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="column 'twin' has type None, expected Boolean"):
        evaluate([], TRUTH.drop("twin"), [20_000])


def test_a_difference_of_the_same_episodes_has_a_narrower_interval_than_one_of_others() -> None:
    rng = np.random.default_rng(0)
    first = [{"scan": rng.integers(0, 2, 40)} for _ in range(5)]
    second = [{"scan": np.where(rng.random(40) < 0.1, 1, one["scan"])} for one in first]
    mean, low, high = bootstrap([{"scan": b["scan"] - a["scan"]} for a, b in zip(first, second, strict=True)])
    assert 0 < low < mean < high < 0.15
    alone = [bootstrap(values) for values in (first, second)]
    assert high - low < 0.6 * min(above - below for _, below, above in alone)
    assert bootstrap([{"scan": np.ones(5, dtype=np.int64)}] * 3) == (1, 1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of alerts, with labels beside them."""
    TRUTH.write_parquet(tmp_path / "labels.parquet")
    write_alerts(tmp_path / "alerts" / "2024-10-04.jsonl", [alert("17aa", "a1"), alert("17bb", "t1")])
    write_alerts(tmp_path / "alerts" / "2024-10-05.jsonl", [alert("9c", "a2", day=1)])
    return tmp_path


def test_the_command_line_evaluates_explains_reports_and_takes_answers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts = str(folder / "alerts")
    assert list(files(folder / "alerts")) == [20_000, 20_001]
    run(main, "evaluate", alerts, "--labels", str(folder / "labels.parquet"))
    told = capsys.readouterr().out
    assert "3 alerts: 2 found an attack or fault, 1 a harmless twin of one" in told
    assert "all    1 of   2, 50%" in told
    run(main, "explain", alerts, "9")
    assert "User ann: 9 failed sign-ins in 1 h, 1 expected" in capsys.readouterr().out
    run(main, "verdict", alerts, "17b", "benign", "--why", "a new phone", "--who", "kim")
    run(main, "explain", alerts, "17bb")
    assert "verdict: benign, a new phone" in capsys.readouterr().out
    run(main, "report", alerts, "--out", str(folder / "report.html"))
    page = (folder / "report.html").read_text()
    assert page.count("failed sign-ins in 1 h") >= 3
    assert "a new phone" in page


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["explain", "alerts", "17"], "uid '17' is that of 2 alerts"),
        (["explain", "alerts", "zz"], "uid 'zz' is that of 0 alerts"),
        (["verdict", "alerts", "", "benign", "--why", "x"], "expected one"),
        (["report", ".", "--out", "report.html"], "has no alerts"),
        (["report", "alerts", "--out", "report.html", "--days", "0"], "days must be at least 1, got 0"),
        (["evaluate", "alerts", "--labels", "alerts/2024-10-04.jsonl"], "expected Parquet with metadata.uid"),
        (["explain", "foreign", "9"], "foreign/2024-10-06.jsonl, line 1: $."),
    ],
)
def test_mistakes_end_with_a_line_that_says_why(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(folder)
    Path("foreign").mkdir()
    Path("foreign", "2024-10-06.jsonl").write_text('{"class_uid": 3002}\n')
    assert expected in said(main, capsys, *arguments)
