"""The loss around a solution: along one random direction, over the plane of two, and how steeply it rises.

Directions are normalized filter by filter (Li et al. 2018): batch norm makes a filter's scale meaningless, so a step
counts in multiples of the filter it moves. Told in `book/part1/after-training.md`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TypeAlias

import torch
from torch import Tensor, nn

from residual.probes.frozen import check_frozen

Direction: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class Slice:
    """Losses at steps along one direction, or over the plane of two.

    Attributes:
        steps: multiples of the directions, ascending.
        losses: float64, (steps,) or (steps, steps); NaN where the loss is not finite.
    """

    steps: tuple[float, ...]
    losses: Tensor


def filter_normalized(model: nn.Module, *, seed: int) -> dict[str, Tensor]:
    """A random direction in which each filter's part is as long as that filter (Li et al. 2018, section 3).

    A filter is what makes one output unit: a row of a linear layer's weight, or one output channel's weights of a
    convolution. Biases and the scales and shifts of norms, parameters of one axis, stay where they are.

    Raises:
        ValueError: for a model without such weights.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.ndim >= 2}
    if not weights:
        raise ValueError(f"model must have weights of two or more axes, {type(model).__name__} has none")
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, weight in weights.items():
        noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
        lengths = [w.flatten(1).norm(dim=1).reshape(-1, *[1] * (w.ndim - 1)) for w in (weight, noise)]
        direction[name] = noise * lengths[0] / lengths[1]
    return direction


@torch.no_grad()
def loss_slice(
    model: nn.Module, loss: Callable[[], Tensor], directions: Sequence[Direction], steps: Sequence[float]
) -> Slice:
    """`loss` at the model's weights plus each of `steps` times one direction, or each pair of steps times two.

    The weights are put back bit for bit, whatever happens. Batch norm's statistics stand still: the model must be in
    evaluation mode.

    Args:
        model, loss: `loss` runs `model` and returns a scalar.
        directions: one or two, as `filter_normalized` makes them: parameter names to tensors of their shapes.
        steps: multiples of the directions, ascending.

    Raises:
        ValueError: for a model as in `check_frozen`, another number of directions, a direction that does not fit
            the model (by name), steps that do not ascend, and a loss that is not a scalar.
    """
    check_frozen(model)
    if len(directions) not in (1, 2):
        raise ValueError(f"directions must be one or two, got {len(directions)}")
    if list(steps) != sorted(set(steps)) or len(steps) < 2:
        raise ValueError(f"steps must be two or more that ascend, got {list(steps)}")
    parameters = dict(model.named_parameters())
    for name, change in chain.from_iterable(direction.items() for direction in directions):
        if name not in parameters or parameters[name].shape != change.shape:
            wanted = tuple(parameters[name].shape) if name in parameters else "no such parameter"
            raise ValueError(f"direction {name!r} must fit the model, {wanted}, got {tuple(change.shape)}")
    before = {name: parameters[name].detach().clone() for name in chain(*directions)}
    losses = []
    for point in product(steps, repeat=len(directions)):
        try:
            for direction, step in zip(directions, point, strict=True):
                for name, change in direction.items():
                    parameters[name].add_(change, alpha=step)
            value = loss()
        finally:
            for name, weight in before.items():
                parameters[name].copy_(weight)
        if value.numel() != 1:
            raise ValueError(f"loss must return a scalar, got shape {tuple(value.shape)}")
        losses.append(value.item())
    grid = torch.tensor(losses, dtype=torch.float64).reshape([len(steps)] * len(directions))
    return Slice(tuple(steps), torch.where(grid.isfinite(), grid, math.nan))


def sharpness(model: nn.Module, loss: Callable[[], Tensor], *, step: float, directions: int, seed: int) -> float:
    """How much the loss rises on average, `step` away from the model's weights, over random directions and both ways.

    For a loss that is quadratic with Hessian H, that is step^2 / 2 times the mean of d^T H d over the directions d. It
    is infinite where the loss is not finite in some direction.

    Args:
        model, loss: as in `loss_slice`.
        step: how far, in multiples of each filter's norm.
        directions, seed: how many, by `filter_normalized` with seeds from `seed` on.

    Raises:
        ValueError: as `loss_slice`, and for a step or number of directions that is not above zero.
    """
    if step <= 0 or directions < 1:
        raise ValueError(f"step and directions must be above zero, got {step} and {directions}")
    rises = []
    for i in range(directions):
        low, here, high = loss_slice(model, loss, [filter_normalized(model, seed=seed + i)], [-step, 0.0, step]).losses
        rises.append(((low + high) / 2 - here).item())
    mean = sum(rises) / directions
    return mean if math.isfinite(mean) else math.inf
