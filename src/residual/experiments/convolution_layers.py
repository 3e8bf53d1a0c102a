"""What convolutional layers do to images that move, how far they see, what they cost, and batch norm's two modes.

Told in `book/primers/convolutions.md`. The arithmetic of one layer is in `residual.experiments.convolutions`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.experiments.blocks import sensitivity
from residual.experiments.convolutions import Array
from residual.experiments.recording import alone
from residual.probes.cost import cost
from residual.vision import CifarNet


@dataclass(frozen=True)
class Shift:
    """How a layer takes an image that moved: distance of "shift, then layer" from "layer, then shift", over its norm.

    Attributes:
        seed: of the image and the layer's weights.
        errors: by the layer and the shift, away from the borders unless said.
    """

    seed: int
    errors: dict[str, float]


def check_shifts(seed: int, *, size: int = 16) -> Shift:
    """Shift random images to the right and look at what layers make of it. An exact layer has an error of zero."""
    generator = torch.Generator().manual_seed(seed)
    wide = torch.randn(1, 1, size, size + 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64)

    def layer(stride: int) -> Callable[[Tensor], Tensor]:
        return lambda x: F.conv2d(x, weights, stride=stride, padding=1)

    def halved(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2)

    return Shift(
        seed,
        {
            "convolution, 1 pixel": _shift_error(layer(1), wide, 1, 1),
            "convolution, 1 pixel,\nborders too": _shift_error(layer(1), wide, 1, 1, borders=True),
            "stride 2, 2 pixels": _shift_error(layer(2), wide, 2, 2),
            "stride 2, 1 pixel": _shift_error(layer(2), wide, 1, 2),
            "max pooling, 2 pixels": _shift_error(halved, wide, 2, 2),
            "max pooling, 1 pixel": _shift_error(halved, wide, 1, 2),
        },
    )


def _shift_error(
    layer: Callable[[Tensor], Tensor], wide: Tensor, pixels: int, stride: int, *, borders: bool = False
) -> float:
    """Two windows of one wide image, `pixels` apart: no pixel is made up at the border that the image moves away from.

    The output moves by `pixels` / `stride` units; where that is no whole number, it is rounded down or up, whichever
    fits better.
    """
    still, moved = layer(wide[..., 4:]), layer(wide[..., 4 - pixels : wide.shape[-1] - pixels])
    rim = 0 if borders else 2
    height, width = still.shape[-2:]
    errors = []
    for units in {pixels // stride, -(-pixels // stride)}:
        before = still[..., rim : height - rim, rim : width - rim - units]
        after = moved[..., rim : height - rim, rim + units : width - rim]
        errors.append(float((after - before).norm() / before.norm()))
    return min(errors)


@dataclass(frozen=True)
class Sight:
    """How far one unit in the middle sees through a stack of convolutions, found in three ways.

    Attributes:
        strides: of the layers, which have 3x3 windows.
        formula: side of the square, 1 + the sum of (k - 1) times the strides before.
        counted: by `residual.probes.cost`.
        gradient: side of the square of the pixels with a gradient that is not zero.
        map: absolute gradients (H, W) of that unit.
    """

    strides: tuple[int, ...]
    formula: int
    counted: int
    gradient: int
    map: Tensor


def sight(strides: Sequence[int], seed: int, *, size: int = 13) -> Sight:
    """The receptive field of a stack of 3x3 convolutions, a layer a stride."""
    with alone(seed):
        stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, stride=stride, padding=1) for stride in strides)).double()
        x = torch.randn(1, 1, size, size, dtype=torch.float64)
    middle = stack(x).shape[-1] // 2
    field = sensitivity(stack, x, unit=(middle, middle))
    seen = 1 + sum(2 * int(np.prod(strides[:i])) for i in range(len(strides)))
    return Sight(
        strides=tuple(strides),
        formula=seen,
        counted=int(cost(stack, (1, size, size)).receptive_field[0]),
        gradient=int((field > 0).any(0).sum()),
        map=field,
    )


@dataclass(frozen=True)
class Normed:
    """Batch norm after a layer, from one seed.

    Attributes:
        before, after: values of the layer's channels, (channels, values), in training mode.
        companions: how much an image's output changes with the other images of its batch, over its norm, by mode.
        gaps: by number of batches seen, distance of the output in evaluation mode from that in training mode.
    """

    seed: int
    before: Array
    after: Array
    companions: dict[str, float]
    gaps: dict[int, float]


def norm_digits(
    images: Tensor, seed: int, *, batch: int = 64, batches: Sequence[int] = (0, 1, 3, 10, 30, 100)
) -> Normed:
    """A random convolution of digits (N, 1, 8, 8) with a bias, and batch norm after it."""
    with alone(seed):
        layer = nn.Conv2d(1, 4, 3)
        nn.init.normal_(layer.weight, std=1)
        nn.init.normal_(layer.bias, std=3)  # type: ignore[arg-type]
        norm = nn.BatchNorm2d(4)
        order = torch.randint(len(images), (max(batches) + 2, batch))
    with torch.no_grad():
        maps = layer(images)
        first, other = maps[order[0]], maps[torch.cat([order[0, :1], order[1, 1:]])]
        gaps = {}
        for seen in range(max(batches) + 1):
            if seen in batches:
                kept = {name: value.clone() for name, value in norm.state_dict().items()}
                trained = norm.train()(first)
                norm.load_state_dict(kept)  # looking does not count as a batch
                gaps[seen] = float((norm.eval()(first) - trained).norm() / trained.norm())
            norm.train()(maps[order[seen + 1]])
        companions = {}
        for mode in ("training", "evaluation"):
            own, others = (norm.train(mode == "training")(x)[0] for x in (first, other))
            companions[mode] = float((own - others).norm() / own.norm())
        after = norm.train()(first)
    values = [x.transpose(0, 1).flatten(1).double().numpy() for x in (first, after)]
    return Normed(seed, values[0], values[1], companions, gaps)


@dataclass(frozen=True)
class Layers:
    """Convolutions in a row, or a fully connected layer: their weights, and how many pixels a side they see."""

    name: str
    weights: int
    sees: float


def layer_costs(channels: int = 64, size: int = 8) -> list[Layers]:
    """Ways to turn a map (channels, size, size) into another one: the last map of a CIFAR ResNet, unless said."""

    def convolutions(count: int, kernel: int) -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False) for _ in range(count))
        )

    everything = channels * size * size
    ways = {
        "3x3": convolutions(1, 3),
        "3x3, twice": convolutions(2, 3),
        "5x5": convolutions(1, 5),
        "3x3, three times": convolutions(3, 3),
        "7x7": convolutions(1, 7),
        "fully connected": nn.Sequential(nn.Flatten(), nn.Linear(everything, everything, bias=False)),
    }
    counted = {name: cost(way, (channels, size, size)) for name, way in ways.items()}
    return [Layers(name, c.totals["parameters"], c.receptive_field[0]) for name, c in counted.items()]


def resnet20_parameters() -> dict[str, int]:
    """Parameters of the CIFAR ResNet-20 by the kind of layer that has them."""
    found: dict[str, int] = {}
    for layer in cost(CifarNet(20), (3, 32, 32)).layers:
        if layer.parameters:
            found[layer.kind] = found.get(layer.kind, 0) + layer.parameters
    return found
