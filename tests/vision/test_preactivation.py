import pytest
import torch
from torch import nn

from residual.vision.preactivation import PreActBlock


@pytest.fixture
def block() -> PreActBlock:
    torch.manual_seed(0)
    return PreActBlock(4)


def test_output_is_input_plus_branch(block: PreActBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block.eval()(x), x + block.branch(x))


def test_order_is_norm_relu_convolution(block: PreActBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    layers = nn.Sequential(block.bn1, nn.ReLU(), block.conv1, block.bn2, nn.ReLU(), block.conv2)
    torch.testing.assert_close(block.branch(x), layers(x))


def test_zero_last_convolution_makes_it_the_identity_for_any_sign(block: PreActBlock) -> None:
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert (x < 0).any()
