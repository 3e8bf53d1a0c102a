"""The training loop: its steps are torch's, and equal seeds give equal bits."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from small_runs import RECIPE, CutOff, net, same_weights, small_data, trained
from torch import Tensor

from residual.training import Recipe, fit
from residual.training.checkpoint import load_checkpoint
from residual.vision.cifar import CifarNet
from residual.vision.data import crop_and_flip


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


@pytest.mark.parametrize("decay_all", [True, False])
def test_decay_shrinks_all_parameters_or_those_that_multiply(decay_all: bool) -> None:
    """Where the loss has no gradient, a step of SGD without momentum is the decay alone."""

    class Deaf(CifarNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) * 0

    torch.manual_seed(0)
    model = Deaf(8, in_channels=1, width=4)
    for parameter in model.parameters():
        torch.nn.init.ones_(parameter)
    recipe = Recipe(
        epochs=1, batch_size=35, peak_lr=0.5, schedule="constant", momentum=0, weight_decay=0.2, decay_all=decay_all
    )
    fit(model, small_data(), recipe, progress=False)
    for name, parameter in model.named_parameters():
        multiplies = "conv" in name or name == "fc.weight"
        expected = 1 - 0.5 * 0.2 if decay_all or multiplies else 1.0
        torch.testing.assert_close(parameter, torch.full_like(parameter, expected))


def test_label_smoothing_is_the_cross_entropy_with_the_smoothed_target() -> None:
    """Szegedy et al. (2016), section 7: (1 - e) of the target on the label, e spread over all classes."""
    data = small_data()
    recipe = Recipe(epochs=1, batch_size=35, label_smoothing=0.3)
    found = fit(net(), data, recipe, progress=False).train_loss[0]
    target = 0.7 * F.one_hot(data.train_labels, 10) + 0.3 / 10
    expected = -(target * F.log_softmax(net()(data.train_images), dim=1)).sum(1).mean().item()
    assert found == pytest.approx(expected, rel=1e-5)
    assert found != pytest.approx(fit(net(), data, replace(recipe, label_smoothing=0), progress=False).train_loss[0])


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


def test_the_seed_decides_the_weights_and_torchs_random_numbers_do_not() -> None:
    model, history = trained()
    torch.manual_seed(99)
    same = net()
    state = torch.manual_seed(99).get_state()
    assert fit(same, small_data(), RECIPE, augment=crop_and_flip, device="cpu", progress=False) == history
    assert same_weights(model, same)
    assert torch.equal(torch.get_rng_state(), state)
    assert not same_weights(model, trained(replace(RECIPE, seed=2))[0])


def test_model_and_batches_go_to_the_device_and_augmentation_stays() -> None:
    """On "meta", where nothing has a value, the first loss cannot be read; until then all devices are the same."""
    seen: list[str] = []

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        seen.extend((images.device.type, generator.device.type))
        return images

    def forward(images: Tensor) -> Tensor:
        seen.append(images.device.type)
        return model(images)

    model = net()
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        fit(model, small_data(), RECIPE, augment=augment, forward=forward, device="meta", progress=False)
    assert seen == ["cpu", "cpu", "meta"]
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


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
