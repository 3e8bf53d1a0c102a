"""Folded batch norm: the same function, with fewer layers."""

import pytest
import torch
from nets import shake
from torch import nn

from residual.vision import (
    BasicBlock,
    Bottleneck,
    CifarNet,
    NormFreeBlock,
    PreActBlock,
    ResNet,
    fuse,
    resnet18,
    resnet50,
)


def trained(net: ResNet) -> ResNet:
    """Running statistics, scales and shifts that differ from what a net starts with."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
        for _ in range(20):
            net.train()(torch.randn(4, net.in_channels, 33, 33))
    return net


@pytest.mark.parametrize("make", [resnet18, resnet50, lambda: resnet50(v1=True), lambda: CifarNet(20, shortcut="C")])
def test_logits_agree_and_no_batch_norm_is_left(make: type[ResNet]) -> None:
    torch.manual_seed(0)
    net = trained(make()).eval()
    fused = fuse(net)
    images = torch.randn(2, 3, 65, 65)
    with torch.no_grad():
        logits = net(images)
        assert (fused(images) - logits).abs().max() < 1e-5 * logits.abs().max()
    assert not [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d)]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) > 19  # the model itself keeps its own


def test_a_preactivation_net_keeps_what_a_relu_parts_from_its_convolution() -> None:
    torch.manual_seed(0)
    net = trained(CifarNet(20, block=PreActBlock, shortcut="B")).eval()
    fused = fuse(net)
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(fused(images), net(images), atol=1e-5, rtol=1e-5)
    for block in fused.blocks():
        assert isinstance(block.bn1, nn.BatchNorm2d)
        assert isinstance(block.bn2, nn.Identity)
    assert isinstance(fused.bn1, nn.BatchNorm2d)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_fuse_leaves_nothing_of_a_norm_free_net_out(shortcut: str) -> None:
    net = CifarNet(8, block=NormFreeBlock, shortcut=shortcut, width=8).eval()
    shake(net)
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(fuse(net)(images), net(images), atol=1e-4, rtol=1e-4)


def test_the_copy_is_for_inference_and_the_model_stays_as_it_was() -> None:
    net = ResNet(Bottleneck, (1, 1), width=8).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    fused = fuse(net)
    assert net.training
    assert not fused.training
    assert not any(p.requires_grad for p in fused.parameters())
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert fused.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_folding_twice_is_folding_once() -> None:
    net = fuse(ResNet(BasicBlock, (1, 1), width=8))
    twice = fuse(net)
    assert list(twice.state_dict()) == list(net.state_dict())
    assert all(torch.equal(twice.state_dict()[key], value) for key, value in net.state_dict().items())
