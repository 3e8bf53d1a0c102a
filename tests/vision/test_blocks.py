"""The four blocks: what is on the branch, what is on the skip, and how the two come together."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from nets import images, shake
from torch import nn

from residual.vision import BasicBlock, Bottleneck, CifarNet, NormFreeBlock, PreActBlock, ResNet
from residual.vision.shortcuts import ProjectionShortcut

LAYERS = {
    BasicBlock: ("conv1", "bn1", "relu", "conv2", "bn2"),
    Bottleneck: ("conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3"),
    PreActBlock: ("bn1", "relu", "conv1", "bn2", "relu", "conv2"),
    NormFreeBlock: ("relu", "conv1", "relu", "conv2"),
}
KINDS = pytest.mark.parametrize("kind", LAYERS)


def shaken(kind: Any, in_channels: int, channels: int, **options: Any) -> Any:
    """A block whose parameters and statistics all count; `channels` are those of its output."""
    block = kind(in_channels, channels // kind.expansion, **options)
    shake(block)
    return block


@KINDS
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shortcut", ["A", "B", "C", None])
@pytest.mark.parametrize(("in_channels", "stride"), [(16, 1), (8, 2)])
def test_a_block_is_its_branch_plus_its_skip(
    kind: Any, training: bool, shortcut: str | None, in_channels: int, stride: int
) -> None:
    """Pre-activation blocks end there, and a projection reads what they made of the input; others end in a ReLU."""
    block = shaken(kind, in_channels, 16, stride=stride, shortcut=shortcut).train(training)
    x = images(5, in_channels, 6, 6)
    before = x.clone()
    expected = block.branch(x)
    if shortcut is not None:
        projects = isinstance(block.downsample, ProjectionShortcut)
        activated = F.relu(block.bn1(x) if kind is PreActBlock else x) if kind.preactivated and projects else x
        skip = activated if block.downsample is None else block.downsample(activated)
        assert not torch.allclose(expected, expected + skip, atol=1e-2)
        expected = expected + skip
    torch.testing.assert_close(block(x), expected if kind.preactivated else F.relu(expected), atol=1e-4, rtol=1e-4)
    assert torch.equal(x, before)


@KINDS
def test_the_layers_of_the_branch(kind: Any) -> None:
    block = shaken(kind, 16, 16).eval()
    layers = nn.Sequential(*(nn.ReLU() if name == "relu" else block.get_submodule(name) for name in LAYERS[kind]))
    x = images(2, 16, 5, 5)
    scale = block.scale if kind is NormFreeBlock else 1
    torch.testing.assert_close(block.branch(x), scale * layers(x))


@KINDS
def test_zero_branch_starts_it_as_the_identity_up_to_its_last_relu(kind: Any) -> None:
    torch.manual_seed(0)
    block = kind(16, 16 // kind.expansion)
    if kind is NormFreeBlock:
        nn.init.ones_(block.scale)
    x = images(2, 16, 5, 5)
    identity = x if kind.preactivated else F.relu(x)
    assert not torch.allclose(block(x), identity, atol=1e-2)
    block.zero_branch()
    assert torch.equal(block(x), identity)
    # Only the last weight is zero: were an earlier one, no gradient would reach what comes before it.
    zeros = [name for name, parameter in block.named_parameters() if not parameter.any() and "bias" not in name]
    assert zeros == ["scale" if kind is NormFreeBlock else f"{LAYERS[kind][-1]}.weight"]


@KINDS
@pytest.mark.parametrize("shortcut", ["A", "B"])
@given(height=st.integers(1, 12), width=st.integers(1, 12), stride=st.sampled_from([1, 2]))
def test_branch_and_skip_agree_on_every_size(kind: Any, shortcut: str, height: int, width: int, stride: int) -> None:
    block = kind(4, 8 // kind.expansion, stride=stride, shortcut=shortcut).eval()
    assert block(images(1, 4, height, width)).shape == (1, 8, -(-height // stride), -(-width // stride))


def test_a_bottleneck_narrows_and_widens() -> None:
    convolutions = [m for m in Bottleneck(256, 64).modules() if isinstance(m, nn.Conv2d)]
    assert [tuple(m.weight.shape) for m in convolutions] == [(64, 256, 1, 1), (64, 64, 3, 3), (256, 64, 1, 1)]
    assert sum(m.weight.numel() for m in convolutions) == 69_632


@pytest.mark.parametrize(("v1", "strides"), [(False, [1, 2, 1]), (True, [2, 1, 1])])
def test_where_a_bottleneck_strides(v1: bool, strides: list[int]) -> None:
    block = Bottleneck(16, 8, stride=2, v1=v1)
    assert [m.stride[0] for m in (block.conv1, block.conv2, block.conv3)] == strides


@pytest.mark.parametrize("kind", [PreActBlock, NormFreeBlock])
def test_a_projection_of_a_pre_activation_block_has_no_norm(kind: Any) -> None:
    assert list(kind(8, 16, stride=2).downsample.state_dict()) == ["0.weight"]


def test_a_norm_free_block_starts_as_the_identity_and_only_its_scale_has_a_gradient() -> None:
    x = images(2, 4, 5, 5)
    block = NormFreeBlock(4, 4)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.scale.grad != 0
    assert not block.conv1.weight.grad.any()
    assert not block.conv1.bias.any()
    assert not block.conv2.bias.any()


def test_a_norm_free_net_has_no_batch_norm_and_no_statistics() -> None:
    net = CifarNet(20, block=NormFreeBlock, zero_init_residual=True)
    assert net.depth == 20
    assert [block.scale.item() for block in net.blocks()] == [0] * 9
    assert not list(net.buffers())
    with_norm = CifarNet(20, block=PreActBlock).state_dict()
    assert {key for key in with_norm if "conv" in key or "fc" in key} <= net.state_dict().keys()


def test_a_norm_free_net_is_a_function_of_each_image_alone() -> None:
    net = CifarNet(8, block=NormFreeBlock, width=4).train()
    shake(net)
    x = images(4, 3, 8, 8)
    torch.testing.assert_close(net(x)[:2], net(x[:2]), atol=1e-4, rtol=1e-4)


def test_a_norm_free_net_starts_as_stem_pooling_and_head() -> None:
    net = ResNet(NormFreeBlock, (2,), width=4, num_classes=3, small_images=True)
    x = images(2, 3, 6, 6)
    torch.testing.assert_close(net(x), net.fc(F.relu(net.conv1(x)).mean((2, 3))))
