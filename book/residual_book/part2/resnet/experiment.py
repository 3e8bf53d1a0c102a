"""The family of residual networks in numbers: variants, the shapes on the way, image sizes."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from residual.probes.cost import Cost, Layer, cost
from residual.vision import Bottleneck, ResNet
from residual_book.nets import IMAGE, MAKERS

SIZES = ((32, 32), (224, 224), (448, 448), (200, 320))  # height, width
# He et al. 2015, Table 1, last row: multiply-adds in units of 10^9.
PAPER_MULTIPLY_ADDS = dict(zip(MAKERS, (1.8, 3.6, 3.8, 7.6, 11.3), strict=True))
# Top-1 accuracy in percent on ImageNet's validation images: of the paper's networks over ten crops (He et al. 2015,
# Table 2 for ResNet-18, which has option A, and Table 3, for ResNet-34 with option B), and of torchvision's
# IMAGENET1K_V1 weights on one crop.
PAPER_ACCURACY = dict(zip(MAKERS, (72.12, 75.48, 77.15, 78.25, 78.57), strict=True))
TORCHVISION_ACCURACY = dict(zip(MAKERS, (69.758, 73.314, 76.130, 77.374, 78.312), strict=True))


@dataclass(frozen=True)
class Variant:
    """One network of the family, without values, and its cost at 224 by 224 pixels: as it is, and with V1's strides."""

    net: ResNet
    cost: Cost
    cost_v1: Cost


def variant(name: str) -> Variant:
    """One of `MAKERS`."""
    with torch.device("meta"):  # shapes are all that counts here
        net = MAKERS[name]()
        paper = MAKERS[name](v1=True) if isinstance(net.blocks()[0], Bottleneck) else net
    return Variant(net, cost(net, IMAGE), cost(paper, IMAGE))


def billions(counted: Cost) -> float:
    """Multiply-adds in units of 10^9."""
    return counted.totals["multiply_adds"] / 1e9


def convolutions(counted: Cost) -> list[Layer]:
    """Those on the longest path of a ResNet, which are all but the projections on skips."""
    return [layer for layer in counted.layers if layer.kind == "Conv2d" and "downsample" not in layer.name]


def last_map(counted: Cost) -> tuple[int, ...]:
    """Channels, height and width of what a ResNet's last block puts out, which is averaged to the embedding."""
    return [layer for layer in counted.layers if layer.name.startswith("layer")][-1].shape


def at_sizes(net: ResNet) -> dict[tuple[int, int], Cost]:
    """What the same network costs for images of other sizes, by height and width."""
    return {size: cost(net, (net.in_channels, *size)) for size in SIZES}


def stations(net: ResNet, images: Tensor) -> dict[str, tuple[int, ...]]:
    """Shapes, without the batch, that a forward pass of `net` has at the ends of its parts."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(enters: str, leaves: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shapes[enters], shapes[leaves] = tuple(inputs[0].shape[1:]), tuple(output.shape[1:])

    stages = [f"stage {i}" for i in range(1, len(net.stages) + 1)]
    ends = [("image", "first convolution"), *pairwise(("max pooling", *stages)), ("mean pooling", "linear layer")]
    parts = [net.get_submodule(name) for name in ("conv1", *net.stages, "fc")]
    hooks = [part.register_forward_hook(partial(note, *names)) for part, names in zip(parts, ends, strict=True)]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return shapes
