"""The ablation: each arm is the recipe without the one piece it names, and differences are paired by seed."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from residual.experiments import ablation
from residual.experiments.ablation import (
    RECIPE,
    WITHOUT,
    Run,
    ablate,
    cost,
    first_images,
    network,
    run_all,
    select,
    shift,
    train,
)
from residual.training import fit, predictions
from residual.vision.data import digits

SMALL = replace(RECIPE, epochs=2, batch_size=50, seed=3)  # four steps an epoch on 200 images


def run(without: str, seed: int, error: float) -> Run:
    return Run(without, seed, error / 2, error, (error,), ((1,),))


@pytest.mark.parametrize("without", ["warm-up", "schedule", "weight decay", "label smoothing"])
def test_without_a_piece_is_the_whole_of_a_recipe_that_lacks_it(without: str) -> None:
    lacking = {
        "warm-up": replace(SMALL, warmup=0.0),
        "schedule": replace(SMALL, schedule="constant"),
        "weight decay": replace(SMALL, weight_decay=0.0, peak_lr=0.2),
        "label smoothing": replace(SMALL, label_smoothing=0.0),
    }[without]
    recipe = replace(SMALL, peak_lr=lacking.peak_lr)
    assert replace(train(without, recipe, images=200), without="nothing") == train("nothing", lacking, images=200)


def test_a_run_is_that_of_the_recipe_it_was_given() -> None:
    data = first_images(digits(), 200)
    for without, augment in (("nothing", shift), ("augmentation", None)):
        found = train(without, SMALL, images=200)
        torch.manual_seed(SMALL.seed)
        model = network(1)
        history = fit(model, data, SMALL, augment=augment, progress=False)
        wrong = predictions(model, data.test_images) != data.test_labels
        assert found.curve == tuple(history.train_error)
        assert found.test_error == pytest.approx(100 * wrong.double().mean().item())
        confusion = torch.tensor(found.confusion)
        assert confusion.sum(1).tolist() == data.test_labels.bincount().tolist()
        assert confusion.sum() - confusion.trace() == wrong.sum()


def test_every_arm_is_another_run_of_the_same_seed() -> None:
    runs = list(run_all([(without, 0) for without in WITHOUT], SMALL, workers=1, images=200))
    assert len({(r.curve, r.train_error, r.confusion) for r in runs}) == len(WITHOUT)
    assert runs == [train(without, replace(SMALL, seed=0), images=200) for without in WITHOUT]


def test_a_piece_nobody_knows() -> None:
    with pytest.raises(ValueError, match=r"without must be one of 'nothing', .*'augmentation', got 'dropout'"):
        train("dropout", SMALL)


def test_initial_convolutions_are_hes_or_torchs() -> None:
    """He et al. (2015), section 2.2: std sqrt(2 / n) with n the fan-out; torch: uniform within 1 / sqrt(fan-in)."""
    torch.manual_seed(0)
    he, default = network(3), network(3, he=False)
    for a, b in zip(he.modules(), default.modules(), strict=True):
        if isinstance(a, nn.Conv2d) and isinstance(b, nn.Conv2d) and a.weight.numel() > 2000:
            fan_out, fan_in = 9 * a.out_channels, 9 * a.in_channels
            assert a.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.06)
            assert b.weight.std().item() == pytest.approx((1 / (3 * fan_in)) ** 0.5, rel=0.06)
            assert b.weight.abs().max().item() <= fan_in**-0.5


@given(seed=st.integers(0, 1000), height=st.integers(1, 5), width=st.integers(1, 5))
def test_shift_moves_by_at_most_a_pixel_and_fills_with_the_darkest(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(6, 2, height, width, generator=generator)
    shifted = shift(images, generator)
    assert shifted.shape == images.shape
    framed = torch.full((6, 2, height + 2, width + 2), images.min().item())
    framed[:, :, 1:-1, 1:-1] = images
    for image, frame in zip(shifted, framed, strict=True):
        places = [frame[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        assert any(torch.equal(image, place) for place in places)


def test_shift_goes_every_way_and_its_generator_decides() -> None:
    images = torch.zeros(300, 1, 3, 3)
    images[:, :, 1, 1] = 1  # a dot in the middle
    shifted = shift(images, torch.Generator().manual_seed(0))
    assert torch.equal(shifted, shift(images, torch.Generator().manual_seed(0)))
    assert (shifted.sum(0) > 15).all()  # each of nine places, of 33 expected
    assert torch.equal(shifted.sum((1, 2, 3)), torch.ones(300))


@pytest.mark.parametrize("images", [10, 200, 1000])
def test_first_images_are_as_many_of_each_class(images: int) -> None:
    data = digits()
    fewer = first_images(data, images)
    assert fewer.train_labels.bincount().tolist() == [images // 10] * 10
    assert fewer.test_images is data.test_images
    for label in range(10):
        whole = data.train_images[data.train_labels == label]
        assert torch.equal(fewer.train_images[fewer.train_labels == label], whole[: images // 10])
    assert first_images(data, None) is data


@pytest.mark.parametrize("images", [0, -10, 15, 1430])
def test_first_images_that_there_are_not(images: int) -> None:
    with pytest.raises(ValueError, match=f"images must be as many of each of 10 classes, at most 139 .*got {images}$"):
        first_images(digits(), images)


def test_cost_pairs_by_seed() -> None:
    whole = [run("nothing", seed, error) for seed, error in ((2, 9.0), (0, 5.0), (1, 7.0))]
    less = [run("warm-up", seed, error) for seed, error in ((1, 9.0), (2, 10.0), (0, 8.0))]
    found = cost([*less, run("schedule", 0, 50.0), *whole], "warm-up")
    # 3, 2 and 1 points: paired in another way, the mean is the same and the interval is not.
    assert found.estimate == pytest.approx(2)
    assert found.high - found.estimate == pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert cost([*less, *whole], "warm-up", field="train_error").estimate == pytest.approx(1)


def test_cost_needs_the_same_seeds() -> None:
    runs = [run("nothing", 0, 1.0), run("nothing", 1, 1.0), run("schedule", 1, 1.0)]
    with pytest.raises(ValueError, match=r"the same seeds to pair, got without schedule \[1\], whole \[0, 1\]"):
        cost(runs, "schedule")


def test_ablate_trains_every_arm_from_every_seed_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is cut off holds whole comparisons."""
    started: list[tuple[int, str]] = []

    def pretend(without: str, recipe: Any, **_: Any) -> Run:
        started.append((recipe.seed, without))
        return run(without, recipe.seed, 0.0)

    monkeypatch.setattr(ablation, "train", pretend)
    runs = ablate((1, 0), workers=1, progress=False)
    assert started == [(seed, without) for seed in (1, 0) for without in WITHOUT]
    assert [(r.without, r.seed) for r in runs] == [(without, seed) for without in WITHOUT for seed in (0, 1)]
    assert [r.seed for r in select(runs, "warm-up")] == [0, 1]
