"""The `residual-book` command: a mistake ends with exit code 2 and a line that says what was expected."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from commands import run, said

from residual_book import cli
from residual_book.part1.degradation import experiment as degradation
from residual_book.part2.training import ablation


def test_the_installed_command_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="residual-book")
    assert script.load() is cli.main


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "runs.json"
    message = said(cli.main, capsys, "degradation", "--cifar10", str(tmp_path), "--out", str(out))
    expected = f"{tmp_path / 'data_batch_1.bin'} is missing: expected a CIFAR-10 binary file of 30,730,000 bytes"
    assert message == f"residual-book: {expected}\n"
    assert not out.parent.exists()


def test_a_bad_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--cifar10", str(tmp_path), "--out", str(tmp_path / "runs.json"), "--epochs", "0"]
    assert said(cli.main, capsys, "degradation", *options) == "residual-book: epochs must be at least 1, got 0\n"


@pytest.mark.parametrize("arguments", [["unknown"], ["degradation"], ["depth"], ["ablation", "--cifar10", "x"]])
def test_bad_arguments(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "Usage: residual-book" in said(cli.main, capsys, *arguments)


def test_arguments_reach_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(degradation, "record", lambda *arguments, **options: called.append((arguments, options)))
    paths = ["degradation", "--cifar10", "folder", "--out", "runs.json"]
    run(cli.main, *paths)
    given = ["--label", "copy", "--nets", "plain-8,residual-14", "--seeds", "3", "--epochs", "9", "--bf16"]
    run(cli.main, *paths, *given, "--workers", "5", "--device", "cuda")
    (positional, default), (_, options) = called
    assert positional == (Path("runs.json"), Path("folder"))
    assert default["recipe"] == degradation.CIFAR10_RECIPE
    assert (default["nets"], default["seeds"]) == (list(degradation.CIFAR10_NETS), [0, 1, 2])
    assert (default["label"], default["bf16"]) == ("CIFAR-10", False)
    assert (options["recipe"].epochs, options["bf16"], options["workers"]) == (9, True, 5)
    assert (default["device"], options["device"]) == (None, "cuda")
    assert (options["nets"], options["seeds"], options["label"]) == (["plain-8", "residual-14"], [3], "copy")


def test_an_unknown_net_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = said(cli.main, capsys, "degradation", "--cifar10", "x", "--out", "y", "--nets", "plain-8,wide-8")
    assert message.startswith("residual-book: nets must be named ARM-DEPTH, with an arm of plain, residual, ")
    assert message.endswith(", got 'wide-8'\n")


def test_arguments_reach_the_ablation(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(ablation, "record", lambda *arguments, **options: called.append((arguments, options)))
    paths = ["ablation", "--cifar10", "folder", "--out", "runs.json"]
    run(cli.main, *paths)
    given = ["--without", "nothing,weight decay", "--images", "500", "--seeds", "3", "--epochs", "9"]
    run(
        cli.main,
        *paths,
        *given,
        "--label",
        "copy",
        "--workers",
        "5",
        "--rates",
        "0.03,0.1",
        "--bf16",
        "--device",
        "cuda",
    )
    (positional, default), (_, options) = called
    assert positional == (Path("runs.json"), Path("folder"))
    assert default["recipe"] == ablation.RECIPE
    assert (default["pieces"], default["seeds"]) == (list(ablation.WITHOUT), list(range(10)))
    assert (default["images"], default["label"]) == (None, "digits")
    assert (default["rates"], default["bf16"]) == ([ablation.RECIPE.peak_lr], False)
    assert options["recipe"].epochs == 9
    assert (options["pieces"], options["seeds"], options["images"]) == (["nothing", "weight decay"], [3], 500)
    assert (options["label"], options["workers"]) == ("copy", 5)
    assert (options["rates"], options["bf16"]) == ([0.03, 0.1], True)
    assert (default["device"], options["device"]) == (None, "cuda")


def test_an_unknown_piece_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = said(cli.main, capsys, "ablation", "--cifar10", "x", "--out", "y", "--without", "dropout")
    assert message.startswith("residual-book: without must be one of 'nothing', 'He initialization', ")
    assert message.endswith(", got 'dropout'\n")


def test_rates_are_numbers_of_any_kind(capsys: pytest.CaptureFixture[str]) -> None:
    message = said(cli.main, capsys, "after-training", "--out", "y", "--rates", "0.1 0.2")
    assert message == "residual-book: --rates must be numbers with commas between, got '0.1 0.2'\n"


@pytest.mark.parametrize(("option", "given"), [("--seeds", "0 1"), ("--seeds", ""), ("--seeds", "20,")])
def test_numbers_have_commas_between(capsys: pytest.CaptureFixture[str], option: str, given: str) -> None:
    message = said(cli.main, capsys, "degradation", "--cifar10", "x", "--out", "y", option, given)
    assert message == f"residual-book: {option} must be whole numbers with commas between, got {given!r}\n"
