"""Published weights in, our weights out. Told in `book/part2/resnet.md`.

Keys are torchvision's, so files of torchvision and timm load as they are.
"""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from residual.files import write_atomically
from residual.training.checkpoint import check_fits

PICKLED = (".pt", ".pth", ".th")


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the state dict of `model` to a safetensors file, whole or not at all."""
    write_atomically(Path(path), save({key: value.contiguous() for key, value in model.state_dict().items()}))


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load weights into `model`, in place; where they do not fit, `model` stays as it was.

    Reads `.safetensors`, and `.pt`, `.pth` or `.th` as torch saves them, of which only tensors are accepted: a file
    with code in it is refused and none of it runs. A training script's file may have the weights under "state_dict" or
    "model" and `module.` before each key. Files from before torch counted batches lack `num_batches_tracked`, which no
    result depends on; the count in `model` is kept. Values are cast to the dtype of `model`.

    Raises:
        ValueError: for a file that is missing, damaged, of another kind or holds more than tensors; for values that are
            not finite; and for weights of another network, naming every key that is missing, unexpected or misshapen.
    """
    path = Path(path)
    weights = _read(path)
    for key, value in model.state_dict().items():
        if key.endswith(".num_batches_tracked"):
            weights.setdefault(key, value)
    check_fits(path, weights, model)
    not_finite = [key for key, value in weights.items() if not torch.isfinite(value).all()]
    if not_finite:
        raise ValueError(f"{path}: weights must be finite, these are not: {', '.join(not_finite)}")
    model.load_state_dict(weights)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: expected a file with weights")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path}: expected a whole safetensors file: {error}") from error
    if path.suffix not in PICKLED:
        raise ValueError(f"{path}: expected a file name that ends in .safetensors or one of {', '.join(PICKLED)}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails wherever the damage is met
        code = re.search(r"GLOBAL (\S+)|Unsupported operand", str(error))
        got = f"code in it ({code[1] or 'unnamed'}), which was not run" if code else f"one that cannot be read: {error}"
        raise ValueError(f"{path}: expected a torch file that is whole and holds only tensors, got {got}") from error
    return _state_dict(path, content)


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(
            f"{path}: expected a dictionary of tensors, got {type(content).__name__} with other things in it"
        )
    return {str(key).removeprefix("module."): value for key, value in content.items()}
