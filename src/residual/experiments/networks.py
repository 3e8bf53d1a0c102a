"""The family of residual networks in numbers: variants, the shapes on the way, stages, image sizes, folded norms.

Told in `book/part2/resnet.md`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from residual.probes.cost import Cost, cost
from residual.vision import Bottleneck, ResNet, fuse, resnet18, resnet34, resnet50, resnet101, resnet152

SEEDS = tuple(range(3))
IMAGE = (3, 224, 224)
SIZES = ((32, 32), (224, 224), (448, 448), (200, 320))  # height, width
MAKERS: dict[str, Callable[..., ResNet]] = {
    "ResNet-18": resnet18,
    "ResNet-34": resnet34,
    "ResNet-50": resnet50,
    "ResNet-101": resnet101,
    "ResNet-152": resnet152,
}
# He et al. 2015, Table 1, last row: multiply-adds in units of 10^9.
PAPER_MULTIPLY_ADDS = dict(zip(MAKERS, (1.8, 3.6, 3.8, 7.6, 11.3), strict=True))
# Top-1 accuracy in percent on ImageNet's validation images: of the paper's networks over ten crops (He et al. 2015,
# Table 2 for ResNet-18, which has option A, and Table 3, for ResNet-34 with option B), and of torchvision's
# IMAGENET1K_V1 weights on one crop.
PAPER_ACCURACY = dict(zip(MAKERS, (72.12, 75.48, 77.15, 78.25, 78.57), strict=True))
TORCHVISION_ACCURACY = dict(zip(MAKERS, (69.758, 73.314, 76.130, 77.374, 78.312), strict=True))


@dataclass(frozen=True)
class Variant:
    """One network of the family, at 224 by 224 pixels.

    Attributes:
        name: such as "ResNet-50".
        blocks: a stage, one number each.
        depth: layers with weights on the longest path.
        parameters: all of them.
        multiply_adds: as built by default, which for bottlenecks is V1.5.
        multiply_adds_v1: with the paper's strides.
        receptive_field: of the map that is pooled, in pixels.
        receptive_field_v1: with the paper's strides.
    """

    name: str
    blocks: tuple[int, ...]
    depth: int
    parameters: int
    multiply_adds: int
    multiply_adds_v1: int
    receptive_field: int
    receptive_field_v1: int


def variants() -> list[Variant]:
    """All five, counted. They are built without values, for shapes are all that counts here."""
    found = []
    for name, make in MAKERS.items():
        with torch.device("meta"):
            net = make()
            paper = make(v1=True) if isinstance(net.blocks()[0], Bottleneck) else net
        counted = cost(net, IMAGE)
        counted_v1 = counted if paper is net else cost(paper, IMAGE)
        found.append(
            Variant(
                name=name,
                blocks=tuple(len(list(net.get_submodule(stage).children())) for stage in net.stages),
                depth=net.depth,
                parameters=counted.totals["parameters"],
                multiply_adds=counted.totals["multiply_adds"],
                multiply_adds_v1=counted_v1.totals["multiply_adds"],
                receptive_field=last_map_sees(counted),
                receptive_field_v1=last_map_sees(counted_v1),
            )
        )
    return found


def last_map_sees(counted: Cost) -> int:
    """The receptive field of the map before global pooling, in pixels: the largest that is not everything."""
    return int(max(x for layer in counted.layers for x in layer.receptive_field if x != float("inf")))


def stations(net: ResNet, images: Tensor) -> dict[str, tuple[int, ...]]:
    """Shapes, without the batch, that a forward pass of `net` has at the ends of its parts."""
    shapes = {"image": tuple(images.shape[1:])}

    def note(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shapes[name] = tuple(output.shape[1:])

    def note_input(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        shapes[name] = tuple(inputs[0].shape[1:])

    first = net.get_submodule(net.stages[0])
    hooks = [
        net.conv1.register_forward_hook(partial(note, "first convolution")),
        first.register_forward_pre_hook(partial(note_input, "max pooling")),
        *(
            net.get_submodule(stage).register_forward_hook(partial(note, f"stage {i}"))
            for i, stage in enumerate(net.stages, start=1)
        ),
        net.fc.register_forward_pre_hook(partial(note_input, "mean pooling")),
        net.fc.register_forward_hook(partial(note, "linear layer")),
    ]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return shapes


def shares(counted: Cost) -> dict[str, dict[str, float]]:
    """Each part's share of the parameters, multiply-adds and activations of a `ResNet`, in percent."""
    found: dict[str, dict[str, float]] = {}
    for layer in counted.layers:
        first = layer.name.split(".")[0]
        part = {"conv1": "stem", "bn1": "stem", "fc": "head"}.get(first, first.replace("layer", "stage "))
        sums = found.setdefault(part, dict.fromkeys(counted.totals, 0.0))
        sums["parameters"] += 100 * layer.parameters / counted.totals["parameters"]
        if layer.multiply_adds:
            sums["multiply_adds"] += 100 * layer.multiply_adds / counted.totals["multiply_adds"]
            sums["activations"] += 100 * layer.activations / counted.totals["activations"]
    return found


@dataclass(frozen=True)
class AtSize:
    """What one network does with images of one size; `last_map` is the height and width that are averaged over."""

    size: tuple[int, int]
    last_map: tuple[int, ...]
    embedding: int
    parameters: int
    multiply_adds: int


def at_sizes(net: ResNet, sizes: Sequence[tuple[int, int]] = SIZES) -> list[AtSize]:
    """The same network on images of other sizes."""
    found = []
    for size in sizes:
        counted = cost(net, (net.in_channels, *size))
        last = [layer for layer in counted.layers if layer.name.startswith(net.stages[-1])][-1]
        totals = counted.totals
        found.append(AtSize(size, last.shape[1:], net.fc.in_features, totals["parameters"], totals["multiply_adds"]))
    return found


def folding_error(seed: int) -> float:
    """Largest difference that `fuse` makes to a logit of a narrow ResNet-18, over the largest logit.

    Batch norm is given weights and statistics other than its first ones, which would hide a wrong fold.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = resnet18(num_classes=10, width=16).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                values.data.add_(0.2 * torch.rand(values.shape, generator=generator))
    images = torch.randn(2, 3, 64, 64, generator=generator)
    with torch.no_grad():
        logits, folded = net(images), fuse(net)(images)
    return float((logits - folded).abs().max() / logits.abs().max())
