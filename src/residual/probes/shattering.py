"""Whether gradients at neighboring inputs are alike. In deep nets without skips they stop being so: they "shatter".

Told in `book/part1/before-training.md`. After Balduzzi et al. (2017).
"""

import torch
from torch import Tensor, nn

from residual.probes.frozen import check_frozen


def input_gradients(model: nn.Module, inputs: Tensor, *, readout: Tensor) -> Tensor:
    """How one number that `model` computes for an input moves with that input: (N, ...) -> (N, ...).

    Args:
        model: gives (N, K) or (N,) for N inputs, each on its own: batch norm must be in evaluation mode.
        inputs: (N, ...), floating point.
        readout: (K,), what the number is made of: the sum of outputs times these.

    Raises:
        ValueError: for a module in training mode or whose statistics move, by name; for a readout of another length
            than the outputs, and for an output that does not depend on the inputs.
    """
    check_frozen(model)
    inputs = inputs.detach().requires_grad_()
    outputs = model(inputs).reshape(len(inputs), -1)
    if readout.shape != outputs.shape[1:]:
        raise ValueError(
            f"readout must have one weight an output, {outputs.shape[1]}, got shape {tuple(readout.shape)}"
        )
    (gradients,) = torch.autograd.grad((outputs @ readout).sum(), inputs, allow_unused=True)
    if gradients is None:
        raise ValueError(f"model must compute something from its inputs, {type(model).__name__} does not")
    return gradients


def correlation(gradients: Tensor, lag: int = 1) -> float:
    """How alike gradients are, `lag` places apart along a path of inputs: their summed products over their norms.

    1 where the gradient is the same all along the path, as in a linear net; about 0 for white noise; never outside -1
    to 1. No mean is subtracted: over random nets it is zero, and a linear net's gradient is nothing but mean.

    Args:
        gradients: (N, ...), of inputs in their order along the path.
        lag: 1 to N - 1.

    Raises:
        ValueError: for another lag, and for gradients that are zero or not finite.
    """
    if not 1 <= lag < len(gradients):
        raise ValueError(f"lag must be 1 to {len(gradients) - 1} for {len(gradients)} gradients, got {lag}")
    flat = gradients.reshape(len(gradients), -1)
    here, there = flat[:-lag], flat[lag:]
    norms = here.norm() * there.norm()
    if not torch.isfinite(norms) or norms == 0:
        raise ValueError(f"gradients must be finite and not all zero, got norms with product {norms.item()}")
    return ((here * there).sum() / norms).item()
