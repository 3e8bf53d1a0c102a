"""Published weights in, our weights out. Told in `book/part2/resnet.md`.

Keys are torchvision's, so files of torchvision and timm load as they are.
"""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from residual.storage import read_tensors, write_tensors
from residual.training.checkpoint import check_fits
from residual.vision.architecture import build, describe
from residual.vision.resnet import ResNet

PICKLED = (".pt", ".pth", ".th")
KEY = "architecture"  # in a file's metadata


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the state dict of `model` to a safetensors file, whole or not at all. Of a `ResNet`, it says which one."""
    metadata = {KEY: describe(model)} if isinstance(model, ResNet) else None
    write_tensors(Path(path), model.state_dict(), metadata)


def load_network(path: str | Path) -> ResNet:
    """The network that `save_weights` wrote to `path`, in evaluation mode.

    Raises:
        ValueError: for a file that is missing or damaged, that does not say of which network it is, or that holds
            the weights of another.
    """
    _, metadata = read_tensors(Path(path), what="a file with weights")
    if KEY not in metadata:
        raise ValueError(f"{path} does not say of which network it is: make that one, and give it to load_weights")
    model = build(metadata[KEY])
    load_weights(model, path)
    return model.eval()


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load weights into `model`, in place; where they do not fit, `model` stays as it was.

    Reads `.safetensors`, and `.pt`, `.pth` or `.th` as torch saves them, of which only tensors are accepted: a file
    with code in it is refused and none of it runs. A training script's file may have the weights under "state_dict" or
    "model" and `module.` before each key. Old files, from before torch counted batches, lack `num_batches_tracked`, on
    which no result depends; the count in `model` is kept. Values are cast to the dtype of `model`.

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
    if path.suffix not in PICKLED and path.suffix != ".safetensors":
        raise ValueError(f"{path}: expected a file name that ends in .safetensors or one of {', '.join(PICKLED)}")
    if path.suffix == ".safetensors" or not path.is_file():
        return read_tensors(path, what="a file with weights")[0]
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails wherever the damage is met
        code = re.search(r"GLOBAL (\S+)|Unsupported operand", str(error))
        got = f"code in it ({code[1] or 'unnamed'}), which was not run" if code else f"one that cannot be read: {error}"
        raise ValueError(f"{path}: expected a torch file that is whole and holds only tensors, got {got}") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path}: expected tensors by name, got {type(content).__name__} with other things in it")
    return {str(key).removeprefix("module."): value for key, value in content.items()}
