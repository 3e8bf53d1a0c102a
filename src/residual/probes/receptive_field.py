"""Which part of the input each tensor of a forward pass can depend on: its receptive field.

Told in `book/part2/blocks.md`. The arithmetic is that of Araujo et al. (2019), *Computing Receptive Fields of
Convolutional Neural Networks*; tensors are followed where torch dispatches its operations, so skips, functional calls
and slices are all seen.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary


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


Field = tuple[Span, ...]  # a span for each axis of the input, without batch and channels


class ReceptiveFields(TorchDispatchMode):
    """While it is entered, follows the receptive field of every tensor that is computed from `inputs`.

    Args:
        inputs: (N, C, length), (N, C, H, W) and so on; or (N, features), where a feature counts as a position.

    Attributes:
        products: how many convolutions and matrix products there were.

    Raises:
        ValueError: on an operation whose reach it does not know, and on a sum of maps with different strides.
    """

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.products = 0
        self._fields = WeakTensorKeyDictionary()
        self._fields[inputs] = tuple(Span() for _ in inputs.shape[_first_axis(inputs) :])

    def __getitem__(self, tensor: Tensor) -> Field:
        return self._fields[tensor]

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        tracked = [x for x in _flat(args) if isinstance(x, Tensor) and x in self._fields]
        fields = [(self._fields[x], x.shape) for x in tracked]
        result = function(*args, **(kwargs or {}))
        out = result[0] if isinstance(result, tuple) else result
        if tracked and isinstance(out, Tensor):
            name, bound = function.overloadpacket.__name__, _bound(function, args, kwargs or {})
            if torch.Tag.pointwise in function.tags or (name == "cat" and bound["dim"] == 1 and out.ndim > 2):
                self._fields[out] = _pointwise(fields, out)
            elif name in _RULES:
                self._fields[out] = _RULES[name](*fields[0], bound, out)
            else:
                raise ValueError(f"operations must be such that their reach is known, got {function}")
            self.products += name in _PRODUCTS
        return result


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _bound(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of an operation by name."""
    arguments = function._schema.arguments
    given = {argument.name: value for argument, value in zip(arguments, args, strict=False)}
    return {argument.name: argument.default_value for argument in arguments} | given | dict(kwargs)


def _first_axis(x: Tensor) -> int:
    """Where positions begin among the dimensions: after batch and channels; features are positions themselves."""
    return min(2, x.ndim - 1)


def _pointwise(fields: Sequence[tuple[Field, torch.Size]], out: Tensor) -> Field:
    """The union of what the operands see. A map that is broadcast to more positions is taken to see everything."""
    spans: list[Span] = []
    first = _first_axis(out)
    for axis in range(len(fields[0][0])):
        moving = [f[axis] for f, shape in fields if shape[first:] == out.shape[first:]]
        if not moving or len({span.jump for span in moving}) > 1:
            raise ValueError(f"operands must be maps of one stride, got {[(f[axis], tuple(s)) for f, s in fields]}")
        union = moving[0]
        for span in moving[1:]:
            union = union.union(span)
        spans.append(union if len(moving) == len(fields) else union.everything())
    return tuple(spans)


def _windows(field: Field, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Field:
    def each(value: Any) -> list[int]:
        values = [value] if isinstance(value, int) else list(value)
        return values * len(field) if len(values) == 1 else values

    sizes = zip(each(kernel), each(stride or kernel), each(padding), each(dilation), strict=True)
    return tuple(span.window(*size) for span, size in zip(field, sizes, strict=True))


def _convolution(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    if bound["transposed"]:
        raise ValueError("convolutions must not be transposed, got a transposed one: its units do not see equally much")
    kernel = bound["weight"].shape[2:]
    return _windows(field, kernel, bound["stride"], bound["padding"], bound["dilation"])


def _pool(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    return _windows(field, bound["kernel_size"], bound["stride"], bound["padding"], bound.get("dilation", 1))


def _adaptive_pool(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    spans = []
    for span, before, after in zip(field, shape[-len(field) :], out.shape[-len(field) :], strict=True):
        if before % after:
            raise ValueError(f"adaptive pooling must divide its input evenly, got {before} units for {after}")
        spans.append(span.everything() if after == 1 else span.window(before // after, before // after, 0, 1))
    return tuple(spans)


def _whole(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    return tuple(span.everything() for span in field)


def _mean(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    if {dim % len(shape) for dim in bound["dim"]} != set(range(2, len(shape))):
        raise ValueError(f"a mean must be over all positions of a map, got dimensions {bound['dim']} of {tuple(shape)}")
    return _whole(field, shape, bound, out)


def _slice(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    dim = bound["dim"] % len(shape)
    axis = dim - _first_axis(out)
    if axis < 0:
        return field
    start = slice(bound["start"], None).indices(shape[dim])[0]
    return (*field[:axis], field[axis].shifted(start, bound["step"]), *field[axis + 1 :])


def _pad(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    before = list(reversed(bound["pad"][::2]))  # torch pads from the last dimension backwards
    before = ([0] * len(field) + before)[-len(field) :]
    return tuple(span.shifted(-units) for span, units in zip(field, before, strict=True))


def _reshape(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    if out.shape == shape:
        return field
    if out.ndim == 2 and out.shape[0] == shape[0]:
        return _whole(field, shape, bound, out)
    raise ValueError(f"a reshape must flatten maps or keep their shape, got {tuple(shape)} to {tuple(out.shape)}")


def _batch_norm(field: Field, shape: torch.Size, bound: Mapping[str, Any], out: Tensor) -> Field:
    return _whole(field, shape, bound, out) if bound["training"] else field


_PRODUCTS = ("convolution", "addmm", "mm")
_RULES: dict[str, Callable[[Field, torch.Size, Mapping[str, Any], Tensor], Field]] = {
    "convolution": _convolution,
    "addmm": _whole,
    "mm": _whole,
    "max_pool2d_with_indices": _pool,
    "avg_pool2d": _pool,
    "_adaptive_avg_pool2d": _adaptive_pool,
    "adaptive_max_pool2d": _adaptive_pool,
    "mean": _mean,
    "native_batch_norm": _batch_norm,
    "native_group_norm": _whole,
    "native_layer_norm": _whole,
    "slice": _slice,
    "constant_pad_nd": _pad,
    **dict.fromkeys(("view", "_unsafe_view", "clone", "detach", "alias", "as_strided_", "_to_copy"), _reshape),
}
