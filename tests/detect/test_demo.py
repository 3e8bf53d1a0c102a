"""The demonstration on a tiny organization: all of it is there, answered alerts too, and nobody's folder is touched."""

from pathlib import Path

import pytest
from commands import run, said

from residual import cli
from residual.detect.alerts import read_alerts
from residual.detect.demo import demo
from residual.detect.folder import files


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, "\n".join(demo(out, users=10, days=16))


def test_what_it_tells_is_there(done: tuple[Path, str]) -> None:
    out, told = done
    for name in ("organization/events", "alerts", "unanswered", "report.html"):
        assert str(out / name) in told
        assert (out / name).exists()
    assert "10 people in 16 days" in told
    assert "14 days only taught" in told
    assert "without the answers" in told


def test_the_first_half_of_the_alerts_is_answered_and_the_last_is_not(done: tuple[Path, str]) -> None:
    first, last = (read_alerts(path) for path in files(done[0] / "alerts").values())
    assert first
    assert {alert.verdict.answer for alert in first if alert.verdict} <= {"true", "benign"}
    assert all(alert.verdict is not None and alert.verdict.who == "the labels" for alert in first)
    assert all(alert.verdict is None for alert in last)


def test_the_report_has_the_alerts_after_the_answers(done: tuple[Path, str]) -> None:
    page = (done[0] / "report.html").read_text()
    first, last = (read_alerts(path) for path in files(done[0] / "alerts").values())
    assert all(alert.uid in page for alert in last)
    assert not any(f"residual verdict {alert.uid}" in page for alert in first)


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("keep")
    assert "must be a new folder or an empty one" in said(cli.main, capsys, "demo", "--out", str(tmp_path), "--no-open")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_days_that_leave_none_to_score_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="days must be at least 16"):
        list(demo(tmp_path, days=15))


@pytest.mark.parametrize(("option", "shown"), [("--open", True), ("--no-open", False)])
def test_the_browser_is_asked_only_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, shown: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("residual.detect.demo.demo", lambda out: iter(["done"]))
    run(cli.main, "demo", "--out", str(tmp_path / "new"), option)
    assert bool(opened) == shown
