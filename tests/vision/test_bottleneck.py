"""The bottleneck block: three convolutions, and where it strides."""

import pytest
import torch
from torch import nn

from residual.vision.bottleneck import Bottleneck


def test_it_narrows_and_widens() -> None:
    block = Bottleneck(256, 64)
    shapes = [tuple(m.weight.shape) for m in block.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(64, 256, 1, 1), (64, 64, 3, 3), (256, 64, 1, 1)]
    assert sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d)) == 69_632
    assert block.downsample is None


@pytest.mark.parametrize(("v1", "strides"), [(False, [1, 2, 1]), (True, [2, 1, 1])])
def test_where_it_strides(v1: bool, strides: list[int]) -> None:
    block = Bottleneck(16, 8, stride=2, v1=v1)
    assert [m.stride[0] for m in (block.conv1, block.conv2, block.conv3)] == strides
    assert block(torch.randn(2, 16, 9, 8)).shape == (2, 32, 5, 4)


def test_it_adds_its_input_before_the_last_relu() -> None:
    torch.manual_seed(0)
    block = Bottleneck(32, 8).eval()
    x = torch.randn(2, 32, 5, 5)
    torch.testing.assert_close(block(x), torch.relu(block.branch(x) + x))
    assert (block(x) == 0).any()


def test_zero_branch_starts_it_as_the_identity_of_what_relu_lets_through() -> None:
    block = Bottleneck(32, 8)
    block.zero_branch()
    x = torch.randn(2, 32, 5, 5)
    assert torch.equal(block(x), torch.relu(x))
    assert torch.count_nonzero(block.bn3.weight) == 0


def test_without_a_skip_nothing_is_added() -> None:
    torch.manual_seed(0)
    block = Bottleneck(16, 8, shortcut=None).eval()
    x = torch.randn(2, 16, 5, 5)
    torch.testing.assert_close(block(x), torch.relu(block.branch(x)))
