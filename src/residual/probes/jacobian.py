"""The Jacobian of a block: how each output changes with each input, and how evenly it acts on all directions.

Told in `book/part1/residual-connections.md` and `book/part1/before-training.md`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from residual.probes.frozen import check_frozen


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


def input_jacobians(model: nn.Module, inputs: Tensor) -> Tensor:
    """Jacobian of what `model` computes for each of `inputs`: (N, ...) -> (N, outputs, entries of an input).

    Raises:
        ValueError: as `check_frozen`, for the inputs must not mix.
    """
    check_frozen(model)
    with torch.no_grad():
        outputs = model(inputs[:1]).numel()
    # A copy of the input for each output: one backward pass then gives all rows.
    copies = inputs.detach().repeat_interleave(outputs, dim=0).requires_grad_()
    rows = model(copies).reshape(len(inputs), outputs, outputs)
    (gradients,) = torch.autograd.grad(rows.diagonal(dim1=1, dim2=2).sum(), copies)
    return gradients.reshape(len(inputs), outputs, -1)


def participation(jacobian: Tensor) -> float:
    """Share of directions in which a Jacobian (outputs, inputs) acts: the participation ratio of its s^2.

    (sum of s^2)^2 / (n times sum of s^4), for singular values s and n columns: 1 where it stretches all directions
    alike (an isometry up to scale), 1/n where all that arrives comes from one direction.

    Raises:
        ValueError: for another number of axes, or a Jacobian that is zero or not finite.
    """
    if jacobian.ndim != 2:
        raise ValueError(f"jacobian must have two axes, got shape {tuple(jacobian.shape)}")
    scale = jacobian.abs().max()
    if not torch.isfinite(scale) or scale == 0:
        raise ValueError(f"jacobian must be finite and not zero, its largest entry is {scale.item()}")
    gram = (jacobian / scale).T @ (jacobian / scale)  # its eigenvalues are the s^2
    return (gram.trace() ** 2 / (len(gram) * gram.square().sum())).item()
