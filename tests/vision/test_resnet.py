"""The full networks: shapes, embeddings, initial weights, and what images they refuse."""

from collections.abc import Callable

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


def small(**options: object) -> ResNet:
    return ResNet(BasicBlock, (1, 1), width=8, num_classes=5, **options)


def test_the_stem_quarters_an_image_and_each_later_stage_halves_it() -> None:
    with torch.device("meta"):
        net = resnet50()
        x = net.stem(torch.empty(2, 3, 224, 224))
        shapes = [tuple(x.shape)]
        for stage in net.stages:
            x = net.get_submodule(stage)(x)
            shapes.append(tuple(x.shape))
    sizes = [(64, 56), (256, 56), (512, 28), (1024, 14), (2048, 7)]
    assert shapes == [(2, channels, side, side) for channels, side in sizes]


def test_a_stem_for_small_images_keeps_the_size() -> None:
    net = small(small_images=True)
    assert net.stem(torch.randn(2, 3, 32, 24)).shape == (2, 8, 32, 24)
    assert net.conv1.kernel_size == (3, 3)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock])
@pytest.mark.parametrize("size", [(224, 224), (97, 131), (1, 1)])
def test_any_size_of_image_gives_an_embedding_and_logits(block: type, size: tuple[int, int]) -> None:
    net = ResNet(block, (1, 1), width=8, num_classes=5).eval()
    images = torch.randn(2, 3, *size)
    features = net.features(images)
    assert features.shape == (2, 16 * block.expansion)
    assert torch.equal(net(images), net.fc(features))


def test_depth_counts_convolutions_of_the_branches_stem_and_head() -> None:
    with torch.device("meta"):
        assert [resnet18().depth, resnet50().depth, CifarNet(164, block=Bottleneck).depth] == [18, 50, 164]
        assert CifarNet(110, block=PreActBlock).depth == 110


def test_a_preactivation_net_normalizes_after_its_last_addition() -> None:
    torch.manual_seed(0)
    net = CifarNet(8, block=PreActBlock, width=4).eval()
    x = net.layer3(net.layer2(net.layer1(net.conv1(images := torch.randn(2, 3, 8, 8)))))
    torch.testing.assert_close(net.features(images), torch.relu(net.bn1(x)).mean((2, 3)))
    assert net.bn1.num_features == 16


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(3, 32, 32), r"images must have shape \(N, 3, H, W\), got \(3, 32, 32\)"),
        (torch.zeros(2, 1, 32, 32), r"images must have shape \(N, 3, H, W\), got \(2, 1, 32, 32\)"),
        (torch.zeros(2, 32, 32, 3), r"images must have shape \(N, 3, H, W\), got \(2, 32, 32, 3\)"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "must be floating point, as torch.float32, got torch.uint8"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.float64), "the weights' dtype, torch.float32, got torch.float64"),
    ],
)
def test_images_it_cannot_take(images: torch.Tensor, said: str) -> None:
    for net in (small(), CifarNet(8)):
        with pytest.raises(ValueError, match=said):
            net(images)
        with pytest.raises(ValueError, match=said):
            net.features(images)


def test_autocast_casts_images_itself() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert small().eval()(torch.zeros(2, 3, 32, 32, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": ()}, r"layers must hold at least one block a stage, got \[\]"),
        ({"layers": (2, 0)}, r"layers must hold at least one block a stage, got \[2, 0\]"),
        ({"layers": (1,), "num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"layers": (1,), "in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"layers": (1,), "width": -1}, "width must be at least 1, got -1"),
        ({"layers": (1,), "shortcut": "b"}, "shortcut must be one of"),
        ({"layers": (1,), "shortcut": None, "zero_init_residual": True}, "zero_init_residual=True needs skips"),
        ({"layers": (1,), "v1": True}, "v1=True needs block=Bottleneck, got BasicBlock"),
    ],
)
def test_arguments_it_refuses(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ResNet(BasicBlock, **options)


def test_v1_of_the_paper_has_the_parameters_of_v15() -> None:
    with torch.device("meta"):
        v1, v15 = resnet50(v1=True), resnet50()
    assert [(k, v.shape) for k, v in v1.state_dict().items()] == [(k, v.shape) for k, v in v15.state_dict().items()]
    strided = [name for name, m in v1.named_modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert strided == ["conv1", *(f"layer{i}.0.{name}" for i in (2, 3, 4) for name in ("conv1", "downsample.0"))]


@pytest.mark.parametrize("options", [{}, {"small_images": True}, {"v1": True}, {"shortcut": None}], ids=str)
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActBlock, NormFreeBlock])
@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
@pytest.mark.parametrize("trace", [torch.fx.symbolic_trace, torch.jit.script])
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*is deprecated")
def test_a_traced_net_gives_the_same_logits(
    trace: Callable[[nn.Module], nn.Module], shortcut: str, block: type, options: dict[str, object]
) -> None:
    if "v1" in options and block is not Bottleneck:
        pytest.skip("only a bottleneck has two places to stride")
    net = ResNet(block, (1, 2), **{"width": 8, "num_classes": 5, "shortcut": shortcut, **options}).eval()
    shake(net)
    traced = trace(net)
    for size in (33, 20):
        images = torch.randn(2, 3, size, 31)
        torch.testing.assert_close(traced(images), net(images))


@pytest.mark.parametrize("trace", [torch.fx.symbolic_trace, torch.jit.script])
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*is deprecated")
def test_a_fused_net_can_be_traced(trace: Callable[[nn.Module], nn.Module]) -> None:
    net = fuse(CifarNet(8, shortcut="B"))
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(trace(net)(images), net(images))
