"""The state of a training run on disk, and what to say of a state that does not fit its network.

Told in `book/part2/training.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from residual.files import write_atomically
from residual.training.recipe import Recipe


@dataclass
class History:
    """What a training run left behind: a value an epoch, measured over the batches as they were trained on."""

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)  # percent


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe, history: History) -> None:
    """Write weights, momentum, recipe and history to one safetensors file, whole or not at all."""
    tensors = {f"model.{key}": value.contiguous() for key, value in model.state_dict().items()}
    for i, parameter in enumerate(model.parameters()):
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:  # there is none with momentum=0, nor for a frozen parameter
            tensors[f"momentum.{i}"] = momentum.contiguous()
    metadata = {"recipe": json.dumps(asdict(recipe)), "history": json.dumps(asdict(history))}
    write_atomically(path, save(tensors, metadata=metadata))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.SGD, recipe: Recipe) -> History:
    """Restore `model` and `optimizer` in place from `save_checkpoint`'s file and return the history so far.

    Raises:
        ValueError: for a damaged file, another recipe or another network; `model` and `optimizer` stay as they were.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
        saved, history = dict(json.loads(metadata["recipe"])), History(**json.loads(metadata["history"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a whole checkpoint of a training run, got {type(error).__name__}: {error};"
            " remove the file to train from the start"
        ) from error
    _check_recipe(path, saved, asdict(recipe))
    weights = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    check_fits(path, weights, model)
    model.load_state_dict(weights)
    for i, parameter in enumerate(model.parameters()):
        if f"momentum.{i}" in tensors:
            layout = torch.channels_last if parameter.dim() == 4 else torch.contiguous_format
            optimizer.state[parameter]["momentum_buffer"] = tensors[f"momentum.{i}"].clone().to(memory_format=layout)
    return history


def _check_recipe(path: Path, saved: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    differing = sorted(saved.keys() ^ wanted.keys())
    if differing:
        raise ValueError(
            f"{path}: checkpoint was made by another version of this package: only one of its recipe and this run's has"
            f" {', '.join(differing)}; remove the file to train from the start"
        )
    for name, value in wanted.items():
        if saved[name] != value:
            raise ValueError(f"{path}: checkpoint was made with {name}={saved[name]!r}, this run has {value!r}")


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
            f"{key} {tuple(saved[key].shape)} instead of {tuple(wanted[key].shape)}"
            for key in wanted
            if key in saved and saved[key].shape != wanted[key].shape
        ],
    }
    if any(differences.values()):
        text = "; ".join(f"{len(keys)} {what}: {', '.join(keys)}" for what, keys in differences.items() if keys)
        raise ValueError(f"{path}: weights are not those of this {type(model).__name__}: {text}")
