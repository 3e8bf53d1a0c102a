"""The `residual` command: a mistake ends with exit code 2 and a line that says what was expected."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from residual import cli
from residual.experiments import ablation, ablation_cifar, degradation


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it ends with code 2."""
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def run(*arguments: str) -> None:
    """The command, where it ends well."""
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    assert end.value.code == 0


def test_the_installed_command_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="residual")
    assert script.load() is cli.main


def test_a_missing_file_is_named_with_its_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "runs.json"
    message = said(capsys, "degradation", "--cifar10", str(tmp_path), "--out", str(out))
    expected = f"{tmp_path / 'data_batch_1.bin'} is missing: expected a CIFAR-10 binary file of 30,730,000 bytes"
    assert message == f"residual: {expected}\n"
    assert not out.parent.exists()


def test_a_short_file_is_named_with_both_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(b"cut off")
    message = said(capsys, "degradation", "--cifar10", str(tmp_path), "--out", str(tmp_path / "runs.json"))
    assert message == f"residual: {tmp_path / 'data_batch_1.bin'} has 7 bytes: expected 30,730,000\n"


def test_a_bad_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--cifar10", str(tmp_path), "--out", str(tmp_path / "runs.json"), "--epochs", "0"]
    assert said(capsys, "degradation", *options) == "residual: epochs must be at least 1, got 0\n"


@pytest.mark.parametrize("arguments", [["unknown"], ["degradation"], ["degradation", "--cifar10", "x"]])
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "Usage: residual" in said(capsys, *arguments)


def test_arguments_reach_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(degradation, "record", lambda *arguments, **options: called.append((arguments, options)))
    paths = ["degradation", "--cifar10", "folder", "--out", "runs.json"]
    run(*paths)
    given = ["--label", "copy", "--depths", "8,14", "--seeds", "3", "--epochs", "9", "--workers", "5"]
    run(*paths, *given)
    (positional, default), (_, options) = called
    assert positional == (Path("runs.json"), Path("folder"))
    assert default["recipe"] == degradation.CIFAR10_RECIPE
    assert (default["depths"], default["seeds"], default["label"]) == ([20, 56], [0, 1], "CIFAR-10")
    assert options["recipe"].epochs == 9
    assert (options["depths"], options["seeds"], options["label"], options["workers"]) == ([8, 14], [3], "copy", 5)


def test_arguments_reach_the_ablation(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(ablation_cifar, "record", lambda *arguments, **options: called.append((arguments, options)))
    paths = ["ablation", "--cifar10", "folder", "--out", "runs.json"]
    run(*paths)
    given = ["--without", "nothing,weight decay", "--images", "500", "--seeds", "3", "--epochs", "9"]
    run(*paths, *given, "--label", "copy", "--workers", "5")
    (positional, default), (_, options) = called
    assert positional == (Path("runs.json"), Path("folder"))
    assert default["recipe"] == ablation.RECIPE
    assert (default["pieces"], default["seeds"]) == (list(ablation.WITHOUT), [0, 1, 2])
    assert (default["images"], default["label"]) == (10_000, "CIFAR-10")
    assert options["recipe"].epochs == 9
    assert (options["pieces"], options["seeds"], options["images"]) == (["nothing", "weight decay"], [3], 500)
    assert (options["label"], options["workers"]) == ("copy", 5)


def test_an_unknown_piece_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = said(capsys, "ablation", "--cifar10", "x", "--out", "y", "--without", "dropout")
    assert message.startswith("residual: without must be one of 'nothing', 'He initialization', ")
    assert message.endswith(", got 'dropout'\n")


@pytest.mark.parametrize(("option", "given"), [("--seeds", "0 1"), ("--seeds", ""), ("--depths", "20,")])
def test_numbers_have_commas_between(capsys: pytest.CaptureFixture[str], option: str, given: str) -> None:
    message = said(capsys, "degradation", "--cifar10", "x", "--out", "y", option, given)
    assert message == f"residual: {option} must be whole numbers with commas between, got {given!r}\n"


def test_help_names_every_verb_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    run("--help")
    said = capsys.readouterr().out
    for verb in ("simulate", "validate", "inspect", "degradation", "ablation"):
        assert verb in said


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "organization"
    run("simulate", "--out", str(out), "--users", "12", "--days", "2", "--seed", "3")
    return out


def test_what_is_simulated_is_valid(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (simulated / "labels.parquet").is_file()
    run("validate", str(simulated / "events"))
    events = pl.scan_parquet(simulated / "events/**/*.parquet", missing_columns="insert", extra_columns="ignore")
    count = events.select(pl.len()).collect().item()
    assert capsys.readouterr().out.startswith(f"{count:,} events, 0 invalid, ")


def test_what_is_there_is_not_overwritten(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = said(capsys, "simulate", "--out", str(simulated), "--users", "12", "--days", "1")
    assert f"residual: out must not hold a simulation yet, got {simulated}, where events is" in message


def test_inspect_names_classes_span_and_columns(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("inspect", str(simulated / "events"))
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
    run("inspect", str(tmp_path))
    assert "1 files, 2 rows, 2 of them rejected" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["validate", "inspect"])
def test_no_events_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert said(capsys, verb, str(tmp_path / "nowhere")).startswith("residual: folder must be ")
    assert str(tmp_path) in said(capsys, verb, str(tmp_path))


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, residual.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
