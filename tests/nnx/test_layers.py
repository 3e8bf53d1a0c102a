import numpy as np
import pytest
import torch
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from residual.nnx.layers import BatchNorm, convolution, linear


def channels_last(x: Tensor) -> np.ndarray:
    return x.permute(0, 2, 3, 1).numpy(force=True)


@settings(max_examples=15)
@given(size=st.sampled_from((1, 3, 7)), stride=st.integers(1, 2), height=st.integers(1, 9), width=st.integers(1, 9))
def test_convolution_is_torchs_at_every_size(size: int, stride: int, height: int, width: int) -> None:
    ours = convolution(2, 3, size, stride=stride, rngs=nnx.Rngs(0))
    torchs = torch.nn.Conv2d(2, 3, size, stride=stride, padding=size // 2, bias=False)
    ours.kernel[...] = torchs.weight.permute(2, 3, 1, 0).numpy(force=True)
    x = torch.randn(2, 2, height, width, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(np.asarray(ours(channels_last(x))), channels_last(torchs(x)), atol=1e-5)


def test_same_padding_is_another_convolution() -> None:
    """Why the padding is given: at stride 2, Flax's default looks at other pixels."""
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 2)).astype(np.float32)
    ours = convolution(2, 3, 3, stride=2, rngs=nnx.Rngs(0))
    same = nnx.Conv(2, 3, (3, 3), strides=2, use_bias=False, rngs=nnx.Rngs(0))
    same.kernel[...] = ours.kernel[...]
    assert same(x).shape == ours(x).shape
    assert float(abs(same(x) - ours(x)).max()) > 0.1


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_batch_norm_keeps_torchs_statistics(shift: float) -> None:
    """Output, running mean and the unbiased running variance, also where the mean is a thousand times the deviation."""
    ours, torchs = BatchNorm(3, rngs=nnx.Rngs(0)), torch.nn.BatchNorm2d(3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        x = torch.randn(2, 3, 2, 2, generator=generator) + shift
        np.testing.assert_allclose(
            np.asarray(ours(channels_last(x))), channels_last(torchs(x)), atol=1e-3 if shift else 1e-6
        )
    np.testing.assert_allclose(np.asarray(ours.mean[...]), torchs.running_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(ours.var[...]), torchs.running_var.numpy(), rtol=1e-3 if shift else 1e-5)
    assert int(ours.batches[...]) == int(torchs.num_batches_tracked) == 3
    ours.eval()
    torchs.eval()
    np.testing.assert_allclose(
        np.asarray(ours(channels_last(x))), channels_last(torchs(x)), atol=1e-3 if shift else 1e-6
    )
    assert int(ours.batches[...]) == 3, "evaluation changes nothing"


def test_batch_norm_needs_more_than_one_value_only_in_training() -> None:
    norm = BatchNorm(3, rngs=nnx.Rngs(0))
    one = np.ones((1, 1, 1, 3), np.float32)
    with pytest.raises(ValueError, match=r"more than one value a channel in training mode, got shape \(1, 1, 1, 3\)"):
        norm(one)
    norm.eval()
    assert norm(one).shape == one.shape


def test_a_batch_of_nothing_leaves_the_statistics_alone() -> None:
    ours, torchs = BatchNorm(3, rngs=nnx.Rngs(0)), torch.nn.BatchNorm2d(3)
    for n in (2, 0, 2):
        x = torch.randn(n, 3, 2, 2, generator=torch.Generator().manual_seed(n))
        assert ours(channels_last(x)).shape == channels_last(torchs(x)).shape
    np.testing.assert_allclose(np.asarray(ours.mean[...]), torchs.running_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(ours.var[...]), torchs.running_var.numpy(), rtol=1e-5)
    assert int(ours.batches[...]) == int(torchs.num_batches_tracked) == 3


def test_initial_weights_have_torchs_distribution() -> None:
    kernel = np.asarray(convolution(32, 64, 3, rngs=nnx.Rngs(0)).kernel[...])
    assert kernel.std() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    layer = linear(400, 50, rngs=nnx.Rngs(0))
    for values in (np.asarray(layer.kernel[...]), np.asarray(layer.bias[...])):
        assert abs(values).max() <= 0.05
        assert values.std() == pytest.approx(0.05 / 3**0.5, rel=0.2)
