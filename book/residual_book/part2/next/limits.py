"""Two limits of residual networks, measured: how far a unit sees, and where the parameters sit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor
from torch.optim.swa_utils import update_bn

from residual.probes.cost import cost
from residual.probes.effective_field import effective_field, shares_within, side_holding
from residual_book.nets import IMAGE, MAKERS, last_map_sees, shares
from residual_book.recording import alone, spread

SEEDS = (0, 1, 2)
# The larger first: joblib takes a worker whose memory grows after its first task for leaking.
NETS = ("ResNet-50", "ResNet-18")
# A multiple of the stride of 32, plus one, so that the middle unit looks at the middle pixel; and wide enough that none
# of the field, at most 435 pixels, falls on the padding.
FIELD_IMAGE = (3, 449, 449)
SHARE = 0.95  # of the field, for its size


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
        distance = np.arange(len(self.energy)) - len(self.energy) // 2
        along = (self.energy.sum(0) + self.energy.sum(1)).numpy() / 2
        edge = np.arange(len(self.within)) + 0.5
        return ((2 * norm.cdf(edge / math.sqrt(float(distance**2 @ along))) - 1) ** 2).tolist()


def measure_field(net: str, seed: int, image: Sequence[int] = FIELD_IMAGE) -> Field:
    """The effective receptive field of the last map of a network of `MAKERS`, for images of shape (C, H, W).

    Batch norm first takes its statistics from noise. Without that the skips of a new net would outgrow its branches.
    """
    with alone(seed):
        model = MAKERS[net]()
        update_bn([torch.randn(2, 3, 225, 225)], model)
        energy = effective_field(model.eval(), model.stages[-1], image, samples=1, seed=seed)
    return Field(net, seed, last_map_sees(cost(model, IMAGE)), energy)


def fields(seeds: Sequence[int] = SEEDS) -> list[Field]:
    """`measure_field` of every net in `NETS` from every seed."""
    return spread(measure_field, product(NETS, seeds), bar="fields measured")


def family() -> dict[str, dict[str, dict[str, float]]]:
    """The `shares` of the parts of each network of `MAKERS`, from the stem to the head, for images of shape `IMAGE`."""
    with torch.device("meta"):
        return {net: shares(cost(make(), IMAGE)) for net, make in MAKERS.items()}
