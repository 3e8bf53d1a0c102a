"""Checkpoints: a run that was cut off goes on to the same bits, and a file that does not fit is refused by name."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import small_runs
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_runs import RECIPE, CutOff, CutOffError, net, same_weights, small_data, trained
from torch import nn

from residual.training import History, Recipe, fit
from residual.training.checkpoint import load_checkpoint
from residual.vision.cifar import CifarNet
from residual.vision.data import crop_and_flip


@pytest.mark.parametrize("options", [{}, {"shortcut": "B", "zero_init_residual": True}, {"residual": False}])
@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, schedule="step"), replace(RECIPE, momentum=0.0)])
def test_a_run_cut_off_continues_to_the_same_bits(tmp_path: Path, options: dict[str, Any], recipe: Recipe) -> None:
    checkpoint = tmp_path / "run.safetensors"
    whole = net(**options)
    history = fit(whole, small_data(), recipe, augment=crop_and_flip, progress=False)
    for step in (6, 5):  # in the second epoch; then, one epoch being done, in the third
        with pytest.raises(CutOffError):
            fit(net(**options), small_data(), recipe, augment=CutOff(step), checkpoint=checkpoint, progress=False)
    model, rest = net(8, **options), CutOff(-1)  # of other initial weights, which the checkpoint replaces
    assert not same_weights(model, net(**options))
    assert fit(model, small_data(), recipe, augment=rest, checkpoint=checkpoint, progress=False) == history
    assert rest.steps == 4  # only the last epoch remained
    assert same_weights(model, whole)


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
def test_a_run_continues_with_or_without_a_wrapper(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]) -> None:
    whole, cut, rest = net(), net(), net(8)
    fit(whole, small_data(), RECIPE, augment=crop_and_flip, progress=False)
    for before, after in ((wrap(cut), rest), (net(), wrap(rest))):
        checkpoint = tmp_path / f"{type(before).__name__}.safetensors"
        with pytest.raises(CutOffError):
            fit(before, small_data(), RECIPE, augment=CutOff(6), checkpoint=checkpoint, progress=False)
        fit(after, small_data(), RECIPE, augment=CutOff(-1), checkpoint=checkpoint, progress=False)
        assert same_weights(rest, whole)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.safetensors"
    model, history = trained(checkpoint=checkpoint)
    content = checkpoint.read_bytes()
    assert same_weights(model, trained()[0])  # which a checkpoint does not change
    again = net(5)
    assert fit(again, small_data(), RECIPE, augment=CutOff(0), checkpoint=checkpoint, progress=False) == history
    assert same_weights(again, model)
    assert checkpoint.read_bytes() == content


def test_a_killed_process_continues_to_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL in the middle of the epoch after the first checkpoint; see the end of `small_runs` for the process."""
    checkpoint = tmp_path / "run.safetensors"
    command = [sys.executable, small_runs.__file__, str(checkpoint)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "between two checkpoints\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    other = net(9)
    assert len(load_checkpoint(checkpoint, other, torch.optim.SGD(other.parameters()), RECIPE).train_loss) == 1

    model, rest = net(9), CutOff(-1)
    history = fit(model, small_data(), RECIPE, augment=rest, checkpoint=checkpoint, progress=False)
    assert rest.steps == 8  # two epochs of three
    whole, expected = trained()
    assert same_weights(model, whole)
    assert history == expected


def test_a_frozen_layer_is_kept_frozen_over_a_checkpoint(tmp_path: Path) -> None:
    def frozen() -> CifarNet:
        model = net()
        model.conv1.weight.requires_grad_(False)
        return model

    whole, resumed, checkpoint = frozen(), frozen(), tmp_path / "run.safetensors"
    fit(whole, small_data(), RECIPE, augment=crop_and_flip, progress=False)
    with pytest.raises(CutOffError):
        fit(frozen(), small_data(), RECIPE, augment=CutOff(6), checkpoint=checkpoint, progress=False)
    fit(resumed, small_data(), RECIPE, augment=crop_and_flip, checkpoint=checkpoint, progress=False)
    assert same_weights(whole, resumed)
    assert torch.equal(resumed.conv1.weight, net().conv1.weight)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A checkpoint of `net()` trained by `RECIPE`."""
    trained(checkpoint=tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


def assert_refused(checkpoint: Path, said: str, model: CifarNet, before: CifarNet, recipe: Recipe = RECIPE) -> None:
    """`fit` refuses the checkpoint, and leaves it and the model as they were."""
    content = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=said) as caught:
        fit(model, small_data(), recipe, checkpoint=checkpoint, progress=False)
    assert str(caught.value).startswith(f"{checkpoint}: ")
    assert same_weights(model, before)
    assert checkpoint.read_bytes() == content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": 14}, r"weights are not those of this CifarNet: 36 missing: (\S+, ){35}layer3\.1\.bn2\S+$"),
        ({"shortcut": "B"}, r": 12 missing: layer2\.0\.downsample\.0\.weight, .*layer3\.0\.downsample\.1\S+$"),
        (
            {"num_classes": 7},
            r": 2 of another shape: fc\.weight \(10, 16\) instead of \(7, 16\), fc\.bias \(10,\) instead of \(7,\)$",
        ),
        ({"width": 8}, r": 36 of another shape: conv1\.weight \(4, 1, 3, 3\) instead of \(8, 1, 3, 3\), .*fc\.weight"),
    ],
)
def test_a_checkpoint_of_another_network_names_the_keys(finished: Path, options: dict[str, Any], said: str) -> None:
    assert_refused(finished, said, net(**options), net(**options))


def test_a_checkpoint_of_a_larger_network_names_the_keys(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.safetensors"
    fit(net(depth=14), small_data(), RECIPE, checkpoint=checkpoint, progress=False)
    said = r"weights are not those of this CifarNet: 36 unexpected: .*; 2 of another shape: fc\.weight"
    assert_refused(checkpoint, said, net(num_classes=7), net(num_classes=7))


OTHER = Recipe(
    epochs=4, batch_size=7, peak_lr=0.2, schedule="step", warmup=0.25, momentum=0.8, weight_decay=0.0, decay_all=False,
    label_smoothing=0.1, seed=2,
)  # fmt: skip


@pytest.mark.parametrize("name", list(asdict(RECIPE)))
def test_a_checkpoint_of_another_recipe_names_the_field(tmp_path: Path, name: str) -> None:
    checkpoint, recipe = tmp_path / "run.safetensors", replace(RECIPE, schedule="cosine")
    trained(recipe, checkpoint=checkpoint)
    had, wants = getattr(recipe, name), getattr(OTHER, name)
    said = f"checkpoint was made with {name}={had!r}, this run has {wants!r}$"
    assert_refused(checkpoint, said, net(), net(), replace(recipe, **{name: wants}))


def test_a_checkpoint_in_the_layout_of_earlier_versions_is_read(finished: Path) -> None:
    """The state dict under `model.`, momentum by the number of its parameter, recipe and history as JSON."""
    model, optimizer = net(3), torch.optim.SGD([torch.zeros(1)])
    values = {key: torch.full_like(value, 2) for key, value in model.state_dict().items()}
    momenta = {f"momentum.{i}": torch.full_like(p, i) for i, p in enumerate(model.parameters())}
    metadata = {"recipe": json.dumps(asdict(RECIPE)), "history": '{"train_loss": [0.5], "train_error": [9.0]}'}
    save_file({f"model.{key}": value for key, value in values.items()} | momenta, finished, metadata)
    assert load_checkpoint(finished, model, optimizer, RECIPE) == History([0.5], [9.0])
    assert all(torch.equal(value, values[key]) for key, value in model.state_dict().items())
    for i, parameter in enumerate(model.parameters()):
        assert (optimizer.state[parameter]["momentum_buffer"] == i).all()


def test_a_checkpoint_from_before_a_field_was_there(finished: Path) -> None:
    with safe_open(finished, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
    recipe = json.loads(metadata["recipe"])
    del recipe["warmup"], recipe["label_smoothing"]
    save_file(tensors, finished, {**metadata, "recipe": json.dumps(recipe)})
    said = "made by another version .*: only one of .* has label_smoothing, warmup; remove the file"
    assert_refused(finished, said, net(), net())


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 10_000, -1])
def test_a_truncated_checkpoint(finished: Path, kept: int) -> None:
    finished.write_bytes(finished.read_bytes()[:kept])
    assert_refused(finished, r"expected a whole checkpoint of a training run \(remove the file", net(), net())


@pytest.mark.parametrize("garbage", [b"\0" * 1000, b"\xff" * 1000, b"PK\x03\x04 a file of another kind"])
def test_a_file_of_another_kind(finished: Path, garbage: bytes) -> None:
    finished.write_bytes(garbage)
    assert_refused(finished, "expected a whole checkpoint of a training run", net(), net())


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"recipe": json.dumps(asdict(RECIPE))},
        {"recipe": "{", "history": "{}"},
        {"recipe": json.dumps(asdict(RECIPE)), "history": '{"loss": []}'},
    ],
)
def test_weights_without_recipe_or_history(finished: Path, metadata: dict[str, str] | None) -> None:
    save_file({f"model.{key}": value.contiguous() for key, value in net().state_dict().items()}, finished, metadata)
    assert_refused(finished, "expected a whole checkpoint of a training run", net(), net())


def test_a_failing_write_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, written = tmp_path / "run.safetensors", []

    def fsync(_: int) -> None:
        written.append(checkpoint.read_bytes() if checkpoint.exists() else b"")
        if len(written) == 2:
            raise OSError("disk full")

    monkeypatch.setattr("residual.storage.os.fsync", fsync)
    with pytest.raises(OSError, match="disk full"):
        trained(checkpoint=checkpoint)
    assert checkpoint.read_bytes() == written[1]
    assert list(tmp_path.iterdir()) == [checkpoint]
    monkeypatch.undo()
    assert same_weights(trained(checkpoint=checkpoint)[0], trained()[0])
