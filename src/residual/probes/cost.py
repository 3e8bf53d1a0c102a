"""What a network costs, layer by layer: parameters, multiply-adds, activations; and how much of the input it sees.

Told in `book/part2/blocks.md` and `book/part2/resnet.md`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from residual.probes.receptive_field import ReceptiveFields

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)
COUNTED = (*CONVOLUTIONS, nn.Linear, *NORMS)


@dataclass(frozen=True)
class Layer:
    """One call of one layer, for one input.

    Attributes:
        name: where the layer stands in the model, such as "layer1.0.conv1"; empty for the model itself.
        kind: its type, such as "Conv2d".
        shape: of the output, without the batch: (C, H, W), or (features,).
        parameters: those not counted in a row above, so that what is shared counts once.
        multiply_adds: of convolutions and linear layers; biases, norms, pooling and activations count as none.
        receptive_field: input positions from end to end that an output unit can depend on, one number an axis; infinite
            where it depends on the whole input. Padding counts: it can be larger than the input.
        jump: input positions from one output unit to the next, one number an axis.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: tuple[float, ...]
    jump: tuple[int, ...]

    @property
    def activations(self) -> int:
        """Entries of the output."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Cost:
    """The layers of a network in the order of their calls, and what its output can depend on."""

    layers: tuple[Layer, ...]
    receptive_field: tuple[float, ...]

    def __getitem__(self, name: str) -> Layer:
        """The first call of the layer `name`."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def totals(self) -> dict[str, int]:
        """Sums over layers: parameters, multiply-adds, and activations.

        Activations are the entries that convolutions and linear layers put out (as Radosavovic et al. 2020 count them).
        """
        products = [layer for layer in self.layers if layer.multiply_adds]
        return {
            "parameters": sum(layer.parameters for layer in self.layers),
            "multiply_adds": sum(layer.multiply_adds for layer in products),
            "activations": sum(layer.activations for layer in products),
        }


def cost(model: nn.Module, shape: Sequence[int]) -> Cost:
    """Count what `model` takes for one input of this shape, without the batch: (C, H, W), or (features,).

    Runs `model` once on zeros, in evaluation mode, and leaves it as it was. A layer is a module that has no modules in
    it. Convolutions, linear layers and norms may hold parameters. All else may be modules or functions, such as
    activations, pooling, sums and slices, as long as it is known how far they reach; functions get no row.

    Raises:
        ValueError: for another layer with parameters, and for one that is never called, by name and type; for products
            outside such layers, and for operations as in `ReceptiveFields`.
    """
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None and not isinstance(module, COUNTED):
            known = ", ".join(kind.__name__ for kind in COUNTED)
            raise ValueError(f"layers with parameters must be of {known}, got {_called(name, module)}")
    first = next(model.parameters(), torch.zeros(()))
    inputs = torch.zeros(1, *shape, dtype=first.dtype, device=first.device)
    fields = ReceptiveFields(inputs)
    rows: list[Layer] = []
    seen: set[Tensor] = set()
    leaves = {name: module for name, module in model.named_modules() if not any(module.children())}
    hooks = [m.register_forward_hook(partial(_record, name, rows, seen, fields)) for name, m in leaves.items()]
    training = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad(), fields:
            output = model.eval()(inputs)
    except ValueError as error:
        raise ValueError(f"after {rows[-1].name!r}: {error}" if rows else str(error)) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, was in training.items():
            module.training = was
    counted = Cost(tuple(rows), tuple(span.size for span in fields[output]))
    for name, module in leaves.items():
        if not seen.issuperset(module.parameters()):
            raise ValueError(
                f"layers with parameters must take part, got {_called(name, module)}, which is never called"
            )
    products = sum(layer.multiply_adds > 0 for layer in rows)
    if products != fields.products:
        raise ValueError(f"products must be those of layers, got {fields.products} products in {products} such layers")
    return counted


def _called(name: str, module: nn.Module) -> str:
    return f"{type(module).__name__} at {name!r}" if name else type(module).__name__


def _record(
    name: str,
    rows: list[Layer],
    seen: set[Tensor],
    fields: ReceptiveFields,
    module: nn.Module,
    inputs: Any,
    output: Tensor,
) -> None:
    fresh = [p for p in module.parameters() if p not in seen]
    seen.update(fresh)
    multiply_adds = 0
    if isinstance(module, CONVOLUTIONS):
        multiply_adds = output.numel() * module.weight[0].numel()
    elif isinstance(module, nn.Linear):
        multiply_adds = output.numel() * module.in_features
    rows.append(
        Layer(
            name=name,
            kind=type(module).__name__,
            shape=tuple(output.shape[1:]),
            parameters=sum(p.numel() for p in fresh),
            multiply_adds=multiply_adds,
            receptive_field=tuple(span.size for span in fields[output]),
            jump=tuple(span.jump for span in fields[output]),
        )
    )
