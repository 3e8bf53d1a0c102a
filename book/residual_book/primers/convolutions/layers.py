"""What convolutional layers do to images that move, how far they see, what they cost, and batch norm's two modes."""

import copy
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.probes.cost import Cost, cost
from residual.vision import CifarNet
from residual_book.primers.convolutions.arithmetic import Array
from residual_book.recording import alone
from residual_book.sights import sensitivity

SEEDS = tuple(range(10))
BATCHES = (0, 1, 3, 10, 30, 100)
STACKS = ((1,), (1, 1), (1, 1, 1), (2, 1), (2, 2))  # strides of convolutions in a row


def shift_errors(seed: int) -> dict[str, float]:
    """Distance of "shift, then layer" from "layer, then shift" on random images, over the norm of the output.

    By the layer and the shift to the right; away from the borders unless said. An exact layer has an error of zero.
    """
    generator = torch.Generator().manual_seed(seed)
    wide = torch.randn(1, 1, 16, 20, generator=generator, dtype=torch.float64)
    weights = torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64)

    plain, strided = (partial(F.conv2d, weight=weights, stride=stride, padding=1) for stride in (1, 2))
    pooling = partial(F.max_pool2d, kernel_size=2)
    return {
        "convolution, 1 pixel": _shift_error(plain, wide, 1, 1),
        "convolution, 1 pixel,\nborders too": _shift_error(plain, wide, 1, 1, borders=True),
        "stride 2, 2 pixels": _shift_error(strided, wide, 2, 2),
        "stride 2, 1 pixel": _shift_error(strided, wide, 1, 2),
        "max pooling, 2 pixels": _shift_error(pooling, wide, 2, 2),
        "max pooling, 1 pixel": _shift_error(pooling, wide, 1, 2),
    }


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
class View:
    """How far one unit in the middle sees through a stack of convolutions: the side of a square, computed three ways.

    These are the formula, `residual.probes.cost`, and the pixels with a gradient in `map` (13, 13).
    """

    formula: int
    counted: int
    gradient: int
    map: Tensor


def view(strides: Sequence[int], seed: int) -> View:
    """The receptive field of 3x3 convolutions in a row, one per stride."""
    with alone(seed):
        stack = nn.Sequential(*(nn.Conv2d(1, 1, 3, stride=stride, padding=1) for stride in strides)).double()
        x = torch.randn(1, 1, 13, 13, dtype=torch.float64)
    middle = stack(x).shape[-1] // 2
    field = sensitivity(stack, x, unit=(middle, middle))
    return View(
        formula=1 + sum(2 * math.prod(strides[:i]) for i in range(len(strides))),
        counted=int(cost(stack, (1, 13, 13)).receptive_field[0]),
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

    before: Array
    after: Array
    companions: dict[str, float]
    gaps: dict[int, float]


def norm_digits(images: Tensor, seed: int) -> Normed:
    """A random convolution of digits (N, 1, 8, 8) with a bias, and batch norm after it, which sees batches of 64."""
    with alone(seed):
        layer = nn.Conv2d(1, 4, 3)
        nn.init.normal_(layer.weight, std=1)
        nn.init.normal_(layer.bias, std=3)  # type: ignore[arg-type]  # typed as if it could be None
        norm = nn.BatchNorm2d(4)
        order = torch.randint(len(images), (max(BATCHES) + 2, 64))
    with torch.no_grad():
        maps = layer(images)
        first, other = maps[order[0]], maps[torch.cat([order[0, :1], order[1, 1:]])]
        gaps = {}
        for seen in range(max(BATCHES) + 1):
            if seen in BATCHES:
                trained = copy.deepcopy(norm).train()(first)  # looking does not count as a batch
                gaps[seen] = float((norm.eval()(first) - trained).norm() / trained.norm())
            norm.train()(maps[order[seen + 1]])
        companions = {}
        for mode in ("training", "evaluation"):
            own, others = (norm.train(mode == "training")(x)[0] for x in (first, other))
            companions[mode] = float((own - others).norm() / own.norm())
        before, after = (x.transpose(0, 1).flatten(1).double().numpy() for x in (first, norm.train()(first)))
        return Normed(before, after, companions, gaps)


def layer_costs() -> dict[str, Cost]:
    """Ways to turn the last map of a CIFAR ResNet, 64 channels of 8 by 8, into another one, by name."""

    def convolutions(count: int, kernel: int) -> nn.Module:
        return nn.Sequential(*(nn.Conv2d(64, 64, kernel, padding=kernel // 2, bias=False) for _ in range(count)))

    ways = {
        "3x3": convolutions(1, 3),
        "3x3, twice": convolutions(2, 3),
        "5x5": convolutions(1, 5),
        "3x3, three times": convolutions(3, 3),
        "7x7": convolutions(1, 7),
        "fully connected": nn.Sequential(nn.Flatten(), nn.Linear(64 * 8 * 8, 64 * 8 * 8, bias=False)),
    }
    return {name: cost(way, (64, 8, 8)) for name, way in ways.items()}


def resnet20_parameters() -> dict[str, int]:
    """Parameters of the CIFAR ResNet-20 by the kind of layer that has them."""
    kinds: Counter[str] = Counter()
    for layer in cost(CifarNet(20), (3, 32, 32)).layers:
        kinds[layer.kind] += layer.parameters
    return {kind: parameters for kind, parameters in kinds.items() if parameters}
