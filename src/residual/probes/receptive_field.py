"""Which part of the input each tensor of a forward pass can depend on: its receptive field.

Told in `book/part2/blocks.md`. The arithmetic is the recurrence of Araujo et al. (2019), *Computing Receptive Fields of
Convolutional Neural Networks*. Autograd's graph says through which operations a tensor came from the input, so skips,
functional calls and slices are all seen.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from torch import Tensor


@dataclass(frozen=True)
class Span:
    """What the units of a map see along one axis of the input: unit i sees from `low` + i `jump` to `high` + i `jump`.

    Positions count from the input's first pixel; those outside the input are padding. Both ends are infinite where a
    unit sees everything, as after global pooling. What lies between the ends need not all be seen.
    """

    low: float = 0
    high: float = 0
    jump: int = 1

    @property
    def size(self) -> float:
        """Input positions from end to end."""
        return self.high - self.low + 1

    def window(self, kernel: int, stride: int, padding: int, dilation: int) -> "Span":
        """After a convolution or a pooling with this window."""
        reach = (kernel - 1) * dilation - padding
        return Span(self.low - padding * self.jump, self.high + reach * self.jump, self.jump * stride)

    def shifted(self, units: int, step: int = 1) -> "Span":
        """After a slice that begins at unit `units` and keeps every `step`-th."""
        return Span(self.low + units * self.jump, self.high + units * self.jump, self.jump * step)

    def everything(self) -> "Span":
        return replace(self, low=-math.inf, high=math.inf)

    def union(self, other: "Span") -> "Span":
        return Span(min(self.low, other.low), max(self.high, other.high), self.jump)


Field: TypeAlias = tuple[Span, ...]  # a span for each axis of the input, without batch and channels

POINTWISE = (
    "Add", "Sub", "Mul", "Div", "Alias", "Clone", "ToCopy", "Relu", "LeakyRelu", "Hardtanh", "Hardsigmoid", "Hardswish",
    "Elu", "Gelu", "Silu", "Sigmoid", "Tanh",
)  # fmt: skip
WHOLE = ("Mm", "Addmm", "NativeBatchNorm", "NativeGroupNorm", "NativeLayerNorm")  # each output depends on all positions


class ReceptiveFields:
    """The receptive fields of tensors that were computed from `inputs`: `fields[tensor]` has a span for each axis.

    Inputs are (N, C, length), (N, C, H, W) and so on, or (N, features), where each feature counts as a position, with a
    gradient function, such as the clone of a tensor that requires a gradient.
    """

    def __init__(self, inputs: Tensor) -> None:
        self._known: dict[Any, Field | None] = {inputs.grad_fn: (Span(),) * max(1, inputs.ndim - 2)}

    def __getitem__(self, tensor: Tensor) -> Field:
        """The field of `tensor`.

        Raises:
            ValueError: for an operation on the way whose reach is not known, for a sum of maps with different strides,
                and for a tensor that does not depend on the inputs.
        """
        field = self._at(tensor.grad_fn)
        if field is None:
            raise ValueError(f"tensor must depend on the inputs, got one of shape {tuple(tensor.shape)} that does not")
        return field

    def _at(self, node: Any) -> Field | None:
        if node is None:
            return None
        if node not in self._known:
            operands = [(before, i, self._at(before)) for before, i in node.next_functions]
            maps = [(field, before._input_metadata[i].shape) for before, i, field in operands if field is not None]
            self._known[node] = _after(node, _union(maps)) if maps else None
        return self._known[node]


def _union(maps: list[tuple[Field, Any]]) -> Field:
    """What the operands of one operation see together. A map that is broadcast is taken to see everything."""
    (first, shape), *others = maps
    for field, its_shape in others:
        if [span.jump for span in first] != [span.jump for span in field]:
            raise ValueError(f"operands must be maps of one stride, got {first} and {field}")
        first = tuple(a.union(b) for a, b in zip(first, field, strict=True))
        if its_shape[2:] != shape[2:]:
            first = tuple(span.everything() for span in first)
    return first


def _after(node: Any, field: Field) -> Field:
    """The field behind an operation, given what its operands see; `node` is its node in autograd's graph."""
    name, shape = node.name().partition("Backward")[0], node._input_metadata[0].shape
    match name:
        case "NativeBatchNorm" if not node._saved_training:
            return field
        case "Convolution" if not node._saved_transposed:
            kernel = node._saved_weight.shape[2:]
            return _windows(field, kernel, node._saved_stride, node._saved_padding, node._saved_dilation)
        case "MaxPool2DWithIndices" | "AvgPool2D":
            kernel, dilation = node._saved_kernel_size, getattr(node, "_saved_dilation", (1, 1))
            return _windows(field, kernel, node._saved_stride or kernel, node._saved_padding, dilation)
        case "AdaptiveAvgPool2D" if not any(a % b for a, b in zip(node._saved_self.shape, shape, strict=True)):
            kernel = [a // b for a, b in zip(node._saved_self.shape[2:], shape[2:], strict=True)]
            return _windows(field, kernel, kernel, (0, 0), (1, 1))
        case "Slice":
            size, axis = node._saved_self_sym_sizes[node._saved_dim], node._saved_dim - len(shape) + len(field)
            start = slice(_signed(node._saved_start), None).indices(size)[0]
            return tuple(span.shifted(start, node._saved_step) if i == axis else span for i, span in enumerate(field))
        case "ConstantPadNd":  # torch pads from the last axis backwards
            before = [*[0] * len(field), *reversed(node._saved_pad[::2])][-len(field) :]
            return tuple(span.shifted(-units) for span, units in zip(field, before, strict=True))
        case "Mean":
            rank = len(node._saved_self_sym_sizes)
            if {_signed(axis) % rank for axis in node._saved_dim} == set(range(2, rank)):
                return tuple(span.everything() for span in field)
        case "Cat" if node._saved_dim == 1 and len(shape) > 2:
            return field
        case _ if name in POINTWISE:
            return field
        case _ if name in WHOLE or (name == "View" and len(shape) == 2):
            return tuple(span.everything() for span in field)
    raise ValueError(f"operations must be such that their reach is known, got {node.name()} with output {tuple(shape)}")


def _signed(value: int) -> int:
    """A number that may be negative, which autograd's graph shows without its sign, in 64 bits."""
    return value - 2**64 if value >= 2**63 else value


def _windows(field: Field, *sizes: Iterable[int]) -> Field:
    return tuple(span.window(*size) for span, *size in zip(field, *sizes, strict=True))
