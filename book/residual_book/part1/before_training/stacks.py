"""Stacks of equal layers, new and in float64: do neighboring gradients agree, and do all directions get through?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torch.optim.swa_utils import update_bn

from residual.probes.jacobian import input_jacobians, participation
from residual.probes.shattering import correlation, input_gradients
from residual.vision import CifarNet
from residual_book.recording import alone, images_of, spread
from residual_book.stats import Interval, mean_over

SEEDS = tuple(range(10))
DEPTHS = (3, 5, 10, 24, 50, 100)  # 24 and 50 are those of Balduzzi et al. (2017), Figure 1
NETS = (20, 56, 110)
WIDTH = 64  # of the stacks whose Jacobian is taken
POINTS = 256  # along the line of inputs


@dataclass(frozen=True)
class Arm:
    """One kind of layer, skip * x + scale * W relu(norm(x)): `scale` depends on the number of layers."""

    norm: bool = False
    skip: bool = False
    scale: Callable[[int], float] = lambda layers: 1.0


ARMS = {
    "plain": Arm(),
    "plain, batch norm": Arm(norm=True),
    "residual": Arm(skip=True),
    "residual, batch norm": Arm(norm=True, skip=True),
    "residual, batch norm, branch x 0.1": Arm(norm=True, skip=True, scale=lambda layers: 0.1),
    "residual, batch norm, branch / √L": Arm(norm=True, skip=True, scale=lambda layers: layers**-0.5),
}
CIFAR_ARMS: dict[str, dict[str, Any]] = {"plain, batch norm": {"residual": False}, "residual, batch norm": {}}
EXAMPLES = {  # arm and depth of the nets whose gradients are drawn, by the panels' titles
    "plain, 5 layers": ("plain, batch norm", 5),
    "plain, 24 layers": ("plain, batch norm", 24),
    "residual, 50 layers": ("residual, batch norm", 50),
}


class Layer(nn.Module):
    """One layer of an arm: (N, width) -> (N, width). He's initialization, no biases."""

    def __init__(self, arm: Arm, layers: int, width: int) -> None:
        super().__init__()
        self.skip, self.scale = arm.skip, arm.scale(layers)
        self.norm = nn.BatchNorm1d(width) if arm.norm else nn.Identity()
        self.linear = nn.Linear(width, width, bias=False)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.scale * self.linear(F.relu(self.norm(x)))
        return x + branch if self.skip else branch


def stack(arm: str, layers: int, *, width: int, seed: int) -> nn.Sequential:
    """`layers` layers of an arm in float64."""
    with alone(seed):
        return nn.Sequential(*(Layer(ARMS[arm], layers, width) for _ in range(layers))).double()


def settled(model: nn.Module, inputs: Tensor) -> nn.Module:
    """`model` in evaluation mode, with batch norm's statistics taken from `inputs`."""
    update_bn([inputs], model)
    return model.eval()


@dataclass(frozen=True)
class Run:
    """One number of one net: `arm` is a key of `ARMS` or `CIFAR_ARMS`, `depth` in layers with weights."""

    arm: str
    depth: int
    seed: int
    value: float


def line_gradients(arm: str, depth: int, seed: int, *, points: int = POINTS, width: int = 200) -> Tensor:
    """Gradient of a net's one output at each of `points` inputs from -2 to 2, as in Balduzzi et al. (2017).

    The first layer has one input and random biases, without which all its ReLUs would switch at the same input; the
    last has one output; `depth` - 2 layers of the arm are between them. Returns float64 (points,).
    """
    with alone(seed):
        inputs = torch.linspace(-2, 2, points, dtype=torch.float64)[:, None]
        middle = stack(arm, depth - 2, width=width, seed=seed)
        generator = torch.Generator().manual_seed(10_000 + seed)  # not the numbers that the middle was made of
        first = skip_init(nn.Linear, 1, width, dtype=torch.float64)
        last = skip_init(nn.Linear, width, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            for parameter, size in ((first.weight, 1.0), (first.bias, 1.0), (last.weight, width**-0.5)):
                parameter.normal_(std=size, generator=generator)
        model = settled(nn.Sequential(first, middle, last), inputs)
        return input_gradients(model, inputs, readout=torch.ones(1, dtype=torch.float64)).flatten()


def example_lines(seed: int = 0) -> dict[str, Tensor]:
    """`line_gradients` of the nets in `EXAMPLES`, by title."""
    return {title: line_gradients(arm, depth, seed) for title, (arm, depth) in EXAMPLES.items()}


def line_correlation(arm: str, depth: int, seed: int) -> Run:
    """Correlation of neighboring gradients along a line of inputs."""
    return Run(arm, depth, seed, correlation(line_gradients(arm, depth, seed)))


def shattering(depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS) -> list[Run]:
    """`line_correlation` of every arm at every depth from every seed."""
    return spread(line_correlation, product(ARMS, depths, seeds), bar="lines of gradients")


def image_correlation(arm: str, depth: int, seed: int, *, points: int = 33) -> Run:
    """Correlation of a CIFAR net's gradients on the straight line between two of the 64 digits that batch norm saw."""
    data = images_of(None)
    with alone(seed):
        net = CifarNet(depth, in_channels=data.channels, **CIFAR_ARMS[arm]).double()
        order = torch.randperm(len(data.train_images))
        readout = torch.randn(10, dtype=torch.float64)
        images = data.train_images[order[:64]].double()
        along = torch.linspace(0, 1, points, dtype=torch.float64)[:, None, None, None]
        path = images[0] + along * (images[1] - images[0])
        return Run(arm, depth, seed, correlation(input_gradients(settled(net, images), path, readout=readout)))


def image_shattering(depths: Sequence[int] = NETS, seeds: Sequence[int] = SEEDS) -> list[Run]:
    """`image_correlation` of every CIFAR net at every depth from every seed."""
    return spread(image_correlation, product(CIFAR_ARMS, depths, seeds), bar="paths between digits")


def directions(arm: str, depth: int, seed: int, *, width: int = WIDTH, inputs: int = 4) -> Run:
    """`participation` of the Jacobian of a stack: the mean over a few of the 512 random inputs that batch norm saw."""
    with alone(seed):
        x = torch.randn(512, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        model = settled(stack(arm, depth, width=width, seed=seed), x)
        shares = [participation(matrix) for matrix in input_jacobians(model, x[:inputs])]
        return Run(arm, depth, seed, sum(shares) / inputs)


def conditioning(depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS) -> list[Run]:
    """`directions` of every arm at every depth from every seed."""
    return spread(directions, product(ARMS, depths, seeds), bar="Jacobians")


def select(runs: Iterable[Run], arm: str, depth: int) -> list[Run]:
    """The runs of one net, in their order."""
    return [run for run in runs if (run.arm, run.depth) == (arm, depth)]


def mean(runs: Iterable[Run], arm: str, depth: int) -> Interval:
    """The mean of one net over its seeds."""
    return mean_over(select(runs, arm, depth), lambda run: run.value)
