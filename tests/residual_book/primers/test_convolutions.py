"""Convolution, pooling and batch norm beside torch's; what layers see and cost; and the page's claims."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from residual.probes.cost import Cost
from residual.vision.data import digits
from residual_book.claims import ClaimError
from residual_book.primers.convolutions import arithmetic, claims, figures, layers
from residual_book.primers.convolutions.arithmetic import KERNELS, convolve, output_size, parity, pool, under_kernels
from residual_book.primers.convolutions.layers import Normed, View


@given(seed=st.integers(0, 10_000))
def test_the_loops_are_torchs_and_a_convolution_needs_the_kernel_turned(seed: int) -> None:
    """With random channels, kernel, stride, padding and dilation."""
    distances = parity(seed)
    assert max(distances["torch"], distances["turned"]) < 1e-12 < distances["convolution"]


@given(size=st.tuples(st.integers(2, 7), st.integers(2, 7)), seed=st.integers(0, 100))
def test_pooling_is_torchs(size: tuple[int, int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=size)
    image = torch.from_numpy(x)[None]
    np.testing.assert_array_equal(pool(x, np.max), F.max_pool2d(image, 2)[0])
    np.testing.assert_allclose(pool(x, np.mean), F.avg_pool2d(image, 2)[0])


def test_an_edge_under_each_kernel() -> None:
    """Ink from the middle on: the middle of a 3x3 window on it has ink to its right, and as much above as below."""
    responses = under_kernels(np.array([[0.0, 0, 0, 1, 1, 1]] * 5))
    assert list(responses) == list(KERNELS)
    assert responses["vertical edges"][1].tolist() == [0, 3, 3, 0]
    assert responses["horizontal edges"][1].tolist() == [0, 0, 0, 0]
    assert responses["blur"][1] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert responses["all edges"][1].tolist() == [0, -3, 3, 0]


def test_batch_norm_is_of_mean_zero_and_variance_one_in_each_channel() -> None:
    x = np.random.default_rng(0).normal(5, 4, size=(6, 3, 4, 4)) * np.array([1, 10, 0.1])[:, None, None]
    y = arithmetic.batch_norm(x, epsilon=0)
    assert y.mean((0, 2, 3)) == pytest.approx([0] * 3, abs=1e-12)
    assert y.var((0, 2, 3)) == pytest.approx([1] * 3)


def test_sizes_by_hand_and_windows_that_do_not_fit() -> None:
    wrong, tried = arithmetic.size_mismatches()
    assert wrong == 0 < 1000 < tried
    assert output_size(224, 7, stride=2, padding=3) == 112
    with pytest.raises(ValueError, match=r"size .* got 4"):
        output_size(4, 3, dilation=2)
    with pytest.raises(ValueError, match=r"x must have 2 channels.* got 1"):
        convolve(np.zeros((1, 4, 4)), np.zeros((1, 2, 3, 3)))


@pytest.mark.parametrize("seed", range(3))
def test_shifts_by_whole_strides_are_exact_and_others_are_not(seed: int) -> None:
    errors = layers.shift_errors(seed)
    exact = {"convolution, 1 pixel", "stride 2, 2 pixels", "max pooling, 2 pixels"}
    assert all((error == 0) == (name in exact) for name, error in errors.items())
    assert layers.shift_errors(seed) == errors


@pytest.mark.parametrize(("strides", "side"), [((1,), 3), ((1, 1), 5), ((1, 1, 1), 7), ((2, 1), 7), ((1, 2, 1), 9)])
def test_formula_count_and_gradient_agree(strides: tuple[int, ...], side: int) -> None:
    view = layers.view(strides, 0)
    assert (view.formula, view.counted, view.gradient) == (side,) * 3
    assert int((view.map > 0).sum()) == side**2


def test_batch_norm_standardizes_and_only_training_looks_at_companions() -> None:
    state = torch.random.get_rng_state()
    run = layers.norm_digits(digits().train_images, 0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert run.after.mean(1) == pytest.approx(np.zeros(4), abs=1e-5)
    assert run.after.std(1) == pytest.approx(np.ones(4), abs=1e-3)
    assert run.before.shape == run.after.shape == (4, 64 * 6 * 6)
    assert run.companions["evaluation"] == 0 < run.companions["training"]
    assert list(run.gaps) == list(layers.BATCHES)
    assert run.gaps[0] > run.gaps[10] > run.gaps[100]


Ways = dict[str, Cost]


@pytest.fixture(scope="module")
def ways() -> Ways:
    return layers.layer_costs()


def test_weights_and_views_of_layers_by_hand(ways: Ways) -> None:
    assert {name: (c.totals["parameters"], c.receptive_field[0]) for name, c in ways.items()} == {
        "3x3": (9 * 64**2, 3),
        "3x3, twice": (18 * 64**2, 5),
        "5x5": (25 * 64**2, 5),
        "3x3, three times": (27 * 64**2, 7),
        "7x7": (49 * 64**2, 7),
        "fully connected": ((64 * 64) ** 2, math.inf),
    }
    kinds = layers.resnet20_parameters()
    assert sum(kinds.values()) == 269_722
    assert kinds["Linear"] == 64 * 10 + 10


RUN = Normed(np.zeros((4, 9)), np.ones((4, 9)), {"training": 0.1, "evaluation": 0.0}, {0: 3.0, 10: 0.2, 100: 0.02})
RUNS = [RUN, replace(RUN, companions={"training": 0.11, "evaluation": 0.0}, gaps={0: 2.0, 10: 0.21, 100: 0.021})]
SHIFTS = [layers.shift_errors(seed) for seed in range(6)]
VIEW = View(3, 3, 3, torch.eye(5))
PARITY = {"torch": 0.0, "convolution": 0.5, "turned": 0.0}
PARITIES = [PARITY, {**PARITY, "convolution": 0.51}]
KINDS = {"Conv2d": 270_000, "Linear": 100}


def test_figures_name_what_they_show(ways: Ways) -> None:
    responses = under_kernels(np.eye(8))
    views = {strides: [VIEW] for strides in layers.STACKS}
    for drawing, labels in (
        (figures.under_kernels(np.eye(8), responses), (*KERNELS, "0.11")),
        (figures.window_places([(2, 1)]), ("stride 2, padding 1:", "6x6 to 3x3")),
        (figures.channel_sum(responses), ("channel 3", "output", "+", "=")),
        (figures.pooled(responses["blur"]), ("map", "max pooling", "average pooling")),
        (figures.shift_errors(SHIFTS), ("exact", "stride 2, 1 pixel")),
        (figures.receptive_fields(views), ("two layers: 3x3",)),
        (figures.normalized(RUNS), ("before", "after", "100")),
        (figures.weights_by_layers(ways), ("36,864, sees 3x3", "16,777,216, sees everything")),
    ):
        assert drawing.alt
        assert all(f">{label}<" in drawing.svg() for label in labels)
    assert "| in all | 270,100 |" in figures.parameters(KINDS).data


def test_claims_hold_for_good_results_only(ways: Ways) -> None:
    claims.on_arithmetic(PARITIES)
    claims.on_sizes(0, 1000)
    with pytest.raises(ClaimError, match="conv-is-cross-correlation"):
        claims.on_arithmetic([*PARITIES, {**PARITY, "turned": 0.01}])
    with pytest.raises(ClaimError, match="conv-output-size"):
        claims.on_sizes(1, 1000)

    claims.on_shifts(SHIFTS)
    for id, name in (
        ("conv-shift-exact", "convolution, 1 pixel"),
        ("conv-shift-exact", "convolution, 1 pixel,\nborders too"),
        ("conv-stride-breaks-shift", "max pooling, 2 pixels"),
        ("conv-stride-breaks-shift", "stride 2, 1 pixel"),
    ):
        with pytest.raises(ClaimError, match=id):  # what was exact is not, and what was far off is near
            claims.on_shifts([{**shift, name: 0.1 * shift[name] + 0.001} for shift in SHIFTS])

    claims.on_views({(1,): [VIEW, VIEW]})
    with pytest.raises(ClaimError, match="conv-receptive-field"):
        claims.on_views({(1,): [VIEW, replace(VIEW, gradient=5)]})

    claims.on_batch_norm(RUNS)
    with pytest.raises(ClaimError, match="conv-batch-norm-companions"):
        claims.on_batch_norm([*RUNS, replace(RUN, companions={"training": 0.1, "evaluation": 0.1})])
    with pytest.raises(ClaimError, match="conv-running-averages-lag"):
        claims.on_batch_norm([*RUNS, replace(RUN, gaps={10: 0.2, 100: 0.2})])

    claims.on_parameters(ways, KINDS)
    with pytest.raises(ClaimError, match="conv-small-windows"):
        claims.on_parameters({**ways, "7x7": ways["5x5"]}, KINDS)
    with pytest.raises(ClaimError, match="conv-resnet-20-parameters"):
        claims.on_parameters(ways, {"Conv2d": 200_000, "Linear": 70_000})
