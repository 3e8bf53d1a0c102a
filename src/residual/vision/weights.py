"""Published weights in, our weights out. Told in `book/part2/resnet.md`.

Keys are torchvision's, so files of torchvision and timm load as they are.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from residual.storage import foreign, read_tensors, write_tensors
from residual.training.states import bare, fitted
from residual.vision.architecture import build, describe
from residual.vision.resnet import ResNet

ENDINGS = (".pt", ".pth", ".th", ".tar", ".ckpt", ".bin")  # of files that torch saves; ".pth.tar" is no archive
KEY = "architecture"  # in a file's metadata
ALIASES = {"linear": "fc", "shortcut": "downsample"}  # in the CIFAR nets of akamaster and of kuangliu


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the state dict of `model` to a safetensors file, whole or not at all. Of a `ResNet`, it says which one.

    A network that is compiled, or wrapped as `load_weights` tells, is written under its own names.

    Raises:
        ValueError: for a model on torch's `meta` device, which has no weights.
    """
    state = bare(model.state_dict())
    if any(value.is_meta for value in state.values()):
        raise ValueError(f"model must have weights, but this {type(model).__name__} is on torch's meta device")
    nets = [net for net in model.modules() if isinstance(net, ResNet) and net.state_dict().keys() == state.keys()]
    write_tensors(Path(path), state, {KEY: describe(nets[0])} if nets else None)


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

    Reads `.safetensors`, and `.pt`, `.pth`, `.th`, `.pth.tar`, `.ckpt` or `.bin` as torch saves them, of which only
    tensors are accepted: a file with code in it is refused and none of it runs. A training script's file may have the
    weights under a name, such as "state_dict", "model_state_dict", "net" or "model", beside other things. What
    DataParallel, AveragedModel, torch.compile or Lightning put before each key is taken away, in the file and in
    `model`, and the head may be `linear`, a projection `shortcut`. Old files, from before torch counted batches, lack
    `num_batches_tracked`, on which no result depends; the count in `model` is kept. Values are cast to the dtype of
    `model`. A model on torch's `meta` device is filled on the CPU.

    Raises:
        ValueError: for a file that is missing, damaged, of another kind or holds more than tensors; for weights that
            fit in two places of it, which are named; for values that are not finite in the model's dtype; and for
            weights of another network, naming every key that is missing, unexpected or misshapen.
    """
    path = Path(path)
    own = bare(model.state_dict())
    found = {place: _renamed(state, own) for place, state in _read(path)}
    fitting = [place for place, state in found.items() if state.keys() == own.keys()]
    if len(fitting) > 1:
        raise ValueError(
            f"{path} has such weights more than once: save one of {', '.join(fitting)} to a file of its own"
        )
    place = fitting[0] if fitting else max(found, key=lambda place: len(found[place]))
    weights = fitted(path, found[place], model)
    # In the model's dtype: 100,000 is finite in the file and infinite in float16.
    not_finite = [key for key, value in bare(weights).items() if not torch.isfinite(value.double()).all()]
    if not_finite:
        raise ValueError(f"{path}: weights must be finite, these are not: {', '.join(not_finite)}")
    # Not strict, because all names are checked, and AveragedModel's count is none of them.
    model.load_state_dict(weights, strict=False, assign=any(value.is_meta for value in own.values()))


def _renamed(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` under the names of `own`, as far as they are known, with the counts of batches that it lacks."""
    renamed = {}
    for name, value in own.items():
        if name.endswith(".num_batches_tracked"):
            renamed[name] = torch.zeros_like(value, device="cpu") if value.is_meta else value
    saved = bare(state)
    for name, value in saved.items():
        alias = ".".join(ALIASES.get(part, part) for part in name.split("."))
        renamed[alias if alias in own and alias not in saved and name not in own else name] = value
    return renamed


def _read(path: Path) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The state dicts in a file, each with the names that lead to it."""
    ending = path.suffix.lower()
    if not path.is_dir() and ending not in (*ENDINGS, ".safetensors"):
        raise ValueError(f"{path}: expected a file name that ends in .safetensors or one of {', '.join(ENDINGS)}")
    if ending == ".safetensors" or not path.is_file():
        yield "", read_tensors(path, what="a file with weights")[0]
        return
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails wherever the damage is met
        code = re.search(r"GLOBAL ([\w.<>]+) w", str(error))  # "was not an allowed global", "whose module is blocked"
        got = f"code in it ({code[1]}), which was not run" if code else foreign(path)
        raise ValueError(f"{path}: expected a torch file that is whole and holds only tensors, got {got}") from error
    states = list(_states(content))
    if not states:
        got = type(content).__name__
        if isinstance(content, dict):
            others = (str(key) for key, value in content.items() if not _is_plain(value))
            got = f"dict with other things in it: {', '.join(others)}"
        raise ValueError(f"{path}: expected tensors by name, got {got}")
    yield from states


def _states(content: object, place: str = "", depth: int = 5) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content) or not depth:
        return
    if content and all(map(_is_plain, content.values())):
        yield place, content
    else:
        for key, value in content.items():
            yield from _states(value, f"{place}.{key}" if place else key, depth - 1)


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of real numbers, each of which is there."""
    return isinstance(value, Tensor) and not (
        value.is_sparse or value.is_quantized or value.is_meta or value.is_complex()
    )
