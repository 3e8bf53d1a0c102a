"""The state of a training run on disk.

Told in `book/part2/training.md`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from residual.storage import read_tensors, write_tensors
from residual.training.recipe import Recipe
from residual.training.states import bare, fitted

_STATES = ("momentum_buffer", "step", "exp_avg", "exp_avg_sq")  # of SGD and of AdamW, for each parameter
_SAVED = {"momentum_buffer": "momentum"}  # the name in the file, where it differs
WHAT = "a whole checkpoint of a training run (remove the file to train from the start)"


@dataclass
class History:
    """What happened in a training run: one value per epoch, measured over the batches as they were trained on.

    Where the run had something to validate on, `valid_loss` has a value from before the first step, and one per epoch.
    """

    train_loss: list[float] = field(default_factory=list)
    train_error: list[float] = field(default_factory=list)  # percent
    valid_loss: list[float] = field(default_factory=list)


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, history: History
) -> None:
    """Write weights, the optimizer's state, recipe and history to one safetensors file, whole or not at all.

    It is the same file for a network that is compiled, or wrapped in DataParallel, and continues it with or without.
    """
    tensors = {f"model.{key}": value for key, value in bare(model.state_dict()).items()}
    for i, parameter in enumerate(model.parameters()):
        for name, value in optimizer.state[parameter].items():
            if value is not None:  # there is none with momentum=0, nor for a frozen parameter
                tensors[f"{_SAVED.get(name, name)}.{i}"] = value
    write_tensors(path, tensors, {"recipe": json.dumps(asdict(recipe)), "history": json.dumps(asdict(history))})


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe) -> History:
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
    model.load_state_dict(fitted(path, bare(weights), model))
    for i, parameter in enumerate(model.parameters()):
        for name in _STATES:
            if (value := tensors.get(f"{_SAVED.get(name, name)}.{i}")) is not None:
                layout = torch.channels_last if value.dim() == 4 else torch.contiguous_format
                optimizer.state[parameter][name] = value.to(parameter.device, memory_format=layout, copy=True)
    return history
