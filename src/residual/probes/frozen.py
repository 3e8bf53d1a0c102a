"""What a net must be for a probe to see a function of its weights and one input: nothing in it may move.

In training mode batch norm mixes the inputs of a batch and updates its statistics, and dropout is random. Used by the
probes of `book/part1/before-training.md` and `book/part1/after-training.md`.
"""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def check_frozen(model: nn.Module) -> None:
    """Refuse a model whose answer to an input depends on the batch, on chance, or on what it was called with before.

    Raises:
        ValueError: for a module in training mode, and for batch norm that keeps no statistics, by name and type.
    """
    for name, module in model.named_modules():
        called = f"{type(module).__name__} at {name!r}" if name else type(module).__name__
        if module.training:
            raise ValueError(f"model must be in evaluation mode, as after model.eval(), got {called} in training mode")
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(f"batch norm must keep running statistics, which stand still, got {called} without")
