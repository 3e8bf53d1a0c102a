"""How large a network's gradients are: at its weights, layer by layer, and at the outputs of its modules.

Told in `book/part1/gradient-flow.md`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Gradient:
    """The gradient of a loss with respect to one tensor, a weight or a module's output.

    Attributes:
        name: of the module, as in `named_modules`; of the parameter where it is not called `weight`.
        norm: Euclidean norm of the gradient.
        mean_abs: mean absolute entry of the gradient.
        size: Euclidean norm of the tensor itself.
    """

    name: str
    norm: float
    mean_abs: float
    size: float


@dataclass(frozen=True)
class GradientProfile:
    """The gradients of one loss, in the network's order."""

    loss: float
    weights: tuple[Gradient, ...]
    outputs: tuple[Gradient, ...]

    @property
    def first_over_last(self) -> float:
        """Gradient norm at the first output over that at the last: below 1 where gradients vanish on their way back."""
        return self.outputs[0].norm / self.outputs[-1].norm


@contextmanager
def recorded_outputs(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Within the block, keep the output of each module named in `names` (as in `named_modules`), in the order they run.

    The hooks are removed at the end of the block, whatever happens in it. A later operation that changes an output in
    place changes what was kept.

    Raises:
        ValueError: for a name the model does not have; while the model runs, for a module that runs twice or does not
            return one tensor.
    """
    modules = dict(model.named_modules())
    unknown = [name for name in names if name not in modules]
    if unknown:
        raise ValueError(f"names must be modules of {type(model).__name__}, got {unknown[0]!r}")
    outputs: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise ValueError(f"names: {name!r} must return one tensor, got {type(output).__name__}")
        if name in outputs:
            raise ValueError(f"names: {name!r} must run once, it ran twice")
        outputs[name] = output

    with ExitStack() as hooks:
        for name in dict.fromkeys(names):
            hooks.enter_context(modules[name].register_forward_hook(partial(keep, name)))
        yield outputs


def gradient_profile(model: nn.Module, loss: Callable[[], Tensor], *, outputs: Sequence[str] = ()) -> GradientProfile:
    """Run `loss` once and measure its gradients.

    Parameters' `grad` fields are left alone. Modules run in the mode they are in: batch norm in training mode updates
    its running statistics, as in any forward pass.

    Args:
        model: any module. Every trainable parameter of two or more axes counts as a weight (not biases, not the scale
            and shift of a normalization).
        loss: runs `model` and returns a scalar.
        outputs: names of modules, as in `model.named_modules()`, at whose outputs to measure too.

    Raises:
        ValueError: for a loss that is not a scalar or has no gradient, and for a weight or output it does not depend
            on; and as `recorded_outputs`.
    """
    weights = {
        name.removesuffix(".weight"): parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2 and parameter.requires_grad
    }
    with recorded_outputs(model, outputs) as recorded:
        value = loss()
    if value.numel() != 1 or not value.requires_grad:
        got = f"shape {tuple(value.shape)}, requires_grad {value.requires_grad}"
        raise ValueError(f"loss must return a scalar with a gradient, got {got}")
    missing = [name for name in outputs if name not in recorded or not recorded[name].requires_grad]
    if missing:
        raise ValueError(f"outputs: the loss must depend on {missing[0]!r}, it does not")
    tensors = [*weights.items(), *recorded.items()]
    gradients = torch.autograd.grad(value, [tensor for _, tensor in tensors], allow_unused=True)
    measured = []
    for (name, tensor), gradient in zip(tensors, gradients, strict=True):
        if gradient is None:
            raise ValueError(f"model: the loss must depend on {name!r}, it does not")
        numbers = (gradient.norm(), gradient.abs().mean(), tensor.detach().norm())
        measured.append(Gradient(name, *(number.item() for number in numbers)))
    return GradientProfile(value.item(), tuple(measured[: len(weights)]), tuple(measured[len(weights) :]))
