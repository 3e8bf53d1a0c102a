"""Two limits of residual networks, measured: how far a unit sees, and whether a thousand layers take a step.

Told in `book/part2/next.md`. The third, image sizes, is in `residual.experiments.resolution`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from scipy.stats import norm
from torch import Tensor
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from residual.experiments.networks import IMAGE, MAKERS, last_map_sees
from residual.experiments.recording import WORKERS, alone
from residual.probes.cost import cost
from residual.probes.effective_field import effective_field, shares_within, side_holding
from residual.vision import CifarNet, PreActBlock
from residual.vision.data import digits

R = TypeVar("R")

SEEDS = (0, 1, 2)
# The larger first: joblib takes a worker whose memory grows after its first task for leaking.
NETS = ("ResNet-50", "ResNet-18")
# A multiple of the stride of 32, plus one, so that the middle unit looks at the middle pixel; and wide enough that none
# of the field, at most 435 pixels, falls on the padding.
FIELD_IMAGE = (3, 449, 449)
SHARE = 0.95  # of the field, for its size
DEPTH = 1004  # 6n + 2
ARMS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"residual": False},
    "original": {},
    "original, branches start at zero": {"zero_init_residual": True},
    "pre-activation": {"block": PreActBlock},
}
# He et al. 2016, Table 3: test error on CIFAR-10 in percent, by depth, of bottleneck nets from 164 layers on.
PAPER_ERRORS = {
    "original": {110: 6.61, 164: 5.93, 1001: 7.61},
    "pre-activation": {110: 6.37, 164: 5.46, 1001: 4.92},
}


@dataclass(frozen=True)
class Field:
    """What one unit in the middle of the last map of one network sees at initialization.

    Attributes:
        net: a name in `NETS`.
        seed: of weights and inputs.
        theoretical: side of the square of pixels that can reach the unit.
        energy: squared gradients, as shares of their sum, float64 (H, W).
    """

    net: str
    seed: int
    theoretical: int
    energy: Tensor

    @property
    def effective(self) -> int:
        """Side of the square around the middle that holds `SHARE` of the energy."""
        return side_holding(self.energy, SHARE)

    @property
    def within(self) -> list[float]:
        """Share of the energy in the square of side 1, 3, 5, ..."""
        return shares_within(self.energy).tolist()

    @property
    def gaussian(self) -> list[float]:
        """What `within` would be for a Gaussian with the same variance."""
        place = np.arange(len(self.energy)) - len(self.energy) // 2
        along = (self.energy.sum(0) + self.energy.sum(1)).numpy() / 2
        edge = np.arange(len(self.within)) + 0.5
        return ((2 * norm.cdf(edge / math.sqrt(float(place**2 @ along))) - 1) ** 2).tolist()


def measure_field(net: str, seed: int) -> Field:
    """The effective receptive field of one network's last map.

    Batch norm first takes its statistics from noise. Without that the skips of a new net would outgrow its branches.

    Raises:
        ValueError: for an unknown net.
    """
    if net not in NETS:
        raise ValueError(f"net must be one of {NETS}, got {net!r}")
    with alone(seed):
        model = MAKERS[net]()
        update_bn([torch.randn(2, 3, 225, 225)], model)
        energy = effective_field(model.eval(), model.stages[-1], FIELD_IMAGE, samples=1, seed=seed)
    return Field(net, seed, last_map_sees(cost(model, IMAGE)), energy)


@dataclass(frozen=True)
class Steps:
    """A net of `DEPTH` layers in its first steps on one batch.

    Attributes:
        arm: its name.
        seed: of weights and batch.
        losses: before each step, and after the last one; the run ends where a gradient is not finite.
        gradients: norm of the gradient over all weights, before each step.
    """

    arm: str
    seed: int
    losses: tuple[float, ...]
    gradients: tuple[float, ...]

    @property
    def finite(self) -> bool:
        return all(math.isfinite(norm) for norm in self.gradients)


def first_steps(
    arm: str,
    seed: int,
    *,
    depth: int = DEPTH,
    steps: int = 4,
    images: int = 32,
    arms: Mapping[str, Mapping[str, Any]] = ARMS,
) -> Steps:
    """Train on the same few digits at He's first learning rate, 0.1: whoever can learn anything can learn these.

    Raises:
        ValueError: for an arm that is not in `arms`, or a depth `CifarNet` does not have.
    """
    if arm not in arms:
        raise ValueError(f"arm must be one of {tuple(arms)}, got {arm!r}")
    data = digits()
    with alone(seed):
        batch = torch.randperm(len(data.train_images))[:images]
        x, y = data.train_images[batch], data.train_labels[batch]
        net = CifarNet(depth, in_channels=data.channels, width=4, **arms[arm])
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, foreach=True)
        losses, gradients = [], []
        for _ in range(steps):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
            gradients.append(
                torch.nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None]).item()
            )
            if not math.isfinite(gradients[-1]):
                return Steps(arm, seed, tuple(losses), tuple(gradients))
            optimizer.step()
        with torch.no_grad():
            losses.append(F.cross_entropy(net(x), y).item())
    return Steps(arm, seed, tuple(losses), tuple(gradients))


def fields(seeds: Sequence[int] = SEEDS, *, workers: int = WORKERS, progress: bool = True) -> list[Field]:
    """`measure_field` of every net in `NETS` from every seed."""
    return _all(measure_field, NETS, seeds, workers=workers, bar="fields measured" if progress else None)


def thousand_layers(seeds: Sequence[int] = SEEDS, *, workers: int = WORKERS, progress: bool = True) -> list[Steps]:
    """`first_steps` of every arm from every seed."""
    return _all(first_steps, tuple(ARMS), seeds, workers=workers, bar="deep nets started" if progress else None)


def _all(
    measure: Callable[[str, int], R], names: Sequence[str], seeds: Sequence[int], *, workers: int, bar: str | None
) -> list[R]:
    jobs = (delayed(measure)(name, seed) for name in names for seed in seeds)
    found = Parallel(n_jobs=workers, return_as="generator")(jobs)
    return list(tqdm(found, total=len(names) * len(seeds), desc=bar, disable=bar is None))
