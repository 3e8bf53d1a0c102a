from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from nets import images, shake
from peers import torchvision
from torch import Tensor, nn

from residual.probes.lesions import removed, swapped
from residual.vision import BasicBlock, Bottleneck, CifarNet, PreActBlock, ResNet, resnet18

BLOCKS = (BasicBlock, Bottleneck, PreActBlock)


def small_net(block: Any = BasicBlock, **options: Any) -> ResNet:
    torch.manual_seed(0)
    net = ResNet(block, (3, 2), num_classes=4, in_channels=1, width=8, small_images=True, **options)
    shake(net)
    return net.eval()


@torch.no_grad()
def answer(model: nn.Module, x: Tensor | None = None) -> Tensor:
    return model(images(5, 1, 8, 8) if x is None else x)


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("block", BLOCKS)
def test_removing_identity_blocks_changes_nothing(block: Any) -> None:
    torch.manual_seed(0)
    net = ResNet(block, (2, 2), num_classes=4, in_channels=1, width=8, small_images=True, zero_init_residual=True)
    before = answer(net.eval())
    with removed(net, ["layer1.1", "layer2.0", "layer2.1"]):
        assert torch.equal(answer(net), before)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_removed_branch_is_one_that_returns_zeros(block: Any) -> None:
    net = small_net(block)
    whole = answer(net)
    with removed(net, ["layer1.1", "layer2.0"]):
        hurt = answer(net)
    assert torch.equal(answer(net), whole)
    for name in ("layer1.1", "layer2.0"):
        last = net.get_submodule(name).get_submodule(
            {BasicBlock: "bn2", Bottleneck: "bn3", PreActBlock: "conv2"}[block]
        )
        nn.init.zeros_(last.weight)
        if isinstance(last, nn.BatchNorm2d):
            nn.init.zeros_(last.bias)
    assert torch.allclose(hurt, answer(net), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(hurt, whole, rtol=1e-2)


def test_a_removed_block_returns_its_input() -> None:
    """Of a plain block nothing stays; of a residual one the skip, which is the identity after a ReLU."""
    for residual in (True, False):
        net = CifarNet(20, residual=residual, in_channels=1, width=4)
        shake(net)
        with removed(net.eval(), ["layer1.1", "layer3.2"]):
            hurt = answer(net)
        net.layer1[1] = net.layer3[2] = nn.Identity()
        assert torch.equal(answer(net), hurt)


def test_torchvision_is_hurt_like_ours() -> None:
    ours, theirs = resnet18(num_classes=10).eval(), torchvision().models.resnet18(num_classes=10).eval()
    theirs.load_state_dict(ours.state_dict())
    x = images(2, 3, 32, 32)
    whole = answer(ours, x)
    with removed(ours, ["layer1.1", "layer3.0"]), removed(theirs, ["layer1.1", "layer3.0"]):
        assert torch.allclose(answer(ours, x), answer(theirs, x), atol=1e-5)
        assert not torch.allclose(answer(ours, x), whole, atol=1e-3)
    with swapped(ours, [("layer2.1", "layer2.1")]), swapped(theirs, [("layer2.1", "layer2.1")]):
        assert torch.allclose(answer(ours, x), answer(theirs, x), atol=1e-5)


def test_swapped_blocks_compute_in_each_others_position() -> None:
    net = small_net()
    whole = answer(net)
    first, second, third = net.layer1
    with swapped(net, [("layer1.0", "layer1.2"), ("layer1.1", "layer1.2")]):
        assert list(net.layer1) == [third, first, second]
        moved = answer(net)
    assert list(net.layer1) == [first, second, third]
    assert torch.equal(answer(net), whole)
    net.layer1 = nn.Sequential(third, first, second)
    assert torch.equal(answer(net), moved)
    assert not torch.allclose(moved, whole, rtol=1e-2)


def test_whatever_happens_the_network_is_whole_again() -> None:
    net = small_net()
    order, whole = list(net.modules()), answer(net)
    with (
        pytest.raises(KeyError),
        removed(net, ["layer1.0", "layer2.1"]),
        swapped(net, [("layer1.0", "layer1.1"), ("layer1.1", "layer1.2")]),
    ):
        raise KeyError
    assert list(net.modules()) == order
    assert hooks(net) == 0
    assert torch.equal(answer(net), whole)


NET, PLAIN = small_net(), CifarNet(8, residual=False, in_channels=1, width=4).eval()
HALF = small_net()
HALF.layer1.train()


@pytest.mark.parametrize(
    ("net", "lesion", "said"),
    [
        (NET, lambda: removed(NET, ["layer1.9"]), "such as 'layer1.0', got 'layer1.9'"),
        (NET, lambda: swapped(NET, [("layer1.0", "conv1")]), "got 'conv1'"),
        (NET, lambda: swapped(NET, [("layer1.0", "layer2.0")]), "one type and shape"),
        (NET, lambda: swapped(NET, [("layer1.0", "layer2.1")]), "one type and shape"),
        (
            PLAIN,
            lambda: removed(PLAIN, ["layer2.0"]),
            r"'layer2.0' must keep .* makes \(5, 8, 4, 4\) of \(5, 4, 8, 8\)",
        ),
        (HALF, lambda: removed(HALF, ["layer1.0"]), "at 'layer1' in training mode"),
        (HALF, lambda: swapped(HALF, [("layer1.0", "layer1.1")]), "evaluation mode"),
        (NET, lambda: removed(nn.Linear(2, 2).eval(), []), "must have residual blocks"),
    ],
)
def test_bad_input_is_named(net: nn.Module, lesion: Callable[[], AbstractContextManager[None]], said: str) -> None:
    with pytest.raises(ValueError, match=said), lesion():
        answer(net)
    assert hooks(net) == 0
