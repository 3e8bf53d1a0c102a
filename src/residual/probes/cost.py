"""What a network costs, layer by layer: parameters, multiply-adds, activations; and how much of the input it sees.

Told in `book/part2/blocks.md` and `book/part2/resnet.md`.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from residual.probes.frozen import called
from residual.probes.receptive_field import ReceptiveFields

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)
COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *NORMS)


@dataclass(frozen=True)
class Layer:
    """One call of one layer, for one input.

    Attributes:
        name: as in `model.named_modules()`, such as "layer1.0.conv1".
        kind: its type, such as "Conv2d".
        shape: of the output, without the batch: (C, H, W), or (features,).
        parameters: those that no earlier row counts, so that shared ones count once.
        multiply_adds: of products; biases, norms, pooling and activations count as none.
        receptive_field: input positions from end to end that an output unit can depend on, one number per axis;
            infinite where it depends on the whole input. Padding counts, so it can be larger than the input.
        jump: input positions from one output unit to the next, one number per axis.
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

    @property
    def totals(self) -> dict[str, int]:
        """Sums over layers; activations are outputs of layers with products, as in Radosavovic et al. (2020)."""
        products = [layer for layer in self.layers if layer.multiply_adds]
        return {
            "parameters": sum(layer.parameters for layer in self.layers),
            "multiply_adds": sum(layer.multiply_adds for layer in products),
            "activations": sum(layer.activations for layer in products),
        }


def cost(model: nn.Module, shape: Sequence[int]) -> Cost:
    """Count what `model` takes for one input of this shape, without the batch: (C, H, W), or (features,).

    Runs a copy of `model` once, in evaluation mode and on the device "meta", where tensors have shapes and no values. A
    layer is a module without modules in it. Convolutions, linear layers and norms may hold parameters. All else may be
    modules or functions, such as activations, pooling, sums and slices, as long as it is known how far they reach;
    functions get no row.

    Raises:
        ValueError: for another layer with parameters, and for one that is never called, by name and type; for products
            outside of layers, and for operations as in `ReceptiveFields`.
    """
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None and not isinstance(module, COUNTED):
            known = ", ".join(kind.__name__ for kind in COUNTED)
            raise ValueError(f"layers with parameters must be of {known}, got {called(name, module)}")
    copied = copy.deepcopy(model).to("meta").eval()
    dtype = next((parameter.dtype for parameter in model.parameters()), torch.get_default_dtype())
    inputs = torch.zeros(1, *shape, dtype=dtype, device="meta", requires_grad=True).clone()  # may be changed in place
    fields, counter = ReceptiveFields(inputs), FlopCounterMode(display=False)
    leaves = {name: module for name, module in model.named_modules() if not any(module.children())}
    rows: list[Layer] = []
    counted: set[Tensor] = set()

    def refuse_products(*_: Any) -> None:
        if counter.get_total_flops():
            raise ValueError(f"products must be those of layers, got {counter.get_total_flops() // 2} outside of them")

    def add_row(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        fresh = [parameter for parameter in leaves[name].parameters() if parameter not in counted]
        counted.update(fresh)
        rows.append(
            Layer(
                name=name,
                kind=type(leaves[name]).__name__,
                shape=tuple(output.shape[1:]),
                parameters=sum(parameter.numel() for parameter in fresh),
                multiply_adds=counter.get_total_flops() // 2,  # a multiply-add is two operations
                receptive_field=tuple(span.size for span in fields[output]),
                jump=tuple(span.jump for span in fields[output]),
            )
        )
        counter.flop_counts.clear()

    for name in leaves:
        copied.get_submodule(name).register_forward_pre_hook(refuse_products)
        copied.get_submodule(name).register_forward_hook(partial(add_row, name))
    try:
        with counter:
            output = copied(inputs)
            refuse_products()
        receptive_field = tuple(span.size for span in fields[output])
    except ValueError as error:
        raise ValueError(f"after {rows[-1].name!r}: {error}" if rows else str(error)) from error
    for name, module in leaves.items():
        if not counted.issuperset(module.parameters()):
            raise ValueError(f"every layer must take part, got {called(name, module)}, which is never called")
    return Cost(tuple(rows), receptive_field)
