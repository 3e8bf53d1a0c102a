"""The pre-activation block: x + F(x), where it keeps its shape."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from residual.vision.preactivation import PreActBlock


@pytest.fixture
def block() -> PreActBlock:
    torch.manual_seed(0)
    return PreActBlock(4, 4)


def test_output_is_input_plus_branch(block: PreActBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block.eval()(x), x + block.branch(x))


def test_order_is_norm_relu_convolution(block: PreActBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    layers = nn.Sequential(block.bn1, nn.ReLU(), block.conv1, block.bn2, nn.ReLU(), block.conv2)
    torch.testing.assert_close(block.branch(x), layers(x))


def test_zero_branch_makes_it_the_identity_for_any_sign(block: PreActBlock) -> None:
    block.zero_branch()
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert (x < 0).any()


def test_the_input_is_left_as_it_was(block: PreActBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    before = x.clone()
    block(x)
    assert torch.equal(x, before)


def test_a_projection_reads_the_activated_input() -> None:
    torch.manual_seed(0)
    block = PreActBlock(8, 16, stride=2)
    x = torch.randn(3, 8, 6, 6)
    projected = F.conv2d(F.relu(block.bn1(x)), block.downsample[0].weight, stride=2)
    torch.testing.assert_close(block(x), block.branch(x) + projected)
    assert list(block.downsample.state_dict()) == ["0.weight"]


def test_padding_reads_the_input_itself() -> None:
    torch.manual_seed(0)
    block = PreActBlock(8, 16, stride=2, shortcut="A")
    x = torch.randn(3, 8, 6, 6)
    torch.testing.assert_close((block(x) - block.branch(x))[:, 4:12], x[:, :, ::2, ::2], atol=1e-5, rtol=0)


def test_without_a_skip_it_is_the_branch() -> None:
    torch.manual_seed(0)
    block = PreActBlock(4, 4, shortcut=None)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), block.branch(x))
