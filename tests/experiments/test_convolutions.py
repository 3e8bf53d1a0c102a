import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from residual.experiments.convolutions import KERNELS, batch_norm, check, convolve, output_size, pool, size_mismatches


@given(
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_the_loops_are_torchs_convolution(
    size: tuple[int, int], channels: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int, seed: int
) -> None:
    assume(min(size) + 2 * padding >= dilation * (kernel - 1) + 1)
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(channels, *size)), rng.normal(size=(outputs, channels, kernel, kernel))
    ours = convolve(x, weights, stride=stride, padding=padding, dilation=dilation)
    theirs = F.conv2d(
        torch.from_numpy(x)[None], torch.from_numpy(weights), stride=stride, padding=padding, dilation=dilation
    )
    assert ours.shape == theirs[0].shape
    np.testing.assert_allclose(ours, theirs[0], rtol=1e-12, atol=1e-12)


@given(size=st.integers(2, 7), kernel=st.integers(1, 3), stride=st.integers(1, 3), seed=st.integers(0, 100))
def test_pooling_is_torchs(size: int, kernel: int, stride: int, seed: int) -> None:
    assume(size >= kernel)
    x = np.random.default_rng(seed).normal(size=(2, size, size + 1))
    image = torch.from_numpy(x)
    np.testing.assert_array_equal(pool(x, np.max, kernel=kernel, stride=stride), F.max_pool2d(image, kernel, stride))
    np.testing.assert_allclose(pool(x, np.mean, kernel=kernel, stride=stride), F.avg_pool2d(image, kernel, stride))


def test_an_edge_under_each_kernel() -> None:
    """Ink from the middle on: the middle of a 3x3 window on it has ink to its right, and as much above as below."""
    image = np.array([[0.0, 0, 0, 1, 1, 1]] * 5)[None]
    found = {name: convolve(image, kernel[None, None])[0, 1].tolist() for name, kernel in KERNELS.items()}
    assert found["vertical edges"] == [0, 3, 3, 0]
    assert found["horizontal edges"] == [0, 0, 0, 0]
    assert found["blur"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert found["all edges"] == [0, -3, 3, 0]


def test_batch_norm_is_of_mean_zero_and_variance_one_in_each_channel() -> None:
    x = np.random.default_rng(0).normal(5, 4, size=(6, 3, 4, 4)) * np.array([1, 10, 0.1])[:, None, None]
    y = batch_norm(x, epsilon=0)
    assert y.mean((0, 2, 3)) == pytest.approx([0] * 3, abs=1e-12)
    assert y.var((0, 2, 3)) == pytest.approx([1] * 3)


@pytest.mark.parametrize("seed", range(4))
def test_checks_find_parity_and_the_turned_kernel(seed: int) -> None:
    found = check(seed)
    assert max(found.torch, found.pooling, found.batch_norm, found.flipped) < 1e-12
    assert found.true_convolution > 0.1
    assert found == check(seed)


def test_the_formula_is_right_for_every_layer_of_the_grid() -> None:
    wrong, tried = size_mismatches()
    assert wrong == 0
    assert tried > 1000


def test_sizes_by_hand_and_windows_that_do_not_fit() -> None:
    assert output_size(224, 7, stride=2, padding=3) == 112
    assert output_size(5, 3) == 3
    assert output_size(6, 3, stride=2, padding=1) == 3
    with pytest.raises(ValueError, match="size must be at least 5 for a window of 5, got 4"):
        output_size(4, 3, dilation=2)
    with pytest.raises(ValueError, match="x must have 2 channels, as weights have, got 1"):
        convolve(np.zeros((1, 4, 4)), np.zeros((1, 2, 3, 3)))
