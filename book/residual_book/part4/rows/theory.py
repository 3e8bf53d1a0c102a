"""By what a gradient is multiplied on its way back through a linear block, when the block is new."""

import math


def factor(*, residual: bool, normalized: bool) -> float:
    """The factor of the norm for one block of `TabularResNet` at initialization, in the limit of width.

    PyTorch draws the weights of a linear layer of n inputs with variance 1/3n. So the square of the norm is multiplied
    by 1/3m in the second layer, by one half in the ReLU, and by m/3 in the first, where m is the multiplier of the
    width inside: by 1/18, whatever m is. A skip adds one to it. Batch norm divides by the deviation of its input, which
    is what the block before puts out. In a plain stack the gain of the weights then cancels, as in stacks of single
    layers (Yang et al. 2019).

    Raises:
        ValueError: for skips with normalization, where the factor changes from block to block.
    """
    if residual and normalized:
        raise ValueError("residual blocks with normalization have no one factor: the skip grows from block to block")
    return math.sqrt(math.pi / (math.pi - 1)) if normalized else math.sqrt(1 / 18 + residual)
