"""The state of a training run on disk, and the check that a state fits its network.

Told in `book/part2/training.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from residual.storage import read_tensors, write_tensors
from residual.training.recipe import Recipe

WHAT = "a whole checkpoint of a training run (remove the file to train from the start)"


@dataclass
class History:
    """What happened in a training run: one value per epoch, measured over the batches as they were trained on."""

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)  # percent


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe, history: History) -> None:
    """Write weights, momentum, recipe and history to one safetensors file, whole or not at all."""
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    for i, parameter in enumerate(model.parameters()):
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:  # there is none with momentum=0, nor for a frozen parameter
            tensors[f"momentum.{i}"] = momentum
    write_tensors(path, tensors, {"recipe": json.dumps(asdict(recipe)), "history": json.dumps(asdict(history))})


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe) -> History:
    """Restore `model` and `optimizer` in place from `save_checkpoint`'s file and return the history so far.

    The state goes to the device that each parameter is on, wherever it was saved from.

    Raises:
        ValueError: for a damaged file, another recipe or another network; `model` and `optimizer` stay as they were.
    """
    tensors, metadata = read_tensors(path, what=WHAT)
    try:
        saved, history = dict(json.loads(metadata["recipe"])), History(**json.loads(metadata["history"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected {WHAT}, got {type(error).__name__}: {error}") from error
    wanted = asdict(recipe)
    if saved.keys() != wanted.keys():
        raise ValueError(
            f"{path}: checkpoint was made by another version of this package: only one of its recipe and this run's has"
            f" {', '.join(sorted(saved.keys() ^ wanted.keys()))}; remove the file to train from the start"
        )
    for name, value in wanted.items():
        if saved[name] != value:
            raise ValueError(f"{path}: checkpoint was made with {name}={saved[name]!r}, this run has {value!r}")
    weights = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    check_fits(path, weights, model)
    model.load_state_dict(weights)
    for i, parameter in enumerate(model.parameters()):
        if f"momentum.{i}" in tensors:
            layout = torch.channels_last if parameter.dim() == 4 else torch.contiguous_format
            momentum = tensors[f"momentum.{i}"].to(parameter.device, memory_format=layout, copy=True)
            optimizer.state[parameter]["momentum_buffer"] = momentum
    return history


def check_fits(path: Path, saved: Mapping[str, Tensor], model: nn.Module) -> None:
    """Compare a state dict read from `path` with that of `model`.

    Raises:
        ValueError: naming every key that is missing, unexpected, or of another shape.
    """
    wanted = model.state_dict()
    differences = {
        "missing": [key for key in wanted if key not in saved],
        "unexpected": [key for key in saved if key not in wanted],
        "of another shape": [
            f"{key} {tuple(saved[key].shape)} instead of {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in saved and saved[key].shape != value.shape
        ],
    }
    if any(differences.values()):
        text = "; ".join(f"{len(keys)} {what}: {', '.join(keys)}" for what, keys in differences.items() if keys)
        raise ValueError(f"{path}: weights are not those of this {type(model).__name__}: {text}")
