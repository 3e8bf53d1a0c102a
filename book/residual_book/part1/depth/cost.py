"""What each further layer costs: multiply-adds, parameters, and memory for the backward pass, counted and not timed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from residual.probes.cost import cost
from residual.vision import CifarNet, PreActBlock
from residual_book.part1.depth.first_steps import THOUSAND
from residual_book.recording import alone

DEPTHS = (8, 20, 56, 110, 218, THOUSAND)
SHAPE = (3, 32, 32)  # an image of CIFAR-10
IMAGES = 2  # in the batch of which memory is counted


@dataclass(frozen=True)
class DepthCost:
    """One CIFAR net of pre-activation blocks, for one image.

    Attributes:
        depth: weighted layers.
        multiply_adds: of a forward pass.
        parameters: learned numbers.
        kept: bytes that a forward pass keeps for the backward pass, parameters aside.
    """

    depth: int
    multiply_adds: int
    parameters: int
    kept: int


def kept_for_backward(forward: Callable[[], Tensor], parameters: Sequence[Tensor]) -> int:
    """Bytes that autograd keeps of `forward`, those of `parameters` aside; what is kept twice counts once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = forward()  # what it keeps lives as long as this name: no address is used twice
        total = sum(kept.values())
    del output
    return total


def measure(depth: int) -> DepthCost:
    """Count one net of 16 channels in its first stage."""
    with alone(0):
        net = CifarNet(depth, block=PreActBlock)
        totals = cost(net, SHAPE).totals
        batch = torch.randn(IMAGES, *SHAPE)
        kept = kept_for_backward(lambda: net(batch), list(net.parameters()))
    return DepthCost(depth, totals["multiply_adds"], totals["parameters"], kept // IMAGES)
