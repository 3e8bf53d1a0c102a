"""Stacks of equal layers at initialization: do neighboring gradients agree, and do all directions get through?

Told in `book/part1/before-training.md`. Computed in float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from residual.probes.jacobian import input_jacobians, participation
from residual.probes.shattering import correlation, input_gradients
from residual.vision import CifarNet
from residual.vision.data import digits

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
    """`layers` layers of an arm in float64.

    Raises:
        ValueError: for an unknown arm.
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {tuple(ARMS)}, got {arm!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*(Layer(ARMS[arm], layers, width) for _ in range(layers))).double()


def settled(model: nn.Module, inputs: Tensor) -> nn.Module:
    """`model` in evaluation mode, with batch norm's statistics taken from `inputs`."""
    update_bn([inputs], model)
    return model.eval()


@dataclass(frozen=True)
class Measured:
    """One number of one net: `arm` as in `ARMS`, `depth` in layers with weights."""

    arm: str
    depth: int
    seed: int
    value: float


def line_gradients(arm: str, depth: int, seed: int, *, points: int = POINTS, width: int = 200) -> Tensor:
    """Gradient of a net's one output at each of `points` inputs from -2 to 2, as in Balduzzi et al. (2017).

    The first layer has one input and random biases, without which all its ReLUs would switch at the same input; the
    last has one output; `depth` - 2 layers of the arm are between them. Returns float64 (points,).
    """
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


def shattering(
    depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS, *, progress: bool = True
) -> list[Measured]:
    """Correlation of neighboring gradients along a line of inputs, of every arm at every depth from every seed."""
    todo = tqdm(list(product(ARMS, depths, seeds)), desc="lines of gradients", disable=not progress)
    return [Measured(arm, depth, seed, correlation(line_gradients(arm, depth, seed))) for arm, depth, seed in todo]


def image_shattering(
    depths: Sequence[int] = NETS, seeds: Sequence[int] = SEEDS, *, points: int = 33, progress: bool = True
) -> list[Measured]:
    """The same of CIFAR nets along the straight line from one digit to another; batch norm knows digits."""
    data = digits()
    todo = tqdm(list(product(CIFAR_ARMS, depths, seeds)), desc="paths between digits", disable=not progress)
    found = []
    for arm, depth, seed in todo:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = CifarNet(depth, in_channels=data.channels, **CIFAR_ARMS[arm]).double()
            order = torch.randperm(len(data.train_images))
            readout = torch.randn(10, dtype=torch.float64)
        images = data.train_images[order[:64]].double()
        along = torch.linspace(0, 1, points, dtype=torch.float64)[:, None, None, None]
        path = images[0] + along * (images[1] - images[0])
        gradients = input_gradients(settled(net, images), path, readout=readout)
        found.append(Measured(arm, depth, seed, correlation(gradients)))
    return found


def conditioning(
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    width: int = WIDTH,
    inputs: int = 4,
    progress: bool = True,
) -> list[Measured]:
    """`participation` of the Jacobian of a whole stack, the mean over a few inputs; batch norm saw 512 random ones."""
    todo = tqdm(list(product(ARMS, depths, seeds)), desc="Jacobians", disable=not progress)
    found = []
    for arm, depth, seed in todo:
        x = torch.randn(512, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        model = settled(stack(arm, depth, width=width, seed=seed), x)
        shares = [participation(matrix) for matrix in input_jacobians(model, x[:inputs])]
        found.append(Measured(arm, depth, seed, sum(shares) / inputs))
    return found
