"""The family of residual networks in numbers; and the page's claims, which bad results must break."""

from dataclasses import replace

import pytest
import torch

from residual.probes.cost import cost
from residual.vision import Bottleneck, ResNet
from residual_book import nets
from residual_book.claims import ClaimError
from residual_book.part2.resnet import claims, experiment, figures
from residual_book.part2.resnet.experiment import Variant

Family = dict[str, Variant]


@pytest.fixture
def small() -> ResNet:
    return ResNet(Bottleneck, (1, 2, 1, 1), width=8, num_classes=5).eval()


@pytest.fixture(scope="module")
def family() -> Family:
    return {name: experiment.variant(name) for name in nets.MAKERS}


def test_variants_know_both_strides(family: Family) -> None:
    eighteen, fifty = family["ResNet-18"], family["ResNet-50"]
    assert eighteen.cost.totals == eighteen.cost_v1.totals
    assert fifty.cost.totals["parameters"] == 25_557_032
    assert [c.totals["multiply_adds"] for c in (fifty.cost, fifty.cost_v1)] == [4_089_184_256, 3_857_973_248]
    assert [nets.last_map_sees(c) for c in (eighteen.cost, fifty.cost, fifty.cost_v1)] == [435, 427, 483]
    assert len(experiment.convolutions(fifty.cost)) == fifty.net.depth - 1  # all but the linear layer


def test_published_figures_are_of_the_same_five() -> None:
    for published in (experiment.PAPER_MULTIPLY_ADDS, experiment.PAPER_ACCURACY, experiment.TORCHVISION_ACCURACY):
        assert list(published) == list(nets.MAKERS)
        assert list(published.values()) == sorted(published.values())


def test_stations_are_what_the_parts_return(small: ResNet) -> None:
    images = torch.randn(2, 3, 64, 96)
    shapes = experiment.stations(small, images)
    with torch.no_grad():
        stem, features, logits = small.stem(images), small.features(images), small(images)
    assert (
        list(shapes.items())
        == [  # in the order of the forward pass
            ("image", (3, 64, 96)),
            ("first convolution", (8, 32, 48)),
            ("max pooling", tuple(stem.shape[1:])),
            ("stage 1", (32, 16, 24)),
            ("stage 2", (64, 8, 12)),
            ("stage 3", (128, 4, 6)),
            ("stage 4", (256, 2, 3)),
            ("mean pooling", tuple(features.shape[1:])),
            ("linear layer", tuple(logits.shape[1:])),
        ]
    )
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())


def test_shares_are_of_the_whole(small: ResNet) -> None:
    counted = cost(small, (3, 64, 64))
    shares = nets.shares(counted)
    assert list(shares) == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    for kind in counted.totals:
        assert sum(part[kind] for part in shares.values()) == pytest.approx(100)
    head = 100 * sum(p.numel() for p in small.fc.parameters()) / sum(p.numel() for p in small.parameters())
    assert shares["head"]["parameters"] == pytest.approx(head)


def test_size_changes_the_map_and_the_work_only(small: ResNet) -> None:
    sizes = experiment.at_sizes(small)
    assert {size: experiment.last_map(c) for size, c in sizes.items()} == {
        (32, 32): (256, 1, 1), (224, 224): (256, 7, 7), (448, 448): (256, 14, 14), (200, 320): (256, 7, 10),
    }  # fmt: skip
    assert {c.totals["parameters"] for c in sizes.values()} == {sum(p.numel() for p in small.parameters())}
    work = {size: c.totals["multiply_adds"] - small.fc.weight.numel() for size, c in sizes.items()}
    assert work[448, 448] == 4 * work[224, 224]  # but for the head, which works once at any size


SHARES = {"stage 4": {"parameters": 58.0, "multiply_adds": 20.0, "activations": 0.3}}


def test_figures_and_tables_name_what_they_show(family: Family) -> None:
    drawing = figures.shapes({"image": (3, 224, 224), "stage 1": (2048, 7, 7), "logits": (1000,)})
    assert "stage 1: 2048 by 7 by 7; logits: 1000." in drawing.alt
    assert all(f">{text}<" in drawing.svg() for text in ("stage 1", "2048 × 7 × 7"))
    assert all(
        f">{text}<" in figures.along_the_layers(family["ResNet-18"]).svg() for text in ("V1", "V1.5", "channels")
    )
    assert "Multiply-adds: stage 4 20%." in figures.shares_by_part(SHARES).alt
    assert ">&lt;1<" in figures.shares_by_part(SHARES).svg()
    assert "| ResNet-50 | 3, 4, 6, 3 | 25,557,032 | 4.09 | 3.86 | 3.8 |" in figures.sizes_of_networks(family).data
    assert "| ResNet-50 | 50 | 427 | 77.15 | 76.130 |" in figures.published_accuracies(family).data
    sizes = {(448, 448): family["ResNet-18"].cost}
    assert "| 448×448 | 7×7 | 512 | 11,689,512 | 1.81 |" in figures.image_sizes(sizes).data


def test_claims_hold_for_good_results_only(family: Family, small: ResNet) -> None:
    claims.on_family(family)
    fifty, sizes = family["ResNet-50"], experiment.at_sizes(small)
    for id, changes in (
        ("resnet-parameters", {"ResNet-34": fifty}),
        ("resnet-multiply-adds", {"ResNet-50": replace(fifty, cost_v1=fifty.cost)}),
        ("resnet-v15", {"ResNet-50": replace(fifty, cost=fifty.cost_v1)}),
        ("resnet-18-sees-as-far", {"ResNet-18": replace(family["ResNet-18"], net=family["ResNet-34"].net)}),
    ):
        with pytest.raises(ClaimError, match=id):
            claims.on_family({**family, **changes})
    claims.on_resnet_50(SHARES, sizes)
    with pytest.raises(ClaimError, match="resnet-late-parameters"):
        claims.on_resnet_50({"stage 4": {**SHARES["stage 4"], "multiply_adds": 26}}, sizes)
    with pytest.raises(ClaimError, match="resnet-any-size"):
        claims.on_resnet_50(SHARES, {**sizes, (448, 448): sizes[224, 224]})
