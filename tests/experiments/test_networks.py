import pytest
import torch

from residual.experiments import networks
from residual.probes.cost import cost
from residual.vision import Bottleneck, ResNet, resnet18, resnet50


@pytest.fixture
def small() -> ResNet:
    return ResNet(Bottleneck, (1, 2, 1, 1), width=8, num_classes=5).eval()


def test_variants_know_both_strides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "MAKERS", {"ResNet-18": resnet18, "ResNet-50": resnet50})
    eighteen, fifty = networks.variants()
    assert (eighteen.name, eighteen.blocks, eighteen.depth) == ("ResNet-18", (2, 2, 2, 2), 18)
    assert eighteen.multiply_adds == eighteen.multiply_adds_v1
    assert (eighteen.receptive_field, eighteen.receptive_field_v1) == (435, 435)
    assert (fifty.blocks, fifty.depth, fifty.parameters) == ((3, 4, 6, 3), 50, 25_557_032)
    assert (fifty.multiply_adds, fifty.multiply_adds_v1) == (4_089_184_256, 3_857_973_248)
    assert (fifty.receptive_field, fifty.receptive_field_v1) == (427, 483)


def test_published_figures_are_of_the_same_five() -> None:
    for published in (networks.PAPER_MULTIPLY_ADDS, networks.PAPER_ACCURACY, networks.TORCHVISION_ACCURACY):
        assert list(published) == list(networks.MAKERS)
        assert list(published.values()) == sorted(published.values())


def test_stations_are_what_the_parts_return(small: ResNet) -> None:
    images = torch.randn(2, 3, 64, 96)
    shapes = networks.stations(small, images)
    with torch.no_grad():
        stem, features, logits = small.stem(images), small.features(images), small(images)
    assert shapes == {
        "image": (3, 64, 96),
        "first convolution": (8, 32, 48),
        "max pooling": tuple(stem.shape[1:]),
        "stage 1": (32, 16, 24),
        "stage 2": (64, 8, 12),
        "stage 3": (128, 4, 6),
        "stage 4": (256, 2, 3),
        "mean pooling": tuple(features.shape[1:]),
        "linear layer": tuple(logits.shape[1:]),
    }
    assert list(shapes)[3] == "stage 1"  # in the order of the forward pass
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())


def test_shares_are_of_the_whole(small: ResNet) -> None:
    counted = cost(small, (3, 64, 64))
    found = networks.shares(counted)
    assert list(found) == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    for kind in counted.totals:
        assert sum(part[kind] for part in found.values()) == pytest.approx(100)
    head = 100 * sum(p.numel() for p in small.fc.parameters()) / sum(p.numel() for p in small.parameters())
    assert found["head"]["parameters"] == pytest.approx(head)


def test_size_changes_the_map_and_the_work_only(small: ResNet) -> None:
    first, twice, odd = networks.at_sizes(small, [(64, 64), (128, 128), (33, 65)])
    assert [at.last_map for at in (first, twice, odd)] == [(2, 2), (4, 4), (2, 3)]
    assert first.parameters == twice.parameters == odd.parameters
    assert first.embedding == twice.embedding == odd.embedding == 256
    head = small.fc.weight.numel()  # works once, at any size
    assert twice.multiply_adds - head == 4 * (first.multiply_adds - head)


def test_folding_changes_no_more_than_rounding() -> None:
    assert 0 < networks.folding_error(0) < 1e-5
