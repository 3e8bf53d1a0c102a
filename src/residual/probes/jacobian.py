"""The Jacobian of a block: how each output moves with each input. Told in `book/part1/residual-connections.md`."""

from collections.abc import Callable

import torch
from torch import Tensor


def jacobian(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Jacobian of `function` at `x`, over all entries of both: (x.numel(), x.numel()), row = output, column = input.

    Batch norm couples the images of a batch, so the batch is part of the space, not looped over.

    Raises:
        ValueError: where the output has another number of entries than `x`.
    """
    full = torch.autograd.functional.jacobian(function, x)
    n = x.numel()
    if full.numel() != n * n:
        raise ValueError(f"function must keep the number of entries, {n}, got {full.numel() // n}")
    return full.reshape(n, n)
