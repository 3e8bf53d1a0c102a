"""The training loop: its schedule and steps are torch's, equal seeds give equal bits, and a cut-off run goes on."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from residual.training import History, Recipe, error_rate, fit, load_checkpoint
from residual.vision.cifar import CifarNet
from residual.vision.data import ImageData, crop_and_flip

RECIPE = Recipe(epochs=3, batch_size=8, seed=1)  # four steps an epoch on `small_data`


def small_data(n: int = 35) -> ImageData:
    """Random images of ten classes; three more than four batches of eight."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(n, 1, 8, 8, generator=generator), torch.arange(n) % 10
    return ImageData("small", images, labels, images[:10], labels[:10], tuple("0123456789"))


def net(seed: int = 0, *, depth: int = 8, width: int = 4, **options: Any) -> CifarNet:
    torch.manual_seed(seed)
    return CifarNet(depth, in_channels=1, width=width, **options)


def trained(recipe: Recipe = RECIPE, **options: Any) -> tuple[CifarNet, History]:
    model = net()
    return model, fit(model, small_data(), recipe, augment=crop_and_flip, progress=False, **options)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Bit for bit, batch norm's buffers included."""
    a, b = one.state_dict(), other.state_dict()
    assert a.keys() == b.keys()
    return all(torch.equal(a[key], b[key]) for key in a)


class CutOffError(Exception):
    """What ends a run in the middle of an epoch."""


class CutOff:
    """Crops and flips until the run reaches a step (from 0), there calls what ends it."""

    def __init__(self, step: int) -> None:
        self.step, self.steps = step, 0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.steps == self.step:
            self.end()
        self.steps += 1
        return crop_and_flip(images, generator)

    def end(self) -> None:
        raise CutOffError


# The schedule


@given(steps=st.integers(1, 300), peak=st.floats(1e-4, 10))
def test_one_cycle_is_torchs(steps: int, peak: float) -> None:
    recipe = Recipe(epochs=1, peak_lr=peak)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=peak, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert recipe.learning_rate(step, steps) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step + 1 < steps:
            schedule.step()


@given(steps=st.integers(1, 300), peak=st.floats(1e-4, 10))
def test_step_is_torchs_with_milestones_at_one_half_and_three_quarters(steps: int, peak: float) -> None:
    recipe = Recipe(epochs=1, peak_lr=peak, schedule="step")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    milestones = [math.ceil(steps / 2), math.ceil(steps * 3 / 4)]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones)
    for step in range(steps):
        assert recipe.learning_rate(step, steps) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        schedule.step()


def test_step_is_the_papers() -> None:
    """He et al. (2015), section 4.2: 0.1, divided by 10 at 32,000 and 48,000 of 64,000 iterations."""
    recipe = Recipe(epochs=1, schedule="step")
    rates = [recipe.learning_rate(step, 64_000) for step in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@given(steps=st.integers(-2, 10), step=st.integers(-5, 15), schedule=st.sampled_from(["one-cycle", "step"]))
def test_a_learning_rate_for_each_step_of_the_run_and_no_other(steps: int, step: int, schedule: str) -> None:
    recipe = Recipe(epochs=1, schedule=schedule)
    if 0 <= step < steps:
        assert 0 < recipe.learning_rate(step, steps) <= recipe.peak_lr
    else:
        with pytest.raises(ValueError, match=rf"step must be 0 to {steps - 1} in a run of {steps} steps, got {step}$"):
            recipe.learning_rate(step, steps)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 1, "batch_size": -3}, "batch_size must be at least 1, got -3"),
        ({"epochs": 1, "schedule": "cosine"}, "schedule must be 'one-cycle' or 'step', got 'cosine'"),
    ],
)
def test_bad_recipes(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe(**options)


# The loop


def test_training_is_torchs_sgd_under_torchs_one_cycle() -> None:
    """With the whole data as one batch, the order does not matter and a loop by hand comes to the same weights."""
    data, recipe = small_data(), Recipe(epochs=6, batch_size=35, peak_lr=0.05, momentum=0.8, weight_decay=1e-2)
    found = net().eval()  # training sets the mode itself
    history = fit(found, data, recipe, progress=False)

    expected, losses, errors = net(), [], []
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.05, momentum=0.8, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=6, cycle_momentum=False)
    for _ in range(6):
        logits = expected(data.train_images)
        loss = F.cross_entropy(logits, data.train_labels)
        losses.append(loss.item())
        errors.append(100 * (logits.argmax(1) != data.train_labels).double().mean().item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if len(losses) < 6:
            schedule.step()

    torch.testing.assert_close(found.state_dict(), expected.state_dict(), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found.conv1.weight, net().conv1.weight, atol=1e-2)  # it did train
    assert history.train_loss == pytest.approx(losses, rel=1e-4)
    assert history.train_error == pytest.approx(errors)


def test_an_epoch_shows_each_image_at_most_once_in_whole_batches() -> None:
    data = small_data()
    data.train_images[:] = torch.arange(35.0)[:, None, None, None]  # an image says which one it is
    epochs: list[list[list[int]]] = [[]]

    def watch(images: Tensor, _: torch.Generator) -> Tensor:
        if len(epochs[-1]) == 4:
            epochs.append([])
        epochs[-1].append(images[:, 0, 0, 0].int().tolist())
        return images

    fit(net(), data, RECIPE, augment=watch, progress=False)
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[8] * 4] * 3
    shown = [[image for batch in epoch for image in batch] for epoch in epochs]
    assert all(len(set(images)) == 32 for images in shown)
    assert shown[0] != shown[1] != shown[2]  # another order each time,
    assert len({frozenset(images) for images in shown}) > 1  # and others left out


