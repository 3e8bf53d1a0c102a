"""What was changed in a network after it was built, by name: a conversion must not overlook it.

Told in `book/appendix/jax.md`.
"""

from typing import Any

from flax import nnx
from torch import nn

SETTINGS = (bool, int, float, str, tuple, type, type(None))
HOOKS = ("_forward_hooks", "_forward_pre_hooks")  # of torch


def check_unchanged(net: nn.Module | nnx.Module, new: nn.Module | nnx.Module) -> None:
    """Compare a network with a `new` one of its class, built with its arguments, in everything but values of weights.

    Raises:
        ValueError: naming each module, setting, shape of a weight, hook, and method of one module alone that differs.
    """
    now, built = _described(net), _described(new)
    changed = [name for name in {**built, **now} if now.get(name) != built.get(name)]
    whole = [name for name in changed if not any(name.startswith(f"{other}.") for other in changed)]
    if whole:
        said = "; ".join(f"{name} is {now.get(name)}, not {built.get(name)}" for name in whole)
        raise ValueError(f"the network must be as it was built, not fused or changed: {said}")


def _described(net: nn.Module | nnx.Module) -> dict[str, Any]:
    """The class of each module, its settings, and the shapes of weights, by name; what is None may be left out."""
    modules: dict[str, Any]
    if isinstance(net, nn.Module):
        modules = dict(net.named_modules())
        described: dict[str, Any] = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    else:
        modules = {".".join(map(str, path)): module for path, module in nnx.iter_modules(net)}
        state = nnx.to_flat_state(nnx.state(net))
        described = {".".join(map(str, path)): tuple(variable.shape) for path, variable in state}
    for place, module in modules.items():
        kind = type(module)
        described[place or "the network"] = f"{kind.__module__.partition('.')[0]}'s {kind.__name__}"
        evaluates = not getattr(module, "training", True) or getattr(module, "use_running_average", False)
        for name, value in vars(module).items():
            if name == "momentum" and evaluates:  # of running statistics, which stay as they are
                continue
            own_method = callable(value) and callable(getattr(kind, name, None))
            if (isinstance(value, SETTINGS) and not name.startswith("_")) or own_method or (name in HOOKS and value):
                described[f"{place}.{name}".removeprefix(".")] = value
    return described
