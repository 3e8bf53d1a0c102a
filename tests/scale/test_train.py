"""The command: the same on one process and on two, and clear about what it cannot do."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from scale.torchrun import torchrun

from residual.scale.processes import VARIABLES
from residual.scale.train import main

DIGITS = ["--data", "digits", "--depth", "8", "--epochs", "1", "--batch-size", "700"]  # two steps


@pytest.fixture(autouse=True)
def _not_under_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_one_process_and_two_write_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, checkpoint = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "checkpoint"))
    main([*DIGITS, "--out", str(one)])
    said = capsys.readouterr().out
    job = torchrun("-m", "residual.scale.train", *DIGITS, "--out", two, "--checkpoint", checkpoint)
    assert job.returncode == 0, job.stderr
    expected, found = load_file(one), load_file(two)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        # Not to the 1e-5 of `test_parallel.py`: thousands of blank pixels share one activation, and where that lies so
        # near zero that rounding decides what ReLU does to it, they all go the other way.
        torch.testing.assert_close(found[key], value, rtol=1e-3, atol=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in (one, two, checkpoint))
    # One line of one process, with the error of the same network.
    assert job.stdout == said.replace(str(one), str(two))
    assert said.startswith(f"{one}: test error ")

    # Another run goes on from where the two were, which is the end.
    again = tmp_path / "again.safetensors"
    main([*DIGITS, "--out", str(again), "--checkpoint", str(checkpoint)])
    assert all(torch.equal(value, found[key]) for key, value in load_file(again).items())


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--depth", "9"], "depth must be 6n+2"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--batch-size", "5000"], "batch_size must be at most the 1437 training images, got 5000"),
        (["--out", "weights.pt"], "--out must name a .safetensors file, got weights.pt"),
        (["--checkpoint", "run"], "--checkpoint must name a .safetensors file, got run"),
        (["--epochs", "some"], "argument --epochs: invalid int value: 'some'"),
        (["--data", "imagenet"], "argument --data: invalid choice: 'imagenet'"),
        (["--cifar10", "folder"], "argument --cifar10: not allowed with argument --data"),
    ],
)
def test_a_bad_argument(changes: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "weights.safetensors"
    assert f"residual.scale.train: {said}" in refused([*DIGITS, "--out", str(out), *changes], capsys).replace(
        "error: ", ""
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_without_cifar10(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(["--cifar10", str(tmp_path), "--out", str(tmp_path / "weights.safetensors")], capsys)
    assert said.startswith(f"residual.scale.train: {tmp_path / 'data_batch_1.bin'} is missing")


def test_half_of_what_torchrun_sets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = refused([*DIGITS, "--out", "weights.safetensors"], capsys)
    assert said.startswith("residual.scale.train: MASTER_ADDR, MASTER_PORT missing from the environment")


def test_a_loss_that_is_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("residual.training.loop.F.cross_entropy", lambda *_, **__: torch.tensor(torch.nan))
    with pytest.raises(SystemExit) as stopped:
        main([*DIGITS, "--out", str(tmp_path / "weights.safetensors")])
    assert stopped.value.code == 1
    assert "residual.scale.train: loss is nan in epoch 0, step 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
