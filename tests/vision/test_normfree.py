"""The block without batch norm: x + scale F(x), in any of the networks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from residual.vision import CifarNet, NormFreeBlock, PreActBlock, ResNet, fuse


@pytest.fixture
def block() -> NormFreeBlock:
    torch.manual_seed(0)
    block = NormFreeBlock(4, 4)
    nn.init.constant_(block.scale, 0.3)
    return block


def test_output_is_input_plus_branch(block: NormFreeBlock) -> None:
    x = torch.randn(2, 4, 5, 5)
    before = x.clone()
    assert torch.equal(block(x), x + block.branch(x))
    assert torch.equal(x, before)


def test_the_branch_is_relu_convolution_twice_times_the_scale(block: NormFreeBlock) -> None:
    nn.init.normal_(block.conv1.bias)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block.branch(x), 0.3 * block.conv2(F.relu(block.conv1(F.relu(x)))))


def test_it_starts_as_the_identity_for_any_sign_and_only_its_scale_has_a_gradient() -> None:
    """And can be set back to it."""
    x = torch.randn(2, 4, 5, 5)
    block = NormFreeBlock(4, 4)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.scale.grad != 0
    assert not block.conv1.weight.grad.any()
    nn.init.ones_(block.scale)
    assert not torch.equal(block(x), x)
    block.zero_branch()
    assert torch.equal(block(x), x)


def test_a_projection_reads_the_activated_input_and_padding_the_input_itself(block: NormFreeBlock) -> None:
    x = torch.randn(3, 8, 6, 6)
    projecting = NormFreeBlock(8, 16, stride=2)
    torch.testing.assert_close(projecting(x), F.conv2d(F.relu(x), projecting.downsample[0].weight, stride=2))
    assert list(projecting.downsample.state_dict()) == ["0.weight"]
    padding = NormFreeBlock(8, 16, stride=2, shortcut="A")
    assert torch.equal(padding(x)[:, 4:12], x[:, :, ::2, ::2])
    assert torch.equal(NormFreeBlock(4, 4, shortcut=None)(x[:, :4]), torch.zeros(3, 4, 6, 6))


def test_a_net_of_them_has_no_batch_norm_and_no_statistics() -> None:
    net = CifarNet(20, block=NormFreeBlock)
    assert net.depth == 20
    assert len(net.blocks()) == 9
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not list(net.buffers())
    with_norm = CifarNet(20, block=PreActBlock).state_dict()
    assert {key for key in with_norm if "conv" in key or "fc" in key} <= net.state_dict().keys()


def test_the_norm_free_net_is_a_function_of_each_image_alone() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, block=NormFreeBlock, width=4).train()
    for made in net.blocks():
        nn.init.ones_(made.scale)
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(net(images)[:2], net(images[:2]))


def test_it_starts_as_stem_pooling_and_head() -> None:
    torch.manual_seed(0)
    net = ResNet(NormFreeBlock, (2,), width=4, num_classes=3, small_images=True)
    images = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(net(images), net.fc(F.relu(net.conv1(images)).mean((2, 3))))


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_fuse_leaves_nothing_out(shortcut: str) -> None:
    torch.manual_seed(0)
    net = CifarNet(8, block=NormFreeBlock, shortcut=shortcut, width=8).eval()
    for made in net.blocks():
        nn.init.ones_(made.scale)
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(fuse(net)(images), net(images), atol=1e-5, rtol=1e-5)


def test_zero_init_residual_is_what_it_does_anyway() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, block=NormFreeBlock, zero_init_residual=True)
    assert all(made.scale == 0 for made in net.blocks())
