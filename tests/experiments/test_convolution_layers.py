import math

import numpy as np
import pytest
import torch

from residual.experiments.convolution_layers import check_shifts, layer_costs, norm_digits, resnet20_parameters, sight
from residual.vision.data import digits


@pytest.mark.parametrize("seed", range(3))
def test_shifts_by_whole_strides_are_exact_and_others_are_not(seed: int) -> None:
    errors = check_shifts(seed).errors
    exact = {"convolution, 1 pixel", "stride 2, 2 pixels", "max pooling, 2 pixels"}
    assert all((error == 0) == (name in exact) for name, error in errors.items())
    assert check_shifts(seed) == check_shifts(seed)


@pytest.mark.parametrize(("strides", "side"), [((1,), 3), ((1, 1), 5), ((1, 1, 1), 7), ((2, 1), 7), ((1, 2, 1), 9)])
def test_formula_count_and_gradient_agree(strides: tuple[int, ...], side: int) -> None:
    found = sight(strides, 0)
    assert (found.formula, found.counted, found.gradient) == (side,) * 3
    assert int((found.map > 0).sum()) == side**2


def test_batch_norm_standardizes_and_only_training_looks_at_companions() -> None:
    state = torch.random.get_rng_state()
    run = norm_digits(digits().train_images, 0, batches=(0, 5, 60))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert run.after.mean(1) == pytest.approx(np.zeros(4), abs=1e-5)
    assert run.after.std(1) == pytest.approx(np.ones(4), abs=1e-3)
    assert run.before.shape == run.after.shape == (4, 64 * 6 * 6)
    assert run.companions["evaluation"] == 0
    assert run.companions["training"] > 0
    assert list(run.gaps) == [0, 5, 60]
    assert run.gaps[0] > run.gaps[5] > run.gaps[60]


def test_weights_and_views_of_layers() -> None:
    found = {way.name: (way.weights, way.sees) for way in layer_costs(channels=4, size=8)}
    assert found == {
        "3x3": (9 * 16, 3),
        "3x3, twice": (18 * 16, 5),
        "5x5": (25 * 16, 5),
        "3x3, three times": (27 * 16, 7),
        "7x7": (49 * 16, 7),
        "fully connected": ((4 * 64) ** 2, math.inf),
    }


def test_parameters_of_resnet_20() -> None:
    found = resnet20_parameters()
    assert sum(found.values()) == 269_722
    assert found["Linear"] == 64 * 10 + 10
