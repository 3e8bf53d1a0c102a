"""`residual train`: the same on one process and on two, and clear about what it cannot do."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from several_processes import torchrun

from residual.cli import main
from residual.scale.processes import VARIABLES

TRAIN = ["train", "--depth", "8", "--epochs", "1", "--batch-size", "700"]  # two steps
DIGITS = [*TRAIN, "--data", "digits"]


@pytest.fixture(autouse=True)
def _not_under_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str | Path) -> int:
    """Status that the command ends with."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    return int(stopped.value.code or 0)


def test_one_process_and_two_write_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone, together, checkpoint = (tmp_path / f"{name}.safetensors" for name in ("alone", "together", "checkpoint"))
    assert run(*DIGITS, "--out", alone) == 0
    said = capsys.readouterr().out
    job = torchrun("-m", "residual.cli", *DIGITS, "--out", together, "--checkpoint", checkpoint)
    assert job.returncode == 0, job.stderr
    expected, weights = load_file(alone), load_file(together)
    assert weights.keys() == expected.keys()
    for key, value in expected.items():
        # Not to the 1e-5 of `test_parallel.py`: thousands of blank pixels share one activation, and where that lies so
        # near zero that rounding decides what ReLU does to it, they all go the other way.
        torch.testing.assert_close(weights[key], value, rtol=1e-3, atol=1e-3)
    assert sorted(tmp_path.iterdir()) == sorted((alone, together, checkpoint))
    # One line of one process, with the error of the same network.
    assert job.stdout == said.replace(str(alone), str(together))
    assert said.startswith(f"{alone}: test error ")

    # Another run continues from where the two were, which is the end.
    again = tmp_path / "again.safetensors"
    assert run(*DIGITS, "--out", again, "--checkpoint", checkpoint) == 0
    assert all(torch.equal(value, weights[key]) for key, value in load_file(again).items())


def test_each_process_says_which_it_is(tmp_path: Path) -> None:
    job = torchrun("-m", "residual.cli", *DIGITS, "--batch-size", "701", "--out", tmp_path / "w.safetensors")
    assert job.returncode == 1  # the launcher's
    assert "exitcode  : 2" in job.stderr
    said = ("residual: process 0 of 2: batch_size must be", "residual: process 1 of 2: batch_size must be")
    assert any(text in job.stderr for text in said)  # the other may be stopped before it speaks
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--depth", "9"], "residual: depth must be 6n+2"),
        (["--epochs", "0"], "residual: epochs must be at least 1, got 0"),
        (["--batch-size", "0"], "residual: batch_size must be at least 1, got 0"),
        (["--batch-size", "5000"], "residual: batch_size must be at most the 1437 training images, got 5000"),
        (["--out", "weights.pt"], "residual: --out must name a .safetensors file, got weights.pt"),
        (["--checkpoint", "run"], "residual: --checkpoint must name a .safetensors file, got run"),
        (["--epochs", "some"], "Usage: residual train"),
        (["--data", "imagenet"], "must be --data digits or --cifar10 FOLDER, got --data imagenet and --cifar10 None"),
        (["--cifar10", "folder"], "must be --data digits or --cifar10 FOLDER, got --data digits and --cifar10 folder"),
    ],
)
def test_a_bad_argument(changes: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*DIGITS, "--out", tmp_path / "weights.safetensors", *changes) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.out == ""
    assert not list(tmp_path.iterdir())


def test_a_folder_without_cifar10(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*TRAIN, "--cifar10", tmp_path, "--out", tmp_path / "weights.safetensors") == 2
    assert capsys.readouterr().err.startswith(f"residual: {tmp_path / 'data_batch_1.bin'} is missing")


def test_half_of_what_torchrun_sets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(*DIGITS, "--out", "weights.safetensors") == 2
    assert capsys.readouterr().err.startswith("residual: MASTER_ADDR, MASTER_PORT missing from the environment")


def test_a_loss_that_is_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("residual.training.loop.F.cross_entropy", lambda *_, **__: torch.tensor(torch.nan))
    assert run(*DIGITS, "--out", tmp_path / "weights.safetensors") == 1
    assert "residual: loss is nan in epoch 0, step 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
