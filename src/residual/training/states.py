"""A network's state dict under the network's own names, whatever the network is, or was, wrapped in.

Told in `book/part2/resnet.md`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

T = TypeVar("T")


def bare(state: Mapping[str, T]) -> dict[str, T]:
    """`state` under the names that the network itself has.

    DataParallel and AveragedModel put `module.` before each name, torch.compile `_orig_mod.`, and a Lightning module
    mostly `model.` or `net.`; one may stand around another. A compiled part has `_orig_mod.` in the middle. The count
    of AveragedModel, `n_averaged`, is no weight and is left out.
    """
    state = {key.replace("_orig_mod.", ""): value for key, value in state.items() if key != "n_averaged"}
    for wrapper in ("module.", "model.", "net."):
        if state and all(key.startswith(wrapper) for key in state):
            return bare({key.removeprefix(wrapper): value for key, value in state.items()})
    return state


def fitted(path: Path, saved: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """`saved`, read from `path` and bare, as `model.load_state_dict` takes it: in its names, dtypes and devices.

    What is to fill a model on torch's `meta` device goes to the CPU.

    Raises:
        ValueError: naming every key that is missing, unexpected, or of another shape.
    """
    own = model.state_dict()
    keys = bare({key: key for key in own})
    differences = {
        "missing": [name for name in keys if name not in saved],
        "unexpected": [name for name in saved if name not in keys],
        "of another shape": [
            f"{name} {tuple(saved[name].shape)} instead of {tuple(own[key].shape)}"
            for name, key in keys.items()
            if name in saved and saved[name].shape != own[key].shape
        ],
    }
    if any(differences.values()):
        text = "; ".join(f"{len(names)} {what}: {', '.join(names)}" for what, names in differences.items() if names)
        raise ValueError(f"{path}: weights are not those of this {type(model).__name__}: {text}")
    return {
        key: saved[name].to("cpu" if own[key].is_meta else own[key].device, own[key].dtype)
        for name, key in keys.items()
    }
