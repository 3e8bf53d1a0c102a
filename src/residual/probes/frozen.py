"""Checks that a net is a function of its weights and of one input, as many probes need it.

In training mode it is not: batch norm mixes the inputs of a batch and updates its statistics, and dropout is random.
"""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def called(name: str, module: nn.Module) -> str:
    """How messages name a module, which is the model itself where `name` is empty."""
    return f"{type(module).__name__} at {name!r}" if name else type(module).__name__


def check_frozen(model: nn.Module) -> None:
    """Refuse a model whose output for an input depends on the batch, on chance, or on earlier calls.

    Raises:
        ValueError: for a module in training mode, and for batch norm that keeps no statistics, by name and type.
    """
    for name, module in model.named_modules():
        this = called(name, module)
        if module.training:
            raise ValueError(f"model must be in evaluation mode, as after model.eval(), got {this} in training mode")
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            raise ValueError(f"batch norm must keep running statistics, which stand still, got {this} without")
