"""Whether gradients at neighboring inputs are alike. In deep nets without skips they are not: they "shatter".

Told in `book/part1/before-training.md`. After Balduzzi et al. (2017).
"""

import torch
from torch import Tensor, nn

from residual.probes.frozen import check_frozen


def input_gradients(model: nn.Module, inputs: Tensor, *, readout: Tensor) -> Tensor:
    """Gradient, at each input, of one number that `model` computes for it: (N, ...) -> (N, ...).

    The number is the sum of the outputs, (N, K) or (N,), weighted by `readout` (K,).

    Raises:
        ValueError: as `check_frozen`, for the inputs must not mix; for a readout of another length than the outputs,
            and for an output that does not depend on the inputs.
    """
    check_frozen(model)
    inputs = inputs.detach().requires_grad_()
    outputs = model(inputs).reshape(len(inputs), -1)
    if readout.shape != outputs.shape[1:]:
        raise ValueError(f"readout must have {outputs.shape[1]} weights, one per output, got {tuple(readout.shape)}")
    (gradients,) = torch.autograd.grad((outputs @ readout).sum(), inputs, allow_unused=True)
    if gradients is None:
        raise ValueError(f"model must compute something from its inputs, {type(model).__name__} does not")
    return gradients


def correlation(gradients: Tensor, lag: int = 1) -> float:
    """How alike gradients (N, ...) are, `lag` positions apart on a path: their summed products over their norms.

    It is 1 where the gradient is the same all along the path, as in a linear net, about 0 for white noise, and never
    outside -1 to 1. No mean is subtracted: over random nets it is zero, and a linear net's gradient is its mean.

    Raises:
        ValueError: for a lag outside 1 to N - 1, and for gradients that are zero or not finite.
    """
    if not 1 <= lag < len(gradients):
        raise ValueError(f"lag must be 1 to {len(gradients) - 1} for {len(gradients)} gradients, got {lag}")
    flat = gradients.reshape(len(gradients), -1)
    here, there = flat[:-lag], flat[lag:]
    norms = here.norm() * there.norm()
    if not torch.isfinite(norms) or norms == 0:
        raise ValueError(f"gradients must be finite and not all zero, got norms with product {norms.item()}")
    return ((here * there).sum() / norms).item()