def test_images_meet_their_own_labels() -> None:
    """Labels that the pixels spell out are learnt; were the two shuffled apart, nine in ten would be wrong."""
    data = small_data(40)
    data.train_images[:] = F.one_hot(data.train_labels, 64).float().reshape(-1, 1, 8, 8) * 8
    history = fit(net(width=8), data, Recipe(epochs=25, batch_size=20), progress=False)
    assert len(history.train_error) == len(history.train_loss) == 25
    assert history.train_error[-1] == 0
    assert history.train_loss[-1] < 0.1 < history.train_loss[0]


def test_same_seed_same_weights() -> None:
    (one, first), (other, second) = trained(), trained()
    assert same_weights(one, other)
    assert first == second


def test_another_seed_other_weights() -> None:
    assert not same_weights(trained()[0], trained(replace(RECIPE, seed=2))[0])


def test_training_leaves_torchs_random_numbers_alone() -> None:
    model = net()
    state = torch.get_rng_state()
    fit(model, small_data(), RECIPE, augment=crop_and_flip, progress=False)
    assert torch.equal(torch.get_rng_state(), state)


def test_fewer_images_than_one_batch() -> None:
    with pytest.raises(ValueError, match="batch_size must be at most the 35 training images, got 36"):
        fit(net(), small_data(), Recipe(epochs=1, batch_size=36), progress=False)
    fit(net(), small_data(), Recipe(epochs=1, batch_size=35), progress=False)


def test_a_loss_that_is_not_finite_names_epoch_and_step(tmp_path: Path) -> None:
    class Poison(CutOff):
        def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
            self.steps += 1
            return images * math.nan if self.steps > self.step else images

    checkpoint = tmp_path / "run.safetensors"
    with pytest.raises(FloatingPointError, match="loss is nan in epoch 1, step 2"):
        fit(net(), small_data(), RECIPE, augment=Poison(6), checkpoint=checkpoint, progress=False)
    model = net()
    history = load_checkpoint(checkpoint, model, torch.optim.SGD(model.parameters()), RECIPE)
    assert len(history.train_loss) == 1  # what is kept is from before
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


@pytest.mark.parametrize("bf16", [False, True])
def test_bf16_computes_in_bfloat16_and_keeps_float32_weights(bf16: bool) -> None:
    model, seen = net(), set()
    model.layer2.register_forward_hook(lambda _m, _i, out: seen.add(out.dtype))
    model.conv1.register_forward_hook(lambda _m, _i, out: seen.add(out.dtype))
    history = fit(model, small_data(), RECIPE, bf16=bf16, progress=False)
    assert (torch.bfloat16 in seen) == bf16
    assert all(math.isfinite(loss) for loss in history.train_loss)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert history.train_loss[0] == pytest.approx(
        fit(net(), small_data(), RECIPE, progress=False).train_loss[0], rel=0.05
    )


# The error rate


class Pick(nn.Module):
    """Says class 1 in evaluation mode, class 0 in training mode."""

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.zeros(len(x), 3)
        logits[:, 0 if self.training else 1] = 1
        return logits


@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_error_rate_is_percent_wrong_in_evaluation_mode(batch_size: int) -> None:
    labels = torch.tensor([1, 0, 2, 1, 0, 0, 0, 0])
    assert error_rate(Pick(), torch.zeros(8, 1, 2, 2), labels, batch_size=batch_size) == 75


