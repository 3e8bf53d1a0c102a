"""What a memory layout and a shorter number format do to the numbers a network computes.

Told in `book/part2/training.md`; what they do to the time is in `benchmarks/`.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch

from residual.experiments.ablation import network
from residual.experiments.recording import alone, images_of

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Rounding:
    """Logits of an untrained ResNet-20 for digits, against the same net's in float64.

    Distances are relative: the norm of the difference over the norm of float64's logits.

    Attributes:
        seed: of the weights.
        float32: distance in float32, channels first as torch has it.
        channels_last: distance in float32, channels last.
        bf16: distance under bfloat16 autocast, channels last.
    """

    seed: int
    float32: float
    channels_last: float
    bf16: float


@torch.no_grad()
def round_off(seed: int, *, images: int = 64) -> Rounding:
    """Compute the same logits in four ways; batch norm uses the batch, as in training."""
    with alone(seed):
        x = images_of(None).test_images[:images]
        net = network(1)
        last = deepcopy(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stub lacks this form
        exact = deepcopy(net).double()(x.double())

        def distance(logits: torch.Tensor) -> float:
            return float((logits.double() - exact).norm() / exact.norm())

        x_last = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            short = last(x_last)
        return Rounding(seed, distance(net(x)), distance(last(x_last)), distance(short))


def round_offs(seeds: Sequence[int] = SEEDS) -> list[Rounding]:
    """`round_off` from every seed."""
    return [round_off(seed) for seed in seeds]
