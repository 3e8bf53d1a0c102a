"""Options A, B and C: what each does to its input, and where it stands."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from nets import images, shake
from torch import nn

from residual.vision.basic import BasicBlock
from residual.vision.shortcuts import PadShortcut, ProjectionShortcut, shortcut_for

SMALL = st.integers(1, 7)


@given(channels=SMALL, new=st.integers(0, 6), stride=st.integers(1, 3), height=SMALL, width=SMALL)
def test_option_a_is_subsampling_between_zeros(channels: int, new: int, stride: int, height: int, width: int) -> None:
    x = images(2, channels, height, width)
    out = PadShortcut(new, stride)(x)
    assert out.shape == (2, channels + new, -(-height // stride), -(-width // stride))
    kept = slice(new // 2, new // 2 + channels)  # of an odd number, the odd channel goes after
    for row in range(out.shape[2]):
        for column in range(out.shape[3]):
            assert torch.equal(out[:, kept, row, column], x[:, :, row * stride, column * stride])
    assert torch.count_nonzero(out) == torch.count_nonzero(out[:, kept])


def test_option_b_is_a_convolution_with_stride_and_batch_norm() -> None:
    shortcut = ProjectionShortcut(3, 5, 2)
    shake(shortcut)
    x = images(2, 3, 7, 8)
    convolved = F.conv2d(x, shortcut[0].weight, stride=2)
    torch.testing.assert_close(
        shortcut(x), F.batch_norm(convolved, None, None, shortcut[1].weight, shortcut[1].bias, True)
    )


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6])
def test_option_b_has_a_right_gradient_for_few_channels_in_channels_last_order(width: int) -> None:
    """A convolution with stride has not, and may end the process: oneDNN, issue 6035."""
    torch.manual_seed(0)
    gradients = []
    for layout in (torch.contiguous_format, torch.channels_last):
        shortcut = ProjectionShortcut(width, 2 * width, 2).to(memory_format=layout)
        nn.init.ones_(shortcut[0].weight)
        out = shortcut(images(8, width, 8, 8).contiguous(memory_format=layout))
        (out * images(*out.shape, seed=1)).sum().backward()
        gradients.append(shortcut[0].weight.grad)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_option_a_cannot_take_channels_away() -> None:
    with pytest.raises(ValueError, match="new_channels must be at least 0, got -4"):
        BasicBlock(8, 4, shortcut="A")


@pytest.mark.parametrize(
    ("option", "same", "wider"),
    [
        (None, None, None),
        ("A", None, PadShortcut),
        ("B", None, ProjectionShortcut),
        ("C", ProjectionShortcut, ProjectionShortcut),
    ],
)
def test_where_each_option_stands(option: str | None, same: type | None, wider: type | None) -> None:
    assert type(shortcut_for(option, 8, 8, 1)) is (same or type(None))
    assert type(shortcut_for(option, 8, 16, 1)) is (wider or type(None))
    assert type(shortcut_for(option, 8, 8, 2)) is (wider or type(None))


def test_an_unknown_option() -> None:
    with pytest.raises(ValueError, match=r"shortcut must be one of \('A', 'B', 'C'\), or None for no skip, got 'a'"):
        shortcut_for("a", 8, 8, 1)
