"""The `residual` command: a mistake ends with exit code 2 and a line that says what was expected."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import polars as pl
import pytest
from commands import run, said

from residual import cli
from residual.simulate import simulation


def test_the_installed_command_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="residual")
    assert script.load() is cli.main


def test_help_names_every_verb_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.main, "--help")
    out = capsys.readouterr().out
    for verb in ("simulate", "validate", "inspect"):
        assert verb in out


@pytest.mark.parametrize("arguments", [["unknown"], ["simulate"], ["validate"]])
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "Usage: residual" in said(cli.main, capsys, *arguments)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "organization"
    run(cli.main, "simulate", "--out", str(out), "--users", "12", "--days", "2", "--seed", "3")
    return out


def test_what_is_simulated_is_valid(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = pl.read_parquet(simulated / "labels.parquet")
    assert labels.equals(pl.concat(simulation(users=12, days=2, seed=3).day(day).labels for day in range(2)))
    run(cli.main, "validate", str(simulated / "events"))
    events = pl.scan_parquet(simulated / "events/**/*.parquet", missing_columns="insert", extra_columns="ignore")
    count = events.select(pl.len()).collect().item()
    assert capsys.readouterr().out.startswith(f"{count:,} events, 0 invalid, ")


def test_what_is_there_is_not_overwritten(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = said(cli.main, capsys, "simulate", "--out", str(simulated), "--users", "12", "--days", "1")
    assert f"residual: out must not hold a simulation yet, got {simulated}, where events is" in message


def test_inspect_names_classes_span_and_columns(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.main, "inspect", str(simulated / "events"))
    out = capsys.readouterr().out
    for part in ("DNS Activity (4003)", "from 2025-03-03 00:", " 100.0% class_uid Int64: ", "src_endpoint.ip String: "):
        assert part in out


def test_one_bad_line_is_shown_and_is_an_error(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.jsonl").write_text('{"class_uid": 3002}\n{"class_uid"\n')
    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main(["validate", str(tmp_path)])
    out = capsys.readouterr().out
    assert out.startswith("2 events, 2 invalid, ")
    for part in ("$.time: required, but missing", "events.jsonl, 2, uid unknown", "$: not JSON: "):
        assert part in out
    run(cli.main, "inspect", str(tmp_path))
    assert "1 files, 2 rows, 2 of them rejected" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["validate", "inspect"])
def test_no_events_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert said(cli.main, capsys, verb, str(tmp_path / "nowhere")).startswith("residual: folder must be ")
    assert str(tmp_path) in said(cli.main, capsys, verb, str(tmp_path))


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, residual.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
