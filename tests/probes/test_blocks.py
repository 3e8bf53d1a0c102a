import pytest
import torch
from peers import torchvision
from torch import nn

from residual.probes.blocks import find_blocks
from residual.vision import BasicBlock, Bottleneck, CifarNet, PreActBlock, resnet18, resnet50


@pytest.mark.parametrize(
    ("kind", "depth", "first", "last"),
    [(BasicBlock, 8, "conv1", "bn2"), (Bottleneck, 11, "conv1", "bn3"), (PreActBlock, 8, "bn1", "conv2")],
)
@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
def test_branch_begins_and_ends_where_the_paper_draws_it(
    kind: type[nn.Module], depth: int, first: str, last: str, shortcut: str
) -> None:
    net = CifarNet(depth, block=kind, shortcut=shortcut, width=4)
    net.extra = nn.Module()
    net.extra.downsample = None  # without layers it is no block
    blocks = find_blocks(net)
    assert list(blocks) == ["layer1.0", "layer2.0", "layer3.0"]
    assert net.blocks() == [block.module for block in blocks.values()]
    for name, block in blocks.items():
        module = net.get_submodule(name)
        assert block.module is module
        assert (block.first, block.last) == (module.get_submodule(first), module.get_submodule(last))
        assert block.downsample is module.downsample
        assert block.residual


def ends(net: nn.Module) -> dict[str, list[str]]:
    """Names of the first and last layers, by block."""
    return {
        name: [child for end in (block.first, block.last) for child, m in block.module.named_children() if m is end]
        for name, block in find_blocks(net).items()
    }


def test_torchvision_has_the_same_blocks() -> None:
    models = torchvision().models
    with torch.device("meta"):
        assert ends(resnet18()) == ends(models.resnet18())
        assert ends(resnet50()) == ends(models.resnet50())


def test_plain_blocks_are_said_to_be_plain() -> None:
    assert [block.residual for block in find_blocks(CifarNet(14, residual=False, width=4)).values()] == [False] * 6


def test_a_model_without_blocks_is_told_what_was_looked_for() -> None:
    with pytest.raises(ValueError, match=r"BasicBlock, Bottleneck and PreActBlock .* Sequential has none"):
        find_blocks(nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)))
