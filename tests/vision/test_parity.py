"""Ours are torchvision's networks, number for number, and timm's ResNet-50."""

from collections.abc import Callable
from typing import Any

import peers
import pytest
import torch
from torch import nn

from residual.vision import resnet18, resnet34, resnet50, resnet101, resnet152

DEPTHS: dict[Callable[..., nn.Module], tuple[int, int]] = {
    resnet18: (11_689_512, 122),
    resnet34: (21_797_672, 218),
    resnet50: (25_557_032, 320),
    resnet101: (44_549_160, 626),
    resnet152: (60_192_808, 932),
}


@pytest.fixture(params=DEPTHS, ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


def filled(make: Callable[..., nn.Module], **options: Any) -> nn.Module:
    """A net with running statistics of its own, so that batch norm counts and logits have the size of one."""
    torch.manual_seed(0)
    net = make(**options)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
        for _ in range(2):
            net.train()(torch.randn(4, 3, 64, 64))
    return net.eval()


def theirs(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    return getattr(peers.torchvision().models, make.__name__)


def test_counts_and_keys(make: Callable[..., nn.Module]) -> None:
    parameters, entries = DEPTHS[make]
    with torch.device("meta"):
        ours, other = make(), theirs(make)()
    assert sum(p.numel() for p in ours.parameters()) == parameters
    assert len(ours.state_dict()) == entries
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [(k, v.shape) for k, v in other.state_dict().items()]


def test_the_same_seed_gives_the_same_initial_weights(make: Callable[..., nn.Module]) -> None:
    states = []
    for build in (make, theirs(make)):
        torch.manual_seed(0)
        states.append(build().state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])


@pytest.mark.parametrize(
    ("size", "layout"), [((224, 224), torch.contiguous_format), ((97, 131), torch.channels_last)], ids=["224", "odd"]
)
def test_logits_are_identical_both_ways(
    make: Callable[..., nn.Module], size: tuple[int, int], layout: torch.memory_format
) -> None:
    images = torch.randn(2, 3, *size).contiguous(memory_format=layout)
    for source, target in ((theirs(make), make), (make, theirs(make))):
        first = filled(source)
        second = target().eval()
        second.load_state_dict(first.state_dict(), strict=True)
        with torch.no_grad():
            logits = first(images)
            assert (logits - second(images)).abs().max() == 0
        assert logits.std() > 0.1  # not a comparison of zeros


def test_timm_has_the_same_resnet50() -> None:
    peers.torchvision()  # timm imports it
    import timm

    images = torch.randn(2, 3, 96, 96)
    ours = filled(resnet50)
    other = timm.create_model("resnet50").eval()
    assert list(other.state_dict()) == list(ours.state_dict())
    other.load_state_dict(ours.state_dict(), strict=True)
    with torch.no_grad():
        assert (ours(images) - other(images)).abs().max() == 0
    torch.manual_seed(1)
    other = timm.create_model("resnet50").eval()
    ours.load_state_dict(other.state_dict(), strict=True)
    with torch.no_grad():
        assert (ours(images) - other(images)).abs().max() == 0


def test_one_training_step_is_identical(make: Callable[..., nn.Module]) -> None:
    images = torch.randn(4, 3, 33, 33)
    states = []
    for build in (make, theirs(make)):
        torch.manual_seed(0)
        net = build(num_classes=7)
        loss = nn.functional.cross_entropy(net(images), torch.arange(len(images)))
        loss.backward()
        torch.optim.SGD(net.parameters(), lr=0.1).step()
        states.append(net.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])