@pytest.mark.parametrize("training", [False, True])
def test_error_rate_changes_nothing(training: bool) -> None:
    model, before = net().train(training), net()
    error_rate(model, small_data().train_images, small_data().train_labels)
    assert all(module.training == training for module in model.modules())
    assert same_weights(model, before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_error_rate_needs_an_image_and_its_label() -> None:
    for images, labels in ((0, 0), (5, 4), (4, 5), (501, 500)):
        with pytest.raises(ValueError, match=f"labels must be one an image, .*got {labels} for {images}$"):
            error_rate(Pick(), torch.zeros(images, 1, 2, 2), torch.ones(labels))


# Checkpoints


@pytest.mark.parametrize("options", [{}, {"shortcut": "B", "zero_init_residual": True}, {"residual": False}])
@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, schedule="step"), replace(RECIPE, momentum=0.0)])
def test_a_run_cut_off_goes_on_to_the_same_bits(tmp_path: Path, options: dict[str, Any], recipe: Recipe) -> None:
    checkpoint = tmp_path / "run.safetensors"
    whole = net(**options)
    history = fit(whole, small_data(), recipe, augment=crop_and_flip, progress=False)
    for step in (6, 5):  # in the second epoch; then, one epoch being done, in the third
        with pytest.raises(CutOffError):
            fit(net(**options), small_data(), recipe, augment=CutOff(step), checkpoint=checkpoint, progress=False)
    model, rest = net(8, **options), CutOff(-1)  # of other initial weights, which the checkpoint replaces
    assert not same_weights(model, net(**options))
    assert fit(model, small_data(), recipe, augment=rest, checkpoint=checkpoint, progress=False) == history
    assert rest.steps == 4  # only the last epoch was left
    assert same_weights(model, whole)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.safetensors"
    model, history = trained(checkpoint=checkpoint)
    content = checkpoint.read_bytes()
    again = net(5)
    assert fit(again, small_data(), RECIPE, augment=CutOff(0), checkpoint=checkpoint, progress=False) == history
    assert same_weights(again, model)
    assert checkpoint.read_bytes() == content


def test_checkpoints_change_no_result(tmp_path: Path) -> None:
    with_one, history = trained(checkpoint=tmp_path / "run.safetensors")
    without, same = trained()
    assert same_weights(with_one, without)
    assert history == same


def test_a_killed_process_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL in the middle of the epoch after the first checkpoint; see the end of this file for the process."""
    checkpoint = tmp_path / "run.safetensors"
    command = [sys.executable, __file__, str(checkpoint)]
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
        ({"depth": 14}, r"another network: 36 missing: layer1\.1\.bn1\.bias, .*, and 30 more$"),
        (
            {"shortcut": "B"},
            r": 12 missing: layer2\.0\.downsample\.0\.weight, layer2\.0\.downsample\.1\.bias, .* 6 more$",
        ),
        (
            {"num_classes": 7},
            r": 2 of another shape: fc\.bias \(10,\) instead of \(7,\), fc\.weight \(10, 16\) instead of",
        ),
        ({"width": 8}, r": 36 of another shape: bn1\.bias \(4,\) instead of \(8,\), .*, and 30 more$"),
    ],
)
def test_a_checkpoint_of_another_network_names_the_keys(finished: Path, options: dict[str, Any], said: str) -> None:
    assert_refused(finished, said, net(**options), net(**options))


def test_a_checkpoint_of_a_larger_network_names_the_keys(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.safetensors"
    larger = net(depth=14)
    fit(larger, small_data(), RECIPE, checkpoint=checkpoint, progress=False)
    said = r"checkpoint is from another network: 36 unexpected: layer1\.1\.bn1\.bias, "
    assert_refused(checkpoint, said, net(), net())
    both = net(num_classes=7)
    assert_refused(checkpoint, r"36 unexpected: .*; 2 of another shape: fc\.bias", both, net(num_classes=7))


OTHER = {
    "epochs": 4,
    "batch_size": 7,
    "peak_lr": 0.2,
    "schedule": "step",
    "momentum": 0.8,
    "weight_decay": 0.0,
    "seed": 2,
}


@pytest.mark.parametrize("name", list(asdict(RECIPE)))
def test_a_checkpoint_of_another_recipe_names_the_field(finished: Path, name: str) -> None:
    had, wants = getattr(RECIPE, name), OTHER[name]
    said = f"checkpoint was made with {name}={had!r}, this run has {wants!r}$"
    assert_refused(finished, said, net(), net(), replace(RECIPE, **{name: wants}))


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.5, -1])
def test_a_truncated_checkpoint(finished: Path, kept: float) -> None:
    content = finished.read_bytes()
    finished.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    assert_refused(finished, "expected a whole checkpoint of a training run, .*remove the file", net(), net())


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

    monkeypatch.setattr("residual.files.os.fsync", fsync)
    with pytest.raises(OSError, match="disk full"):
        trained(checkpoint=checkpoint)
    assert checkpoint.read_bytes() == written[1]
    assert list(tmp_path.iterdir()) == [checkpoint]
    monkeypatch.undo()
    assert same_weights(trained(checkpoint=checkpoint)[0], trained()[0])


def _run_until_killed(checkpoint: Path) -> None:
    """Train; with the first checkpoint written and an epoch half done, say so and wait."""

    class Wait(CutOff):
        def end(self) -> None:
            assert checkpoint.exists()
            print("between two checkpoints", flush=True)
            sys.stdin.read()

    torch.set_num_threads(1)
    fit(net(), small_data(), RECIPE, augment=Wait(6), checkpoint=checkpoint, progress=False)


if __name__ == "__main__":
    _run_until_killed(Path(sys.argv[1]))
