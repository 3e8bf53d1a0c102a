"""Gradients at initialization against depth: which way they run, how fast, and what decides it.

Told in `book/part1/gradient-flow.md`. Computed in float64: at 50 layers ratios reach 1e20.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from residual.experiments.stats import Interval, median_interval, slope
from residual.probes.gradients import GradientProfile, gradient_profile

DEPTHS = (2, 5, 10, 20, 30, 50)
SEEDS = tuple(range(10))
INITS = ("default", "he")
NORMS = ("none", "batch")
LOSSES = ("mse", "linear")
# Variance of a weight times its fan-in. nn.Linear draws uniformly from +-1/sqrt(fan_in), whose variance is a third of
# 1/fan_in; He et al. (2015b), "Delving Deep into Rectifiers", section 2.2, take 2/fan_in.
GAIN_SQUARED = {"default": 1 / 3, "he": 2.0}


@dataclass(frozen=True)
class Arm:
    """One kind of fully connected ReLU net, and the loss it is measured under.

    Attributes:
        depth: layers, at least 2.
        init: "default" (nn.Linear's own) or "he" (normal, variance 2/fan_in, zero biases).
        norm: "none", or "batch" for batch norm (training mode) between each linear layer and its ReLU.
        skip: add each layer's input after its ReLU.
        width: of input, layers and output.
        batch_size: inputs.
        loss: "mse", the mean squared error to a random target, whose gradient depends on the net's output; or
            "linear", the mean of output times target, whose gradient is the target, whatever the net does.
    """

    depth: int
    init: str = "default"
    norm: str = "none"
    skip: bool = False
    width: int = 128
    batch_size: int = 32
    loss: str = "mse"

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"depth must be at least 2, got {self.depth}")
        for name, choices in (("init", INITS), ("norm", NORMS), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {getattr(self, name)!r}")


class Block(nn.Module):
    """One layer: relu(norm(linear(x))), with `skip` plus x. (N, width) -> (N, width)."""

    def __init__(self, arm: Arm) -> None:
        super().__init__()
        self.skip = arm.skip
        self.linear = nn.Linear(arm.width, arm.width, dtype=torch.float64)
        if arm.init == "he":
            nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
            nn.init.zeros_(self.linear.bias)
        self.norm = nn.BatchNorm1d(arm.width, dtype=torch.float64) if arm.norm == "batch" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norm(self.linear(x)))
        return out + x if self.skip else out


class Mlp(nn.Sequential):
    """`arm.depth` blocks and nothing else, so that every layer is like every other. (N, width) -> (N, width)."""

    def __init__(self, arm: Arm) -> None:
        super().__init__(*(Block(arm) for _ in range(arm.depth)))


@dataclass(frozen=True)
class MlpRun:
    """One net of an arm from one seed. `profile.weights` and `profile.outputs` have an entry a layer, in order."""

    arm: Arm
    seed: int
    profile: GradientProfile

    @property
    def last_over_first(self) -> float:
        """Mean absolute weight gradient of the last layer over the first's: above 1 where gradients vanish."""
        return self.profile.weights[-1].mean_abs / self.profile.weights[0].mean_abs

    @property
    def last_over_first_norm(self) -> float:
        """The same of the norms."""
        return self.profile.weights[-1].norm / self.profile.weights[0].norm

    @property
    def backward_factor(self) -> float:
        """What the norm of the gradient at a layer's output is multiplied by, a layer back: the fitted exponential."""
        return 1 / _rate([gradient.norm for gradient in self.profile.outputs])

    @property
    def forward_factor(self) -> float:
        """What the norm of the activations is multiplied by, a layer on: the fitted exponential."""
        return _rate([gradient.size for gradient in self.profile.outputs])


def _rate(values: Sequence[float]) -> float:
    return math.exp(slope(range(len(values)), [math.log(value) for value in values]))


def theory_backward_factor(init: str, *, norm: str = "none", skip: bool = False) -> float:
    """The theory for `MlpRun.backward_factor`, for many layers of great width (and great batches, with batch norm).

    With s^2 the variance of a weight times the fan-in:

    - plain: the weights multiply by s, and the ReLU passes half of the squares: s / sqrt(2) (He et al. 2015b,
      section 2.2). For a loss whose gradient is independent of the net, the mean of the squares is that at any width;
      their logarithm lies lower, by up to 5 / (2 width) a layer.
    - batch norm: dividing by the standard deviation cancels s. The variance of a rectified standard normal is
      (pi - 1) / 2 pi, and half of the squares pass: sqrt(pi / (pi - 1)), 1.21 (Yang et al. 2019).
    - skip: x + relu(Wx) never shrinks x, and all it adds is positive, so that x turns towards the constant vector.
      With c the cosine between them, the norm is multiplied by g, g^2 = 1 + 2 c s / sqrt(2 pi) + s^2 / 2, and the next
      cosine is (c + s / sqrt(2 pi)) / g. At the fixed point, (g^2 - 1 - s^2 / 2) (g - 1) = s^2 / pi. The net is
      homogeneous, so a loss whose gradient lies along the output carries the same factor back.

    Raises:
        ValueError: for an unknown init or norm; for a skip around batch norm, where gradients grow as a power of the
            depth and no constant factor exists.
    """
    if init not in INITS or norm not in NORMS:
        raise ValueError(f"init must be one of {INITS} and norm one of {NORMS}, got {init!r} and {norm!r}")
    half = GAIN_SQUARED[init] / 2
    if norm == "batch":
        if skip:
            raise ValueError("skip=True with norm='batch' has no constant factor: expected one of the two alone")
        return math.sqrt(math.pi / (math.pi - 1))
    if not skip:
        return math.sqrt(half)
    return float(max(np.roots([1, -1, -1 - half, 1 + half - 2 * half / math.pi]).real))


def measure(arm: Arm, seed: int) -> MlpRun:
    """One backward pass through one net. Of a seed, all arms of a size see the same input and target."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inputs, target = torch.randn(2, arm.batch_size, arm.width, dtype=torch.float64)
        net = Mlp(arm)

    def loss() -> Tensor:
        return F.mse_loss(net(inputs), target) if arm.loss == "mse" else (net(inputs) * target).mean()

    return MlpRun(arm, seed, gradient_profile(net, loss, outputs=[str(layer) for layer in range(arm.depth)]))


def sweep(
    depths: Sequence[int] = DEPTHS,
    seeds: Sequence[int] = SEEDS,
    *,
    inits: Sequence[str] = INITS,
    norms: Sequence[str] = NORMS,
    skips: Sequence[bool] = (False, True),
    width: int = 128,
    batch_size: int = 32,
    loss: str = "mse",
    progress: bool = True,
) -> list[MlpRun]:
    """Measure every combination of the arguments from every seed, in the order given, depth and seed last."""
    arms = [
        Arm(depth, init, norm, skip, width, batch_size, loss)
        for norm, skip, init, depth in product(norms, skips, inits, depths)
    ]
    todo = tqdm(list(product(arms, seeds)), desc="nets measured", disable=not progress)
    return [measure(arm, seed) for arm, seed in todo]


@dataclass(frozen=True)
class Summary:
    """Medians over the seeds of one arm, as in `MlpRun`; `first` is the first layer's mean absolute weight gradient."""

    arm: Arm
    last_over_first: Interval
    last_over_first_norm: Interval
    first: Interval
    backward_factor: Interval
    forward_factor: Interval


def summarize(runs: Iterable[MlpRun]) -> list[Summary]:
    """One summary an arm, in the order of their first runs.

    Raises:
        ValueError: for an arm with too few seeds for an interval (`median_interval`).
    """
    arms: dict[Arm, list[MlpRun]] = {}
    for run in runs:
        arms.setdefault(run.arm, []).append(run)
    return [
        Summary(
            arm,
            last_over_first=median_interval([run.last_over_first for run in group]),
            last_over_first_norm=median_interval([run.last_over_first_norm for run in group]),
            first=median_interval([run.profile.weights[0].mean_abs for run in group]),
            backward_factor=median_interval([run.backward_factor for run in group]),
            forward_factor=median_interval([run.forward_factor for run in group]),
        )
        for arm, group in arms.items()
    ]
