"""Gradients before training against depth: which way they run, how fast, and what decides it.

Computed in float64: ratios reach 1e20 in stacks of 50 layers, and a plain
convolutional net of 110 layers multiplies float32's rounding by so much that its gradients change by half.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.probes.gradients import GradientProfile, gradient_profile
from residual.vision import BasicBlock, CifarNet
from residual_book.recording import alone, images_of, spread
from residual_book.stats import Interval, median_interval, slope

DEPTHS = (2, 5, 10, 20, 30, 50)
SEEDS = tuple(range(10))
MLPS: dict[str, dict[str, bool]] = {  # the options of `Layer`
    "plain, default init": {},
    "plain, He init": {"he": True},
    "batch norm, no skip": {"norm": True},
    "skip, no norm": {"skip": True},
    "batch norm and skip": {"norm": True, "skip": True},
}
# The theory for `Run.factor`, for many layers of great width, and great batches with batch norm. Where s^2 is the
# variance of a weight times its fan-in, the weights multiply the gradient's norm by s, and the ReLU passes half of the
# squares: s / sqrt(2) (He et al. 2015b, section 2.2). Dividing by the standard deviation cancels s; a rectified
# standard normal has the variance (pi - 1) / 2 pi (Yang et al. 2019).
THEORY = {
    "plain, default init": math.sqrt(1 / 6),  # nn.Linear draws uniformly from +-1/sqrt(fan-in): s^2 is a third
    "plain, He init": 1.0,  # s^2 is two
    "batch norm, no skip": math.sqrt(math.pi / (math.pi - 1)),
}
CLASSROOM = 0.9  # what a layer passes of a gradient in a popular example of vanishing
CIFAR_DEPTHS = (20, 56, 110)
CIFAR_SEEDS = tuple(range(6))
CIFAR_NETS: dict[str, dict[str, Any]] = {
    "plain": {"residual": False},
    "residual": {"residual": True},
    "residual, last gamma zero": {"residual": True, "zero_init_residual": True},
}


class Layer(nn.Module):
    """relu(norm(linear(x))), plus x with `skip`. (N, width) -> (N, width), float64.

    Args:
        width: of input and output.
        he: He's initialization (normal, variance 2 / fan-in, zero biases) instead of nn.Linear's own.
        norm: batch norm, in training mode, before the ReLU.
        skip: add the layer's input after the ReLU.
    """

    def __init__(self, width: int, *, he: bool = False, norm: bool = False, skip: bool = False) -> None:
        super().__init__()
        self.skip = skip
        self.linear = nn.Linear(width, width, dtype=torch.float64)
        if he:
            nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
            nn.init.zeros_(self.linear.bias)
        self.norm = nn.BatchNorm1d(width, dtype=torch.float64) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norm(self.linear(x)))
        return out + x if self.skip else out


def mlp(net: str, depth: int, *, width: int = 128) -> nn.Sequential:
    """`depth` layers and nothing else, so that every layer is like every other; `net` is a key of `MLPS`."""
    return nn.Sequential(*(Layer(width, **MLPS[net]) for _ in range(depth)))


@dataclass(frozen=True)
class Run:
    """One net before training, from one seed.

    Attributes:
        net: a key of `MLPS` or `CIFAR_NETS`.
        depth: in layers with weights.
        seed: of weights and inputs.
        profile: the gradients; `outputs` are those of an MLP's layers, or of a CIFAR net's blocks, in order.
    """

    net: str
    depth: int
    seed: int
    profile: GradientProfile

    @property
    def weights(self) -> list[float]:
        """Mean absolute gradient of each layer's weights."""
        return [gradient.mean_abs for gradient in self.profile.weights]

    @property
    def factor(self) -> float:
        """What the gradient's norm is multiplied by from one layer's output to the previous one's, fitted to all."""
        logarithms = [math.log(gradient.norm) for gradient in self.profile.outputs]
        return 1 / math.exp(slope(range(self.depth), logarithms))

    @property
    def per_layer(self) -> float:
        """The factor that each layer between the first output and the last would have if all had the same."""
        layers = (len(self.profile.outputs) - 1) * (2 if self.net in CIFAR_NETS else 1)  # a block has two
        return float(self.profile.first_over_last ** (1 / layers))


def measure(
    net: str, depth: int, seed: int, *, width: int = 128, batch_size: int = 32, linear_loss: bool = False
) -> Run:
    """One backward pass through one MLP. From one seed, all nets of a size see the same input and target.

    The loss is the mean squared error, or with `linear_loss` the mean of output times target, whose gradient is the
    target, whatever the net does.
    """
    with alone(seed):
        inputs, target = torch.randn(2, batch_size, width, dtype=torch.float64)
        model = mlp(net, depth, width=width)

        def loss() -> Tensor:
            return (model(inputs) * target).mean() if linear_loss else F.mse_loss(model(inputs), target)

        return Run(net, depth, seed, gradient_profile(model, loss, outputs=[str(layer) for layer in range(depth)]))


def sweep(depths: Sequence[int] = DEPTHS, seeds: Sequence[int] = SEEDS) -> list[Run]:
    """`measure` of every kind of MLP at every depth from every seed."""
    return spread(measure, product(MLPS, depths, seeds), bar="nets measured")


def sweep_wide(seeds: Sequence[int] = SEEDS) -> list[Run]:
    """The nets of `THEORY` with 20 layers, so wide and under such a loss that the theory should hold."""
    wide = partial(measure, width=256, batch_size=256, linear_loss=True)
    return spread(wide, product(THEORY, (20,), seeds), bar="wide nets measured")


def measure_cifar(net: str, depth: int, seed: int, *, images: int = 32) -> Run:
    """One backward pass of the cross-entropy of `images` training digits through a CIFAR net."""
    data = images_of(None)
    with alone(seed):
        batch = torch.randperm(len(data.train_images))[:images]
        model = CifarNet(depth, in_channels=data.channels, **CIFAR_NETS[net]).double()
        x, y = data.train_images[batch].double(), data.train_labels[batch]
        blocks = [name for name, module in model.named_modules() if isinstance(module, BasicBlock)]
        return Run(net, depth, seed, gradient_profile(model, lambda: F.cross_entropy(model(x), y), outputs=blocks))


def sweep_cifar(depths: Sequence[int] = CIFAR_DEPTHS, seeds: Sequence[int] = CIFAR_SEEDS) -> list[Run]:
    """`measure_cifar` of every kind of CIFAR net at every depth from every seed."""
    return spread(measure_cifar, product(CIFAR_NETS, depths, seeds), bar="CIFAR nets measured")


def select(runs: Iterable[Run], net: str, depth: int) -> list[Run]:
    """The runs of one net, in their order."""
    return [run for run in runs if (run.net, run.depth) == (net, depth)]


def ratio(runs: Iterable[Run], net: str, depth: int) -> Interval:
    """The gradient at the first output over that at the last, of one net: the median over its seeds."""
    return median_interval([run.profile.first_over_last for run in select(runs, net, depth)])


def per_layer(runs: Iterable[Run], net: str, depth: int) -> Interval:
    """`Run.per_layer` of one net: the median over its seeds."""
    return median_interval([run.per_layer for run in select(runs, net, depth)])


def fitted_factor(wide: Iterable[Run], net: str) -> Interval:
    """`Run.factor` of one net of `sweep_wide`: the median over its seeds."""
    return median_interval([run.factor for run in wide if run.net == net])
