"""What the scale of the weights, a memory layout and a shorter number format do to what a network computes."""

from copy import deepcopy
from dataclasses import dataclass

import torch

from residual_book.part2.training.ablation import network
from residual_book.recording import alone, images_of

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Rounding:
    """Distances of a net's logits from those that it computes in float64, relative to the norm of these.

    They are computed in float32, in float32 with channels last, and under bfloat16 autocast with channels last.
    """

    seed: int
    float32: float
    channels_last: float
    bf16: float


@torch.no_grad()
def moved_by_halving(seed: int) -> float:
    """How far half the initial weights move the logits of ResNet-20 for the test digits, relative to their norm."""
    with alone(seed):
        images, net = images_of(None).test_images, network(1)
        before = net(images)  # in training mode: batch norm uses the batch
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.mul_(0.5)
        return float((net(images) - before).norm() / before.norm())


@torch.no_grad()
def round_off(seed: int) -> Rounding:
    """Compute the logits of an untrained ResNet-20 for 64 digits; batch norm uses the batch, as in training."""
    with alone(seed):
        x = images_of(None).test_images[:64]
        net = network(1)
        last = deepcopy(net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stub lacks this form
        exact = deepcopy(net).double()(x.double())

        def distance(logits: torch.Tensor) -> float:
            return float((logits.double() - exact).norm() / exact.norm())

        x_last = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            short = last(x_last)
        return Rounding(seed, distance(net(x)), distance(last(x_last)), distance(short))
